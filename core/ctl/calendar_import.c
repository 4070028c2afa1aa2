/* juxinctl calendar import */
#include "base/json.h"
#include "ctl/commands.h"
#include "tenant/calendar.h"

static int store(struct ctl *c, int32_t year, const json_t *root)
{
    struct db_tx *tx;
    int r = db_begin(c->db, 0, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return ctl_fail_errno(c, r, "writing the calendar");
    r = calendar_store(tx, year, root);
    if (r < 0) {
        db_rollback(tx);
        return ctl_fail_errno(c, r, "writing the calendar; nothing was changed");
    }
    r = db_commit(tx);
    return r < 0 ? ctl_fail_errno(c, r, "writing the calendar") : CTL_OK;
}

static const struct db_stmt known_years = {
    "ctl_calendar_years", "SELECT year FROM juxin.calendar_year ORDER BY year"};
static const struct db_stmt tenants = {
    "ctl_calendar_tenants", "SELECT id FROM juxin.tenant WHERE is_active ORDER BY id"};
static const struct db_stmt at_once = {"ctl_calendar_at_once",
    "UPDATE juxin.job SET run_at = now() WHERE tenant_id = $1 AND kind = 'resource.calendar' AND state = "
    "'waiting'"};

/* Deadlines that reached into the year are counted anew now, not within the hour. */
static int recount(struct ctl *c)
{
    struct db_call call = {.stmt = tenants};
    int r = db_read(c->db, 0, &call, 1, NULL, NULL);

    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++) {
        struct db_args a;
        struct db_tx *tx;

        r = db_begin(c->db, (int32_t)db_get_int(call.rows, i, 0), DB_WRITE, NULL, &tx, NULL);
        if (r < 0)
            break;
        db_args_reset(&a);
        db_arg_int(&a, db_tx_tenant(tx));
        r = db_exec(tx, at_once, &a, NULL);
        if (r == 0)
            r = db_commit(tx);
        else
            db_rollback(tx);
    }
    db_calls_done(&call, 1);
    return r < 0 ? ctl_fail_errno(c, r, "the calendar is there; deadlines are counted anew within the hour")
                 : CTL_OK;
}

/* Years between those that are known: a deadline across one of them is counted by weekends alone. */
static int tell_missing(struct ctl *c)
{
    struct db_call call = {.stmt = known_years};
    int64_t expected = 0;
    int r = db_read(c->db, 0, &call, 1, NULL, NULL);

    if (r < 0)
        return ctl_fail_errno(c, r, "reading which years are known");
    if (c->json) {
        jsonw_key(&c->w, "missing");
        jsonw_array(&c->w);
    }
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        int64_t year = db_get_int(call.rows, i, 0);

        for (; expected && expected < year; expected++) {
            if (c->json)
                jsonw_int(&c->w, expected);
            ctl_say(c,
                "%lld is missing: deadlines that reach into it are counted by weekends alone and marked as "
                "provisional, until it is imported",
                (long long)expected);
        }
        expected = year + 1;
    }
    if (c->json)
        jsonw_array_end(&c->w);
    db_calls_done(&call, 1);
    return CTL_OK;
}

static int import(struct ctl *c, const json_t *root)
{
    struct calendar_day *days;
    char why[200];
    size_t count;
    int32_t year;
    int code;

    if (calendar_parse(root, &year, &days, &count, why) < 0)
        return ctl_fail(c, CTL_REFUSED, "%s: %s", c->argument[0], why);
    free(days);
    code = store(c, year, root);
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "year", year);
        jsonw_kint(&c->w, "days", (int64_t)count);
    }
    ctl_say(c, "%d: %zu days differ from the week", year, count);
    code = tell_missing(c);
    if (c->json)
        jsonw_object_end(&c->w);
    return code == CTL_OK ? recount(c) : code;
}

static int run(struct ctl *c)
{
    json_t *root;
    int code = ctl_read_json(c, c->argument[0], 1 << 20, &root);

    if (code != CTL_OK)
        return code;
    code = import(c, root);
    json_decref(root);
    return code;
}

const struct ctl_command ctl_calendar_import = {
    .name = "calendar import",
    .arguments = "FILE",
    .summary = "brings a year's public holidays and make-up workdays in",
    .help = "Deadlines count in working days. Replaces what was known of that year.\n"
            "  juxinctl calendar import schemas/calendar/CN-2026.json",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
