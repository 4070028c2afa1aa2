/* juxinctl audit head */
#include "base/clock.h"
#include "ctl/commands.h"
#include "db/seal.h"

static const struct db_stmt last = {"ctl_audit_head",
    "SELECT n, head, at FROM juxin.audit_seal WHERE tenant_id = $1 ORDER BY n DESC LIMIT 1"};

struct head {
    const char *n, *head;
    struct clock_text at;
    uint64_t tail_rows;
    int64_t tail_age_us;
};

static int read_head(struct ctl *c, struct call *call, void *arg)
{
    struct head *in = arg;
    struct db_args args;
    struct db_call read = {.stmt = last, .args = &args};
    int r;

    (void)c;
    db_args_reset(&args);
    db_arg_int(&args, call->tenant->id);
    r = call_read(call, &read, 1);
    if (r < 0)
        return r;
    in->n = in->head = NULL;
    if (db_rows_count(read.rows) > 0) {
        in->n = arena_dup(c->arena, db_get(read.rows, 0, 0));
        in->head = arena_dup(c->arena, db_get(read.rows, 0, 1));
        in->at = clock_format(db_get_time(read.rows, 0, 2));
    }
    return seal_tail(call->db, call->tenant->id, &in->tail_rows, &in->tail_age_us);
}

static int run(struct ctl *c)
{
    struct head in = {0};
    int code = ctl_in_tenant(c, c->argument[0], read_head, &in, "reading the head");

    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "batches", in.n ? strtoll(in.n, NULL, 10) : 0);
        jsonw_kstr(&c->w, "head", in.head);
        jsonw_kstr(&c->w, "sealed_at", in.n ? in.at.s : NULL);
        jsonw_kint(&c->w, "unsealed", (int64_t)in.tail_rows);
        jsonw_kint(&c->w, "unsealed_for_ms", in.tail_age_us / 1000);
        jsonw_object_end(&c->w);
    }
    if (in.n)
        ctl_say(c, "batch %s, sealed %s\n%s", in.n, in.at.s, in.head);
    else
        ctl_say(c, "nothing is sealed yet");
    ctl_say(c, "%llu rows are not sealed yet, the oldest for %lld ms", (unsigned long long)in.tail_rows,
        (long long)(in.tail_age_us / 1000));
    return CTL_OK;
}

const struct ctl_command ctl_audit_head = {
    .name = "audit head",
    .arguments = "SLUG",
    .summary = "the last seal of the audit trail, to be kept somewhere else, and what is not sealed yet",
    .help = "  juxinctl audit head shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
