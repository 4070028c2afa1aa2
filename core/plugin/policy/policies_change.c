/* What speaks against a change of policies, and what the policies are with it. */
#include "plugin/policy/policies_change.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "plugin/package/plugin.h"
#include "plugin/policy/policies.h"

#define REASON_MAX 500

static int check_input(struct call *c, struct policy_input *in)
{
    bool is_restricting = in->rule == POLICY_OFF || in->rule == POLICY_FORBIDDEN;

    if (in->from_us == 0)
        in->from_us = c->now_us;
    in->reason = in->reason ? in->reason : "";
    if (is_restricting && !in->reason[0])
        call_fail_at(
            c, "/reason", "required", "Say why: people at the unit are told.", "请说明原因，使用者会看到。");
    if (!text_is_utf8(text_of(in->reason)) || text_chars(text_of(in->reason)) > REASON_MAX)
        call_fail_at(c, "/reason", "too_long", "A reason has at most 500 characters.", "原因不超过 500 字。");
    if (in->until_us <= in->from_us)
        call_fail_at(c, "/until", "range", "The end lies after the beginning.", "结束时间须晚于开始时间。");
    return c->fault.status ? -EINVAL : 0;
}

/* Over a whole subtree, units that are still to come too? */
static bool may_write_below(struct call *c, uint32_t unit)
{
    const struct tree *t = c->tenant->tree;
    struct scope scope;

    subject_scope(c->who, c->tenant, core_permission(CORE_POLICY_WRITE), c->arena, &scope);
    for (uint32_t i = 0; i < scope.count; i++)
        if (scope.entries[i].reach == REACH_SUBTREE &&
            tree_contains(unit, scope.entries[i].unit, tree_end(t, scope.entries[i].unit)))
            return true;
    return false;
}

static bool may_contain_units(enum level level)
{
    for (int below = 0; below < LEVELS; below++)
        if (level_may_contain(level, (enum level)below))
            return true;
    return false;
}

/* Who turns a plugin on or off in a subtree needs the permission all over it; what the deployment says is the
 * operator's alone. */
static int check_permission(struct call *c, uint32_t unit, bool is_subtree)
{
    if (unit == TREE_NONE)
        return c->who->kind == SUBJECT_OPERATOR || c->who->kind == SUBJECT_SYSTEM ? 0 : call_not_found(c);
    if (subject_may(c->who, c->tenant, core_permission(CORE_POLICY_WRITE), unit) &&
        (!is_subtree || !may_contain_units(tree_level(c->tenant->tree, unit)) || may_write_below(c, unit)))
        return 0;
    return call_forbidden(c, core_permission_name(CORE_POLICY_WRITE));
}

/* The tenant's sets, the plugin's with other rows. */
static struct policy_set *copy_sets(
    struct call *c, size_t at, const struct policy_row *rows, size_t row_count, size_t *ret_count)
{
    const struct policy_set *sets = policy_all(c, ret_count);
    struct policy_set *copy = arena_array(c->arena, *ret_count, sizeof(*copy));

    memcpy(copy, sets, *ret_count * sizeof(*sets));
    copy[at].rows = rows;
    copy[at].count = row_count;
    return copy;
}

/* The sets with the new row in. */
static int add_row(struct call *c, const struct policy_input *in, struct policy_change *ch)
{
    size_t count, at = 0;
    const struct policy_set *sets = policy_all(c, &count);
    struct policy_row *rows;

    while (at < count && strcmp(sets[at].plugin->id, in->plugin) != 0)
        at++;
    if (at == count)
        return call_fail(
            c, 404, "unknown_plugin", "There is no such plugin on this server.", "本平台没有该插件。");
    rows = arena_array(c->arena, sets[at].count + 1, sizeof(*rows));
    if (sets[at].count > 0)
        memcpy(rows, sets[at].rows, sets[at].count * sizeof(*rows));
    ch->plugin = sets[at].plugin->id;
    ch->row = (struct policy_row){.id = uuid_new(),
        .unit = in->unit,
        .rule = in->rule,
        .is_subtree = in->is_subtree || in->unit == TREE_NONE,
        .levels = in->levels,
        .reason = in->reason,
        .actor = c->who->account,
        .from_us = in->from_us,
        .until_us = in->until_us};
    rows[sets[at].count] = ch->row;
    ch->sets = copy_sets(c, at, rows, sets[at].count + 1, &ch->count);
    return 0;
}

static int check_overlap(struct call *c, const struct policy_change *ch)
{
    const struct policy_set *set = policy_rows(c, ch->plugin);
    bool is_deployment = ch->row.unit == TREE_NONE;

    for (size_t i = 0; i < set->count; i++) {
        const struct policy_row *r = &set->rows[i];
        bool same_levels = r->levels == 0 || ch->row.levels == 0 || (r->levels & ch->row.levels) != 0;

        if (r->unit != ch->row.unit || !same_levels || r->from_us >= ch->row.until_us ||
            r->until_us <= ch->row.from_us)
            continue;
        return call_fail(c, 409, "policy_overlap",
            arena_printf(c->arena,
                "%s has a rule for these levels and this time already (%s, %s). End it first.",
                is_deployment ? "The deployment" : "This unit", policy_rule_name(r->rule),
                uuid_format(r->id).s),
            arena_printf(c->arena, "%s在相同层级和时间段已有规则（%s，%s），请先结束原规则。",
                is_deployment ? "平台" : "该组织机构", policy_rule_name(r->rule), uuid_format(r->id).s));
    }
    return 0;
}

