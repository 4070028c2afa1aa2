/* Loading a tenant's policies and answering from them. */
#include "plugin/policy/policies.h"

#include "base/mem.h"
#include "plugin/package/plugin.h"

static const struct db_stmt select_rows = {"policy.rows",
    "SELECT id, unit_id, plugin, rule, reach, levels, reason, actor, valid_from, valid_until"
    " FROM juxin.plugin_policy WHERE tenant_id = $1 AND (valid_until IS NULL OR valid_until > "
    "greatest(now(), valid_from)) ORDER BY plugin, id"};
static const struct db_stmt select_deployment = {"policy.deployment",
    "SELECT id, NULL, plugin, rule, 'subtree', levels, reason, actor, valid_from, valid_until"
    " FROM juxin.deployment_policy WHERE valid_until IS NULL OR valid_until > greatest(now(), valid_from)"
    " ORDER BY plugin, id"};
static const struct db_stmt select_settings = {"policy.settings",
    "SELECT unit_id, plugin, key, value, reach, locked FROM juxin.plugin_setting WHERE tenant_id = $1"};
static const struct db_stmt select_deployment_settings = {"policy.deployment_settings",
    "SELECT NULL, plugin, key, value, 'subtree', locked FROM juxin.deployment_setting"};

/* One plugin's state at every unit, right from computed_us until valid_us. */
struct cache {
    uint8_t *state; /* enum policy_state by unit; NULL until asked */
    uint32_t *off;  /* units where it is not effective, ascending */
    uint32_t off_count;
    int64_t computed_us, valid_us;
};

struct setting_row {
    const char *plugin, *key, *value;
    uint32_t unit; /* TREE_NONE: the deployment's */
    bool is_subtree, is_locked;
};

struct policies {
    struct arena *arena;
    struct policy_set *sets; /* installed plugins first, in the registry's order */
    struct cache *caches;
    size_t count;
    struct setting_row *settings;
    size_t setting_count;
};

static size_t index_of(const struct policies *p, const char *plugin)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->sets[i].plugin->id, plugin) == 0)
            return i;
    return SIZE_MAX;
}

/* A row about a plugin nobody installed is kept: it holds again when the plugin comes back. */
static size_t index_or_new(struct policies *p, const char *plugin)
{
    static const char *const none[] = {NULL};
    size_t i = index_of(p, plugin);
    struct policy_plugin *unknown;

    if (i != SIZE_MAX)
        return i;
    unknown = arena_alloc(p->arena, sizeof(*unknown));
    *unknown = (struct policy_plugin){.id = arena_dup(p->arena, plugin),
        .levels = (1u << LEVELS) - 1,
        .requires = none,
        .unavailable = "not_installed"};
    p->sets = mem_resize(p->sets, p->count + 1, sizeof(*p->sets));
    p->sets[p->count] = (struct policy_set){unknown, NULL, 0};
    return p->count++;
}

static void add_row(
    struct policies *p, const struct tree *t, const struct db_rows *rows, int r, bool is_deployment)
{
    struct policy_row row = {.unit = TREE_NONE};
    struct policy_set *set;
    struct policy_row *list;

    if (!is_deployment) {
        row.unit = tree_find(t, db_get_uuid(rows, r, 1));
        if (row.unit == TREE_NONE)
            return;
    }
    if (policy_rule_parse(db_get_text(rows, r, 3), &row.rule) < 0)
        return;
    row.id = db_get_uuid(rows, r, 0);
    row.is_subtree = text_is(db_get_text(rows, r, 4), "subtree");
    if (policy_levels_parse(db_get_text(rows, r, 5), &row.levels) < 0)
        return;
    row.reason = arena_dup(p->arena, db_get(rows, r, 6) ? db_get(rows, r, 6) : "");
    row.actor = db_get_uuid(rows, r, 7);
    row.from_us = db_get_time(rows, r, 8);
    row.until_us = db_get(rows, r, 9) ? db_get_time(rows, r, 9) : INT64_MAX;
    set = &p->sets[index_or_new(p, db_get(rows, r, 2))];
    list = mem_resize((void *)set->rows, set->count + 1, sizeof(*list));
    list[set->count++] = row;
    set->rows = list;
}

