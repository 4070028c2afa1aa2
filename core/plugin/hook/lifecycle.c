/* Telling plugins where they became effective and where they no longer are. */
#include "plugin/hook/lifecycle.h"

#include <errno.h>

#include "base/log.h"
#include "plugin/hook/offer.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

static const struct db_stmt told_units = {
    "lifecycle.told", "SELECT unit_id FROM juxin.plugin_unit WHERE tenant_id = $1 AND plugin = $2"};
static const struct db_stmt note_enabled = {"lifecycle.enabled",
    "INSERT INTO juxin.plugin_unit (tenant_id, plugin, unit_id) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant_id, plugin, unit_id) DO NOTHING"};
static const struct db_stmt note_disabled = {"lifecycle.disabled",
    "DELETE FROM juxin.plugin_unit WHERE tenant_id = $1 AND plugin = $2 AND unit_id = $3"};

static bool is_about_units(const struct offer_lifecycle *o)
{
    return o->l.event == JX_ENABLE_UNIT || o->l.event == JX_DISABLE_UNIT;
}

bool lifecycle_is_wanted(void)
{
    for (size_t i = 0; i < offers()->lifecycle_count; i++)
        if (is_about_units(&offers()->lifecycle[i]))
            return true;
    return false;
}

/* True at the first of a plugin's entries: a plugin is compared once, whichever of the two events it wants. */
static bool is_first_of_plugin(size_t at)
{
    const struct offers *all = offers();

    for (size_t i = 0; i < at; i++)
        if (is_about_units(&all->lifecycle[i]) && all->lifecycle[i].plugin == all->lifecycle[at].plugin)
            return false;
    return is_about_units(&all->lifecycle[at]);
}

static int read_told(struct call *c, const char *plugin, bool *told)
{
    struct db_args args;
    struct db_call call = {.stmt = told_units, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_str(&args, plugin);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(call.rows, i, 0));

        if (unit != TREE_NONE)
            told[unit] = true;
    }
    return 0;
}

/* All of the plugin's functions for the event; a plugin that wants only the other event has agreed to this one. */
static int run_handlers(struct call *c, const struct plugin *p, uint32_t event, uint32_t unit)
{
    struct subject as_plugin = {.kind = SUBJECT_PLUGIN, .plugin = p->id};
    const struct subject *who = c->who;
    int r = 0;

    c->who = &as_plugin;
    for (size_t i = 0; i < offers()->lifecycle_count && r == 0; i++) {
        const struct offer_lifecycle *o = &offers()->lifecycle[i];
        struct jx_result result = {.size = sizeof(result)};
        struct jx_call j;

        if (o->plugin != p || o->l.event != event)
            continue;
        host_begin_deadline(c);
        host_enter(&j, c, p, offer_lifecycle_name(event), unit);
        o->l.fn(&j, unit, &result);
        r = host_leave(&j, &result);
        if (r == 0 && result.verdict != JX_OK)
            r = -EPROTO;
        if (r == 0)
            host_forgive(&j);
    }
    c->who = who;
    return r;
}

static int tell_one(struct call *c, const struct plugin *p, uint32_t unit, bool is_on)
{
    struct db_args args;
    int r = call_begin(c);

    if (r == 0)
        r = run_handlers(c, p, is_on ? JX_ENABLE_UNIT : JX_DISABLE_UNIT, unit);
    if (r == 0) {
        db_args_reset(&args);
        db_arg_int(&args, c->tenant->id);
        db_arg_str(&args, p->id);
        db_arg_uuid(&args, tree_unit(c->tenant->tree, unit).id);
        r = db_exec(c->tx, is_on ? note_enabled : note_disabled, &args, NULL);
    }
    if (r == 0)
        return call_commit(c);
    call_rollback(c);
    return r;
}

/* What says nothing about the plugin at this unit: the round is over, and all that is left waits for the next. */
static bool ends_the_round(int r)
{
    return r == -ECANCELED || r == -EREMCHG || r == -ECONNRESET || r == -EAGAIN || r == -EBUSY;
}

/* A plugin that fails at one unit is asked again the next time; the other units do not wait for it. */
static int tell_plugin(struct call *c, const struct plugin *p, struct lifecycle_result *ret)
{
    uint32_t count = tree_count(c->tenant->tree);
    bool *told = arena_array(c->arena, count + 1, sizeof(*told));
    int r = read_told(c, p->id, told);

    for (uint32_t unit = 0; r == 0 && unit < count && ret->told + ret->failed < LIFECYCLE_BATCH; unit++) {
        bool is_on = policy_is_on(c, p->id, unit);

        if (is_on == told[unit])
            continue;
        r = tell_one(c, p, unit, is_on);
        if (r == 0) {
            ret->told++;
        } else if (!ends_the_round(r)) {
            ret->failed++;
            c->fault = (struct call_fault){0};
            log_event(LOG_WARN, "plugin.lifecycle_failed", LF_STR("plugin", p->id),
                LF_INT("tenant", c->tenant->id),
                LF_STR("hook", offer_lifecycle_name(is_on ? JX_ENABLE_UNIT : JX_DISABLE_UNIT)));
            r = 0;
        }
    }
    return r;
}

int lifecycle_tell(struct call *c, struct lifecycle_result *ret)
{
    int r = 0;

    *ret = (struct lifecycle_result){0};
    for (size_t i = 0; i < offers()->lifecycle_count && r == 0; i++)
        if (is_first_of_plugin(i) && plugin_is_available(offers()->lifecycle[i].plugin))
            r = tell_plugin(c, offers()->lifecycle[i].plugin, ret);
    return r;
}