/* The plugins that one needs, at any distance, as numbers of sets; their count. */
static size_t find_needs(const struct policy_change *ch, size_t *needs)
{
    const char *from = ch->plugin;
    size_t count = 0, next = 0;

    for (;;) {
        for (size_t i = 0; i < ch->count; i++) {
            const char *const *need =
                strcmp(ch->sets[i].plugin->id, from) == 0 ? ch->sets[i].plugin->requires : NULL;

            for (; need && *need; need++)
                for (size_t k = 0; k < ch->count; k++) {
                    bool is_new = strcmp(ch->sets[k].plugin->id, *need) == 0;

                    for (size_t n = 0; n < count; n++)
                        is_new = is_new && needs[n] != k;
                    if (is_new)
                        needs[count++] = k;
                }
        }
        if (next == count)
            return count;
        from = ch->sets[needs[next++]].plugin->id;
    }
}

/* Does a `forbidden` hold the plugin down at the unit at some time that the new row is for? */
static bool is_forbidden(
    const struct tree *t, const struct policy_change *ch, const char *plugin, uint32_t unit)
{
    int64_t at_us = ch->row.from_us;

    while (at_us < ch->row.until_us) {
        struct policy_answer a = policy_effective(t, ch->sets, ch->count, plugin, unit, at_us);

        if (a.decided_by && a.decided_by->rule == POLICY_FORBIDDEN)
            return true;
        at_us = a.next_change_us;
    }
    return false;
}

static int check_dependencies(struct call *c, const struct policy_change *ch)
{
    const struct tree *t = c->tenant->tree;
    uint32_t begin = ch->row.unit == TREE_NONE ? 0 : ch->row.unit, end = begin + 1;
    size_t *needs = arena_array(c->arena, ch->count + 1, sizeof(*needs));
    size_t count = ch->row.rule == POLICY_MANDATORY ? find_needs(ch, needs) : 0;

    if (count == 0)
        return 0;
    if (ch->row.unit == TREE_NONE)
        end = tree_count(t);
    else if (ch->row.is_subtree)
        end = tree_end(t, begin);
    for (uint32_t u = begin; u < end; u++) {
        if (ch->row.levels != 0 && !(ch->row.levels & 1u << tree_level(t, u)))
            continue;
        for (size_t i = 0; i < count; i++) {
            const char *need = ch->sets[needs[i]].plugin->id;

            if (!is_forbidden(t, ch, need, u))
                continue;
            return call_fail(c, 409, "dependency_forbidden",
                arena_printf(c->arena, "It needs %s, which is forbidden at %s.", need, tree_unit(t, u).name),
                arena_printf(c->arena, "该插件依赖 %s，而后者在%s被禁止启用。", need, tree_unit(t, u).name));
        }
    }
    return 0;
}

int policy_change_set(struct call *c, const struct policy_input *in, struct policy_change *ret)
{
    struct policy_input input = *in;
    int r = check_permission(c, in->unit, in->is_subtree);

    if (r == 0)
        r = check_input(c, &input);
    if (r == 0)
        r = add_row(c, &input, ret);
    if (r == 0)
        r = check_overlap(c, ret);
    if (r == 0)
        r = check_dependencies(c, ret);
    if (r == 0)
        ret->at_us = MAX(ret->row.from_us, c->now_us);
    return r;
}

int policy_change_end(struct call *c, const char *plugin, struct uuid id, struct policy_change *ret)
{
    size_t count, set = 0, at = 0, n = 0;
    const struct policy_set *sets = policy_all(c, &count);
    struct policy_row *rows;
    int r;

    while (set < count && strcmp(sets[set].plugin->id, plugin) != 0)
        set++;
    while (set < count && at < sets[set].count &&
           !(uuid_eq(sets[set].rows[at].id, id) && sets[set].rows[at].until_us > c->now_us))
        at++;
    if (set == count || at == sets[set].count)
        return call_not_found(c);
    ret->plugin = sets[set].plugin->id;
    ret->row = sets[set].rows[at];
    if (ret->row.unit != TREE_NONE &&
        !subject_may(c->who, c->tenant, core_permission(CORE_POLICY_READ), ret->row.unit))
        return call_not_found(c);
    r = check_permission(c, ret->row.unit, ret->row.is_subtree);
    if (r < 0)
        return r;
    rows = arena_array(c->arena, sets[set].count, sizeof(*rows));
    for (size_t i = 0; i < sets[set].count; i++)
        if (i != at)
            rows[n++] = sets[set].rows[i];
    ret->sets = copy_sets(c, set, rows, n, &ret->count);
    ret->at_us = MAX(ret->row.from_us, c->now_us);
    return 0;
}