static void add_settings(struct policies *p, const struct tree *t, const struct db_rows *rows)
{
    for (int r = 0; r < db_rows_count(rows); r++) {
        struct setting_row s = {.unit = TREE_NONE};

        if (db_get(rows, r, 0)) {
            s.unit = tree_find(t, db_get_uuid(rows, r, 0));
            if (s.unit == TREE_NONE)
                continue;
        }
        s.plugin = arena_dup(p->arena, db_get(rows, r, 1));
        s.key = arena_dup(p->arena, db_get(rows, r, 2));
        s.value = arena_dup(p->arena, db_get(rows, r, 3));
        s.is_subtree = text_is(db_get_text(rows, r, 4), "subtree");
        s.is_locked = db_get_bool(rows, r, 5);
        p->settings = mem_resize(p->settings, p->setting_count + 1, sizeof(*p->settings));
        p->settings[p->setting_count++] = s;
    }
}

static void free_part(void *part)
{
    struct policies *p = part;

    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        free((void *)p->sets[i].rows);
        if (!p->caches)
            continue;
        free(p->caches[i].state);
        free(p->caches[i].off);
    }
    free(p->sets);
    free(p->settings);
    free(p->caches);
    arena_free(p->arena);
    free(p);
}

static int load_part(struct db_tx *tx, struct tenant *t, void **ret)
{
    struct policies *p = mem_zalloc(sizeof(*p));
    struct db_args args;
    struct db_call calls[] = {{.stmt = select_rows, .args = &args}, {.stmt = select_deployment},
        {.stmt = select_settings, .args = &args}, {.stmt = select_deployment_settings}};
    int r;

    p->arena = arena_new();
    p->sets = mem_zarray(plugin_count() + 1, sizeof(*p->sets));
    for (p->count = 0; p->count < plugin_count(); p->count++)
        p->sets[p->count].plugin = &plugin_at(p->count)->policy;
    db_args_reset(&args);
    db_arg_int(&args, t->id);
    r = db_exec_many(tx, calls, ARRAY_LEN(calls));
    if (r < 0) {
        free_part(p);
        return r;
    }
    for (int i = 0; i < db_rows_count(calls[0].rows); i++)
        add_row(p, t->tree, calls[0].rows, i, false);
    for (int i = 0; i < db_rows_count(calls[1].rows); i++)
        add_row(p, t->tree, calls[1].rows, i, true);
    add_settings(p, t->tree, calls[2].rows);
    add_settings(p, t->tree, calls[3].rows);
    db_calls_done(calls, ARRAY_LEN(calls));
    p->caches = mem_zarray(p->count + 1, sizeof(*p->caches));
    *ret = p;
    return 0;
}

void policies_init(void)
{
    static const struct tenant_part part = {"policy", load_part, free_part};

    tenant_part_register(TENANT_PART_POLICY, &part);
}

static struct policies *policies_of(const struct call *c)
{
    return c->tenant ? c->tenant->parts[TENANT_PART_POLICY] : NULL;
}

struct policy_answer policy_at(struct call *c, const char *plugin, uint32_t unit)
{
    const struct policies *p = policies_of(c);

    if (!p || unit == TREE_NONE)
        return (struct policy_answer){.state = EFFECTIVE_UNAVAILABLE, .next_change_us = INT64_MAX};
    return policy_effective(c->tenant->tree, p->sets, p->count, plugin, unit, c->now_us);
}

static void compute(const struct policies *p, const struct tree *t, size_t at, int64_t now_us)
{
    struct cache *cache = &p->caches[at];
    uint32_t units = tree_count(t);

    if (!cache->state) {
        cache->state = mem_zalloc(units);
        cache->off = mem_zarray(units, sizeof(*cache->off));
    }
    cache->computed_us = now_us;
    cache->valid_us = INT64_MAX;
    cache->off_count = 0;
    for (uint32_t u = 0; u < units; u++) {
        struct policy_answer a = policy_effective(t, p->sets, p->count, p->sets[at].plugin->id, u, now_us);

        cache->state[u] = (uint8_t)a.state;
        cache->valid_us = MIN(cache->valid_us, a.next_change_us);
        if (a.state != EFFECTIVE_ON)
            cache->off[cache->off_count++] = u;
    }
}

