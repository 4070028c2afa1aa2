/* policy_set, policy_end, policy_preview. */
#include "plugin/policies_change.h"

#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/permission.h"
#include "base/mem.h"
#include "plugin/plugin.h"
#include "plugin/policies.h"

#define REASON_MAX 500
#define REQUIRES_DEPTH_MAX 32

static const struct db_stmt insert_row = {"policy.insert",
    "INSERT INTO juxin.plugin_policy (tenant_id, id, unit_id, plugin, rule, reach, levels, reason, actor, "
    "valid_from,"
    " valid_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, coalesce($10, now()), $11)"};
static const struct db_stmt end_row = {"policy.end",
    "UPDATE juxin.plugin_policy SET valid_until = greatest(now(), valid_from) WHERE tenant_id = $1 AND id = "
    "$2"
    " AND (valid_until IS NULL OR valid_until > now())"};

/* What is asked and the sets as they would be. */
struct change {
    struct call *c;
    struct policy_input in;
    struct policy_row row;
    struct policy_set *sets; /* in the arena */
    size_t count, at;        /* at: this plugin's set */
    bool from_now;           /* by the database's clock, see call_use */
};

static int check_input(struct change *ch)
{
    struct call *c = ch->c;
    const char *reason = ch->in.reason ? ch->in.reason : "";
    bool is_restricting = ch->in.rule == POLICY_OFF || ch->in.rule == POLICY_FORBIDDEN;

    ch->from_now = ch->in.from_us == 0;
    if (ch->from_now)
        ch->in.from_us = c->now_us;
    ch->in.reason = reason;
    if (is_restricting && !reason[0])
        call_fail_at(
            c, "/reason", "required", "Say why: people at the unit are told.", "请说明原因，使用者会看到。");
    if (!text_is_utf8(text_of(reason)) || text_chars(text_of(reason)) > REASON_MAX)
        call_fail_at(c, "/reason", "too_long", "A reason has at most 500 characters.", "原因不超过 500 字。");
    if (ch->in.until_us <= ch->in.from_us)
        call_fail_at(c, "/until", "range", "The end lies after the beginning.", "结束时间须晚于开始时间。");
    return c->fault.status ? -EINVAL : 0;
}

static int check_permission(struct call *c, uint32_t unit)
{
    if (subject_may(c->who, c->tenant, core_permission(CORE_POLICY_WRITE), unit))
        return 0;
    return call_forbidden(c, core_permission_name(CORE_POLICY_WRITE));
}

/* The sets with the new row in. */
static int build_sets(struct change *ch)
{
    struct call *c = ch->c;
    const struct policy_set *sets = policy_all(c, &ch->count);
    struct policy_row *rows;

    while (ch->at < ch->count && strcmp(sets[ch->at].plugin->id, ch->in.plugin) != 0)
        ch->at++;
    if (ch->at == ch->count)
        return call_fail(
            c, 404, "unknown_plugin", "There is no such plugin on this server.", "本平台没有该插件。");
    ch->sets = arena_array(c->arena, ch->count, sizeof(*ch->sets));
    memcpy(ch->sets, sets, ch->count * sizeof(*sets));
    rows = arena_array(c->arena, sets[ch->at].count + 1, sizeof(*rows));
    if (sets[ch->at].count > 0)
        memcpy(rows, sets[ch->at].rows, sets[ch->at].count * sizeof(*rows));
    ch->row = (struct policy_row){.id = uuid_new(),
        .unit = ch->in.unit,
        .rule = ch->in.rule,
        .is_subtree = ch->in.is_subtree,
        .levels = ch->in.levels,
        .reason = ch->in.reason,
        .actor = c->who->account,
        .from_us = ch->in.from_us,
        .until_us = ch->in.until_us};
    rows[sets[ch->at].count] = ch->row;
    ch->sets[ch->at].rows = rows;
    ch->sets[ch->at].count++;
    return 0;
}

static int check_overlap(struct change *ch)
{
    const struct policy_set *set = policy_rows(ch->c, ch->in.plugin);

    for (size_t i = 0; i < set->count; i++) {
        const struct policy_row *r = &set->rows[i];
        bool same_levels = r->levels == 0 || ch->row.levels == 0 || (r->levels & ch->row.levels) != 0;

        if (r->unit != ch->row.unit || !same_levels || r->from_us >= ch->row.until_us ||
            r->until_us <= ch->row.from_us)
            continue;
        return call_fail(ch->c, 409, "policy_overlap",
            arena_printf(ch->c->arena,
                "This unit has a rule for these levels and this time already (%s, %s). End it first.",
                policy_rule_name(r->rule), uuid_format(r->id).s),
            arena_printf(ch->c->arena, "该组织机构在相同层级和时间段已有规则（%s，%s），请先结束原规则。",
                policy_rule_name(r->rule), uuid_format(r->id).s));
    }
    return 0;
}

