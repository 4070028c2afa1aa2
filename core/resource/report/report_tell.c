/* What happens to reports, told: the audit, and streams of events. */
#include "base/buf.h"
#include "db/outbox.h"
#include "resource/report/report_row.h"
#include "tenant/tree.h"

int report_changed(struct call *c, const struct report *r, const char *action)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct uuid unit = tree_unit(c->tenant->tree, r->unit).id;
    struct jsonw w;
    int e;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "id", uuid_format(r->id).s);
    jsonw_kstr(&w, "unit", uuid_format(unit).s);
    jsonw_kstr(&w, "period", r->period.name);
    jsonw_kint(&w, "version", r->version);
    jsonw_kstr(&w, "state", report_state_names[r->state]);
    jsonw_object_end(&w);
    e = event_publish(c->tx, "report", uuid_format(r->id).s, r->revision, buf_str(&b));
    return e < 0 ? e : call_audit(c, action, "report", r->id, unit, "state");
}

int report_note_download(struct call *c, const struct report *r)
{
    return call_audit(c, "report.download", "report", r->id, tree_unit(c->tenant->tree, r->unit).id, NULL);
}
