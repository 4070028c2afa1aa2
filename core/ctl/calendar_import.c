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
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%d: %zu days differ from the week", year, count);
    return CTL_OK;
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
