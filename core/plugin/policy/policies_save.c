/* A tenant's policies. */
#include "plugin/policy/policies_save.h"

#include <errno.h>

static const struct db_stmt insert_row = {"policy.insert",
    "INSERT INTO juxin.plugin_policy (tenant_id, id, unit_id, plugin, rule, reach, levels, reason, actor, "
    "valid_from,"
    " valid_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, now()), $11)"};
static const struct db_stmt end_row = {"policy.end",
    "UPDATE juxin.plugin_policy SET valid_until = greatest(now(), valid_from) WHERE tenant_id = $1 AND id = "
    "$2"
    " AND (valid_until IS NULL OR valid_until > now())"};

/* from_now: by the database's clock, see call_use. */
static int write_row(struct call *c, const struct policy_change *ch, bool from_now)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, ch->row.id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, ch->row.unit).id);
    db_arg_str(&a, ch->plugin);
    db_arg_str(&a, policy_rule_name(ch->row.rule));
    db_arg_str(&a, ch->row.is_subtree ? "subtree" : "self");
    db_arg_str(&a, policy_levels_text(c->arena, ch->row.levels));
    db_arg_str(&a, ch->row.reason);
    db_arg_uuid_or_null(&a, ch->row.actor);
    if (from_now)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, ch->row.from_us);
    if (ch->row.until_us == INT64_MAX)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, ch->row.until_us);
    return db_exec_expect(c->tx, insert_row, &a, 1);
}

/* The key first: a request that was done before overlaps with what it has done. */
int policy_set(struct call *c, const struct policy_input *in, struct uuid *ret_id)
{
    struct policy_change ch;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = policy_change_set(c, in, &ch);
    if (r == 0)
        r = call_bump(c);
    if (r == 0)
        r = write_row(c, &ch, in->from_us == 0);
    if (r == 0)
        r = call_audit(c, "plugin.policy.set", "plugin_policy", ch.row.id,
            tree_unit(c->tenant->tree, ch.row.unit).id,
            "plugin,rule,reach,levels,reason,valid_from,valid_until");
    if (r == 0)
        *ret_id = ch.row.id;
    return r;
}

int policy_end(struct call *c, const char *plugin, struct uuid id)
{
    struct policy_change ch;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = policy_change_end(c, plugin, id, &ch);
    if (r == 0 && ch.row.unit == TREE_NONE) /* no tenant's to end */
        r = call_not_found(c);
    if (r == 0)
        r = call_bump(c);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec_expect(c->tx, end_row, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    return r < 0 ? r
                 : call_audit(c, "plugin.policy.end", "plugin_policy", id,
                       tree_unit(c->tenant->tree, ch.row.unit).id, "valid_until");
}