/* The cache of a plugin, right for the call's moment; NULL when nothing is known of it. */
static const struct cache *cache_of(const struct call *c, const char *plugin)
{
    const struct policies *p = policies_of(c);
    size_t at = p ? index_of(p, plugin) : SIZE_MAX;
    const struct cache *cache;

    if (at == SIZE_MAX || tree_count(c->tenant->tree) == 0)
        return NULL;
    cache = &p->caches[at];
    if (!cache->state || c->now_us < cache->computed_us || c->now_us >= cache->valid_us)
        compute(p, c->tenant->tree, at, c->now_us);
    return cache;
}

enum policy_state policy_state_at(struct call *c, const char *plugin, uint32_t unit)
{
    const struct cache *cache = cache_of(c, plugin);

    return cache && unit < tree_count(c->tenant->tree) ? (enum policy_state)cache->state[unit]
                                                       : EFFECTIVE_UNAVAILABLE;
}

bool policy_is_on(struct call *c, const char *plugin, uint32_t unit)
{
    return policy_state_at(c, plugin, unit) == EFFECTIVE_ON;
}

static const char *level_zh(enum level l)
{
    static const char *const names[] = {"区县", "街道（乡镇）", "社区（村）", "园区"};

    return names[l];
}

static struct policy_reason reason_of_off(struct call *c, const struct policy_answer *a)
{
    struct policy_reason r = {403, POLICY_DISABLED,
        "disabled here: nobody has enabled it at this unit or above", "此处未启用：本级及上级均未启用该功能"};
    const char *by_en = "the operator of this platform", *by_zh = "平台运营方";
    const char *why = a->decided_by ? a->decided_by->reason : NULL;

    if (!a->decided_by)
        return r;
    if (a->decided_by->unit != TREE_NONE)
        by_en = by_zh = tree_unit(c->tenant->tree, a->decided_by->unit).name;
    if (!why || !why[0]) {
        r.en = arena_printf(c->arena, "disabled here, by %s, without a reason given", by_en);
        r.zh = arena_printf(c->arena, "此处已停用：由%s停用，未说明原因", by_zh);
        return r;
    }
    r.en = arena_printf(c->arena, "disabled here, by %s, because %s", by_en, why);
    r.zh = arena_printf(c->arena, "此处已停用：由%s停用，原因：%s", by_zh, why);
    return r;
}

struct policy_reason policy_reason(struct call *c, const char *plugin, uint32_t unit)
{
    struct policy_answer a = policy_at(c, plugin, unit);
    const struct plugin *other;

    switch (a.state) {
    case EFFECTIVE_ON:
        return (struct policy_reason){0, "on", "enabled here", "此处已启用"};
    case EFFECTIVE_NOT_APPLICABLE:
        return (struct policy_reason){403, POLICY_DISABLED,
            arena_printf(c->arena, "disabled here: it does not run at the level %s",
                level_name(tree_level(c->tenant->tree, unit))),
            arena_printf(
                c->arena, "此处不适用：该功能不在%s一级运行", level_zh(tree_level(c->tenant->tree, unit)))};
    case EFFECTIVE_BLOCKED:
        other = plugin_find(a.blocked_by);
        return (struct policy_reason){403, POLICY_DISABLED,
            arena_printf(c->arena, "disabled here: it needs %s, which is not enabled here", a.blocked_by),
            arena_printf(c->arena, "此处不可用：所需的“%s”在此处未启用",
                other ? plugin_label_of(other->label, true) : a.blocked_by)};
    case EFFECTIVE_UNAVAILABLE:
        return (struct policy_reason){503, POLICY_UNAVAILABLE,
            "this function is out of order; the operator knows why", "该功能暂不可用，请联系平台运营方"};
    case EFFECTIVE_OFF:
        break;
    }
    return reason_of_off(c, &a);
}

