/* juxinctl tenant setting */
#include "ctl/commands.h"

#include "base/clock.h"

/* Each with what it may be. */
static const struct {
    const char *key, *values[3];
} known[] = {{"two_person_unit_events", {"on", "off", NULL}}};

static const struct db_stmt put_setting = {"ctl_tenant_setting",
    "INSERT INTO juxin.tenant_setting (tenant_id, key, value, updated_at) VALUES ($1, $2, $3, $4) ON "
    "CONFLICT (tenant_id, key) DO "
    "UPDATE SET value = EXCLUDED.value, updated_at = EXCLUDED.updated_at"};

static bool is_known(const char *key, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        for (size_t k = 0; strcmp(known[i].key, key) == 0 && known[i].values[k]; k++)
            if (strcmp(known[i].values[k], value) == 0)
                return true;
    return false;
}

static int put(struct ctl *c, struct call *call, void *arg)
{
    struct db_args a;
    int r = call_begin(call);

    (void)arg;
    if (r == 0)
        r = call_bump(call);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, call->tenant->id);
    db_arg_str(&a, c->argument[1]);
    db_arg_str(&a, c->argument[2]);
    db_arg_time(&a, call->now_us);
    r = db_exec_expect(call->tx, put_setting, &a, 1);
    return r < 0 ? r : call_audit(call, "tenant.setting", "tenant", UUID_NIL, UUID_NIL, c->argument[1]);
}

static int run(struct ctl *c)
{
    if (!is_known(c->argument[1], c->argument[2]))
        return ctl_fail(c, CTL_USAGE, "the settings are: two_person_unit_events on|off");
    return ctl_in_tenant(c, c->argument[0], put, NULL, "setting");
}

const struct ctl_command ctl_tenant_setting = {
    .name = "tenant setting",
    .arguments = "SLUG KEY VALUE",
    .summary = "what a tenant decides about how it works",
    .help = "  juxinctl tenant setting shangcheng two_person_unit_events on",
    .arguments_min = 3,
    .arguments_max = 3,
    .needs = CTL_DATABASE,
    .run = run,
};