/* The first required plugin, at any distance, that a `forbidden` holds down at the unit. */
static const char *forbidden_need(
    const struct change *ch, const char *plugin, uint32_t unit, int64_t at_us, int depth)
{
    for (size_t i = 0; i < ch->count; i++) {
        if (strcmp(ch->sets[i].plugin->id, plugin) != 0)
            continue;
        for (const char *const *need = ch->sets[i].plugin->requires; need && *need; need++) {
            struct policy_answer a =
                policy_effective(ch->c->tenant->tree, ch->sets, ch->count, *need, unit, at_us);
            const char *deeper;

            if (a.decided_by && a.decided_by->rule == POLICY_FORBIDDEN)
                return *need;
            deeper = depth < REQUIRES_DEPTH_MAX ? forbidden_need(ch, *need, unit, at_us, depth + 1) : NULL;
            if (deeper)
                return deeper;
        }
    }
    return NULL;
}

static int check_dependencies(struct change *ch)
{
    struct call *c = ch->c;
    const struct tree *t = c->tenant->tree;
    uint32_t begin = ch->row.unit, end = ch->row.is_subtree ? tree_end(t, begin) : begin + 1;

    if (ch->row.rule != POLICY_MANDATORY)
        return 0;
    for (uint32_t u = begin; u < end; u++) {
        const char *need;

        if (ch->row.levels != 0 && !(ch->row.levels & 1u << tree_level(t, u)))
            continue;
        need = forbidden_need(ch, ch->in.plugin, u, ch->row.from_us, 0);
        if (!need)
            continue;
        return call_fail(c, 409, "dependency_forbidden",
            arena_printf(c->arena, "It needs %s, which is forbidden at %s.", need, tree_unit(t, u).name),
            arena_printf(c->arena, "该插件依赖 %s，而后者在%s被禁止启用。", need, tree_unit(t, u).name));
    }
    return 0;
}

static int prepare(struct change *ch, struct call *c, const struct policy_input *in)
{
    int r;

    *ch = (struct change){.c = c, .in = *in};
    r = check_permission(c, in->unit);
    if (r == 0)
        r = check_input(ch);
    if (r == 0)
        r = build_sets(ch);
    if (r == 0)
        r = check_overlap(ch);
    return r == 0 ? check_dependencies(ch) : r;
}

static int write_tenant_row(struct change *ch)
{
    struct call *c = ch->c;
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, ch->row.id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, ch->row.unit).id);
    db_arg_str(&a, ch->in.plugin);
    db_arg_str(&a, policy_rule_name(ch->row.rule));
    db_arg_str(&a, ch->row.is_subtree ? "subtree" : "self");
    db_arg_str(&a, policy_levels_text(c->arena, ch->row.levels));
    db_arg_str(&a, ch->row.reason);
    db_arg_uuid_or_null(&a, ch->row.actor);
    if (ch->from_now)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, ch->row.from_us);
    if (ch->row.until_us == INT64_MAX)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, ch->row.until_us);
    return db_exec_expect(c->tx, insert_row, &a, 1);
}

int policy_set(struct call *c, const struct policy_input *in, struct uuid *ret_id)
{
    struct uuid unit_id = tree_unit(c->tenant->tree, in->unit).id;
    struct change ch;
    int r = prepare(&ch, c, in);

    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = write_tenant_row(&ch);
    if (r == 0)
        r = call_audit(c, "plugin.policy.set", "plugin_policy", ch.row.id, unit_id,
            "plugin,rule,reach,levels,reason,valid_from,valid_until");
    if (r == 0)
        *ret_id = ch.row.id;
    return r;
}

static const struct policy_row *find_row(struct call *c, const char *plugin, struct uuid id)
{
    const struct policy_set *set = policy_rows(c, plugin);

    for (size_t i = 0; set && i < set->count; i++)
        if (uuid_eq(set->rows[i].id, id) && set->rows[i].until_us > c->now_us)
            return &set->rows[i];
    return NULL;
}

int policy_end(struct call *c, const char *plugin, struct uuid id)
{
    const struct policy_row *row = find_row(c, plugin, id);
    struct db_args a;
    int r;

    if (!row || row->unit == TREE_NONE ||
        !subject_may(c->who, c->tenant, core_permission(CORE_POLICY_READ), row->unit))
        return call_not_found(c);
    r = check_permission(c, row->unit);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
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
                       tree_unit(c->tenant->tree, row->unit).id, "valid_until");
}