int policy_gate(struct call *c, const char *plugin, uint32_t unit)
{
    struct policy_reason r;

    if (policy_is_on(c, plugin, unit))
        return 0;
    r = policy_reason(c, plugin, unit);
    return call_fail(c, r.status ? r.status : 503, r.code, r.en, r.zh);
}

uint32_t policy_nearest_on(struct call *c, const char *plugin, uint32_t unit)
{
    while (unit != TREE_NONE && !policy_is_on(c, plugin, unit))
        unit = tree_parent(c->tenant->tree, unit);
    return unit;
}

static uint32_t first_from(const struct cache *cache, uint32_t unit)
{
    uint32_t low = 0, high = cache->off_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (cache->off[middle] < unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void policy_off_units(
    struct call *c, const char *plugin, uint32_t root, const uint32_t **ret, uint32_t *ret_count)
{
    uint32_t begin = root == TREE_NONE ? 0 : root;
    uint32_t end = root == TREE_NONE ? tree_count(c->tenant->tree) : tree_end(c->tenant->tree, root);
    const struct cache *cache = cache_of(c, plugin);
    uint32_t first, *all;

    if (cache) {
        first = first_from(cache, begin);
        *ret = cache->off + first;
        *ret_count = first_from(cache, end) - first;
        return;
    }
    all = arena_array(c->arena, end - begin + 1, sizeof(*all));
    for (uint32_t u = begin; u < end; u++)
        all[u - begin] = u;
    *ret = all;
    *ret_count = end - begin;
}

bool policy_runs_somewhere(struct call *c, const char *plugin)
{
    const uint32_t *units;
    uint32_t off;

    policy_off_units(c, plugin, TREE_NONE, &units, &off);
    return off < tree_count(c->tenant->tree);
}

const struct policy_set *policy_all(struct call *c, size_t *ret_count)
{
    const struct policies *p = policies_of(c);

    *ret_count = p ? p->count : 0;
    return p ? p->sets : NULL;
}

const struct policy_set *policy_rows(struct call *c, const char *plugin)
{
    const struct policies *p = policies_of(c);
    size_t at = p ? index_of(p, plugin) : SIZE_MAX;

    return at == SIZE_MAX ? NULL : &p->sets[at];
}

static const char *fallback_of(const char *plugin, const char *key)
{
    const struct plugin *p = plugin_find(plugin);

    for (size_t i = 0; p && i < p->setting_count; i++)
        if (strcmp(p->settings[i].key, key) == 0)
            return p->settings[i].fallback;
    return NULL;
}

/* Depth of the row's unit; -1 for the deployment's; -2 when the row does not reach the unit. */
static int setting_depth(const struct tree *t, const struct setting_row *s, uint32_t unit)
{
    if (s->unit == TREE_NONE)
        return -1;
    if (s->unit == unit || (s->is_subtree && tree_contains(unit, s->unit, tree_end(t, s->unit))))
        return (int)tree_depth(t, s->unit);
    return -2;
}

const char *policy_setting(struct call *c, const char *plugin, uint32_t unit, const char *key)
{
    const struct policies *p = policies_of(c);
    const struct setting_row *locked = NULL, *nearest = NULL;
    const char *fallback = fallback_of(plugin, key);
    int locked_depth = 0, nearest_depth = 0;

    for (size_t i = 0; p && fallback && i < p->setting_count; i++) {
        const struct setting_row *s = &p->settings[i];
        int depth;

        if (strcmp(s->plugin, plugin) != 0 || strcmp(s->key, key) != 0)
            continue;
        depth = setting_depth(c->tenant->tree, s, unit);
        if (depth == -2)
            continue;
        if (s->is_locked && (!locked || depth < locked_depth)) {
            locked = s;
            locked_depth = depth;
        } else if (!s->is_locked && (!nearest || depth > nearest_depth)) {
            nearest = s;
            nearest_depth = depth;
        }
    }
    return locked ? locked->value : nearest ? nearest->value : fallback;
}
