/* juxinctl dictionary import */
#include "base/clock.h"
#include "base/json.h"
#include "ctl/commands.h"
#include "resource/declare/dictionary.h"
#include "tenant/calendar.h"

static int store(struct ctl *c, const json_t *root)
{
    struct db_tx *tx;
    int r = db_begin(c->db, 0, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return ctl_fail_errno(c, r, "writing the dictionary");
    r = dictionary_store(tx, root, calendar_today(clock_wall_us()));
    if (r < 0) {
        db_rollback(tx);
        return ctl_fail_errno(c, r, "writing the dictionary; nothing was changed");
    }
    r = db_commit(tx);
    return r < 0 ? ctl_fail_errno(c, r, "writing the dictionary") : CTL_OK;
}

static int import(struct ctl *c, const json_t *root)
{
    const char *name = json_str_or(root, "dictionary", "");
    size_t count = json_array_size(json_object_get(root, "entries"));
    char why[200];
    int code;

    if (dictionary_check(root, why) < 0)
        return ctl_fail(c, CTL_REFUSED, "%s: %s", c->argument[0], why);
    code = store(c, root);
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "dictionary", name);
        jsonw_kint(&c->w, "entries", (int64_t)count);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%s: %zu codes", name, count);
    return CTL_OK;
}

static int run(struct ctl *c)
{
    json_t *root;
    int code = ctl_read_json(c, c->argument[0], 4 << 20, &root);

    if (code != CTL_OK)
        return code;
    code = import(c, root);
    json_decref(root);
    return code;
}

const struct ctl_command ctl_dictionary_import = {
    .name = "dictionary import",
    .arguments = "FILE",
    .summary = "brings a list of codes in that fields choose from, for all districts",
    .help = "New codes and labels replace those that are there. A code that is not in the file any more "
            "cannot be "
            "chosen from\ntoday on; records that hold it keep it, with its label.\n"
            "  juxinctl dictionary import schemas/dictionaries/gbt4754-2017.json",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
};
