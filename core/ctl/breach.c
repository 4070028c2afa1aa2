/* juxinctl breach */
#include "resource/own/breach.h"

#include "base/clock.h"
#include "ctl/commands.h"
#include "ctl/lookup.h"

static const char *number(struct ctl *c, const struct db_rows *rows, int i, int column)
{
    return arena_printf(c->arena, "%lld", (long long)db_get_int(rows, i, column));
}

static void show_persons(struct ctl *c, const struct breach_answer *answer)
{
    static const char *const titles[] = {"account", "name", "records", "shown", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);

    for (int i = 0; i < answer->person_count; i++) {
        ctl_table_cell(table, db_get(answer->persons, i, 0));
        ctl_table_cell(table, db_get(answer->persons, i, 1));
        ctl_table_cell(table, number(c, answer->persons, i, 2));
        ctl_table_cell(table, number(c, answer->persons, i, 3));
    }
    ctl_table_end(table);
}

static void show_exports(struct ctl *c, const struct breach_answer *answer)
{
    static const char *const titles[] = {"at", "action", "export", "fields", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);

    for (int i = 0; i < answer->export_count; i++) {
        ctl_table_cell(table, clock_format(db_get_time(answer->exports, i, 0)).s);
        for (int k = 1; k < 4; k++)
            ctl_table_cell(table, db_get(answer->exports, i, k));
    }
    ctl_table_end(table);
}

static int question(struct ctl *c, struct call *call, struct breach_question *ret)
{
    int r = lookup_account(call, ctl_option(c, "account"), &ret->account, NULL);

    if (r == 0)
        r = lookup_time(call, ctl_option(c, "from"), 0, &ret->from_us);
    return r < 0 ? r : lookup_time(call, ctl_option(c, "until"), call->now_us, &ret->until_us);
}

static int ask(struct ctl *c, struct call *call, void *arg)
{
    struct breach_question q;
    struct breach_answer answer;
    int r = question(c, call, &q);

    (void)arg;
    if (r == 0)
        r = call_begin(call);
    if (r == 0)
        r = breach_read(call, &q, &answer);
    if (r < 0)
        return r;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_key(&c->w, "persons");
    }
    show_persons(c, &answer);
    if (c->json)
        jsonw_key(&c->w, "exports");
    if (answer.export_count || c->json)
        show_exports(c, &answer);
    if (c->json) {
        jsonw_kbool(&c->w, "complete", answer.is_complete);
        jsonw_object_end(&c->w);
    }
    if (!answer.is_complete)
        ctl_progress(c, "There are more: ask for a shorter span of time.");
    return 0;
}

static int run(struct ctl *c)
{
    return ctl_in_tenant(c, c->argument[0], ask, NULL, "asking who was affected");
}

const struct ctl_command ctl_breach = {
    .name = "breach",
    .arguments = "SLUG",
    .summary = "whose records an account touched or was shown, and what it took out",
    .help = "For when an account was somebody else's for a while. The question is noted in the audit trail.\n"
            "  juxinctl breach shangcheng --account officer --from 2026-11-01 --until 2026-11-03T08:00:00Z",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"account", "LOGIN", "whose doing", true},
        {"from", "TIME", "from the beginning, unless said", false},
        {"until", "TIME", "until now, unless said", false}},
};
