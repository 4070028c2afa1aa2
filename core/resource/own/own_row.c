/* Requests about own data as JSON. */
#include "resource/own/own_row.h"

#include "base/clock.h"
#include "base/json.h"
#include "resource/declare/edition.h"
#include "resource/record/record.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

static void write_json(struct jsonw *w, const char *key, const char *json)
{
    jsonw_key(w, key);
    if (json)
        jsonw_raw(w, text_of(json));
    else
        jsonw_null(w);
}

/* What may not be seen unmasked in the record is not in what is asked for it either. */
static void write_changes(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    const char *name = db_get(rows, i, 2), *key;
    const struct resource *res = name ? edition_find(c->tenant, name) : NULL;
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 6));
    json_t *changes, *v;

    if (!db_get(rows, i, 8) || uuid_eq(db_get_uuid(rows, i, 4), c->who->account) ||
        (res && unit != TREE_NONE && subject_may(c->who, c->tenant, res->permissions[ACTION_UNMASK], unit)) ||
        json_parse(db_get_text(rows, i, 8), JSON_LIMITS, &changes, NULL) < 0) {
        write_json(w, "changes", db_get(rows, i, 8));
        return;
    }
    jsonw_key(w, "changes");
    jsonw_object(w);
    json_object_foreach(changes, key, v)
    {
        const struct field *f = res ? resource_field(res, text_of(key)) : NULL;

        jsonw_key(w, key);
        if (json_is_string(v) && (!f || f->mask != MASK_NONE))
            record_write_masked(w, f ? f->mask : MASK_ALL, json_string_value(v));
        else
            jsonw_value(w, v);
    }
    jsonw_object_end(w);
    json_decref(changes);
}

static void write_time(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    jsonw_kstr(w, key, db_get(rows, i, column) ? clock_format(db_get_time(rows, i, column)).s : NULL);
}

static void write_names(struct jsonw *w, const char *names)
{
    struct text rest = text_of(*names ? names : NULL);

    jsonw_key(w, "fields");
    jsonw_array(w);
    while (rest.ptr)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
}

static void write_deadline(struct call *c, struct jsonw *w, const char *due, bool is_open)
{
    int32_t today = calendar_today(c->now_us), day;

    jsonw_kstr(w, "due_on", due);
    if (!is_open || date_parse(text_of(due), &day) < 0)
        return;
    jsonw_kint(w, "days_left", calendar_between(tenant_calendar(c->tenant), today, day));
    jsonw_kbool(w, "is_overdue", day < today);
}

void own_row_write(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    const char *state = db_get(rows, i, 10);

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "what", db_get(rows, i, 1));
    jsonw_kstr(w, "resource", db_get(rows, i, 2));
    jsonw_kstr(w, "record", db_get(rows, i, 3));
    jsonw_kstr(w, "account", db_get(rows, i, 4));
    jsonw_kstr(w, "account_name", db_get(rows, i, 5));
    jsonw_kstr(w, "unit", db_get(rows, i, 6));
    write_names(w, db_get(rows, i, 7));
    write_changes(c, w, rows, i);
    jsonw_kstr(w, "reason", db_get(rows, i, 9));
    jsonw_kstr(w, "state", state);
    write_deadline(c, w, db_get(rows, i, 11), strcmp(state, "open") == 0);
    jsonw_kstr(w, "answer", db_get(rows, i, 12));
    write_json(w, "kept", db_get(rows, i, 13));
    jsonw_key(w, "erased");
    if (db_get(rows, i, 14))
        jsonw_int(w, db_get_int(rows, i, 14));
    else
        jsonw_null(w);
    write_time(w, "created_at", rows, i, 15);
    write_time(w, "decided_at", rows, i, 16);
    jsonw_kstr(w, "recorded_by", db_get(rows, i, 17));
    jsonw_kstr(w, "filed", db_get(rows, i, 18));
    jsonw_kstr(w, "signed_on", db_get(rows, i, 19));
    jsonw_object_end(w);
}