static bool role_speaks_of(const struct access_role *role, const char *plugin)
{
    size_t len = strlen(plugin);

    for (uint32_t p = 0; p < permission_count(); p++) {
        const char *name = permission_info(p)->name;

        if ((role->permissions[p / 64] >> (p % 64) & 1) && strncmp(name, plugin, len) == 0 &&
            name[len] == '.')
            return true;
    }
    return false;
}

static bool grant_touches(struct call *c, const struct access_grant *g, const struct policy_preview *p)
{
    const struct tree *t = c->tenant->tree;

    if (g->from > c->now_us || g->until <= c->now_us)
        return false;
    for (uint32_t i = 0; i < p->flip_count; i++) {
        uint32_t u = p->flips[i].unit;

        if ((p->flips[i].before == EFFECTIVE_ON) == (p->flips[i].after == EFFECTIVE_ON))
            continue;
        if (u == g->unit || (g->reach == REACH_SUBTREE && tree_contains(u, g->unit, tree_end(t, g->unit))) ||
            (g->reach == REACH_CHILDREN && tree_parent(t, u) == g->unit))
            return true;
    }
    return false;
}

static int by_id(const void *a, const void *b)
{
    return uuid_cmp(*(const struct uuid *)a, *(const struct uuid *)b);
}

struct people {
    struct uuid *ids;
    size_t count, room;
};

static void add_person(struct people *p, struct uuid id)
{
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 64;
        p->ids = mem_resize(p->ids, p->room, sizeof(*p->ids));
    }
    p->ids[p->count++] = id;
}

static uint32_t count_people(struct call *c, const char *plugin, const struct policy_preview *p)
{
    const struct access *access = access_of(c->tenant);
    struct people people = {NULL, 0, 0};
    uint32_t distinct = 0;

    for (uint32_t i = 0; access && i < access->grant_count; i++) {
        const struct access_grant *g = &access->grants[i];

        if (!role_speaks_of(g->role, plugin) || !grant_touches(c, g, p))
            continue;
        if (!uuid_is_nil(g->account))
            add_person(&people, g->account);
        for (uint32_t m = 0; uuid_is_nil(g->account) && m < access->member_count; m++)
            if (uuid_eq(access->members[m].department, g->department))
                add_person(&people, access->members[m].account);
    }
    if (people.count > 1)
        qsort(people.ids, people.count, sizeof(*people.ids), by_id);
    for (size_t i = 0; i < people.count; i++)
        distinct += i == 0 || !uuid_eq(people.ids[i], people.ids[i - 1]);
    free(people.ids);
    return distinct;
}

static const char *const *find_also(
    const struct change *ch, const struct policy_set *now, size_t count, int64_t at_us)
{
    const struct tree *t = ch->c->tenant->tree;
    const char **also = arena_array(ch->c->arena, count + 1, sizeof(*also));
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const char *id = now[i].plugin->id;

        for (uint32_t u = 0; i != ch->at && u < tree_count(t); u++) {
            if (policy_effective(t, now, count, id, u, at_us).state ==
                policy_effective(t, ch->sets, count, id, u, at_us).state)
                continue;
            also[n++] = id;
            break;
        }
    }
    return also;
}

int policy_preview(struct call *c, const struct policy_input *in, struct policy_preview *ret)
{
    const struct tree *t = c->tenant->tree;
    const struct policy_set *now;
    struct policy_flip *flips;
    struct change ch;
    size_t count;
    int r = prepare(&ch, c, in);

    if (r < 0)
        return r;
    now = policy_all(c, &count);
    flips = arena_array(c->arena, tree_count(t) + 1, sizeof(*flips));
    *ret = (struct policy_preview){.flips = flips};
    for (uint32_t u = 0; u < tree_count(t); u++) {
        int64_t at_us = MAX(ch.row.from_us, c->now_us);
        struct policy_flip f = {u, policy_effective(t, now, count, in->plugin, u, at_us).state,
            policy_effective(t, ch.sets, count, in->plugin, u, at_us).state};

        if (f.before == f.after)
            continue;
        ret->turned_on += f.after == EFFECTIVE_ON;
        ret->turned_off += f.before == EFFECTIVE_ON;
        flips[ret->flip_count++] = f;
    }
    ret->also = find_also(&ch, now, count, MAX(ch.row.from_us, c->now_us));
    ret->people = count_people(c, in->plugin, ret);
    return 0;
}
