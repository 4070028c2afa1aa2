/* Design §4, in order: level, mandatory/forbidden nearest the root, nearest on/off, default, requirements, availability.
 * Nothing here depends on the order of the rows: ties are broken by the row itself. */
#include "plugin/policy/policy.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"

#define REQUIRES_MET_MAX 256 /* plugins that one needs, at any distance; blocked beyond */

const char *policy_state_name(enum policy_state s)
{
    static const char *const names[] = {"on", "off", "not_applicable", "blocked", "unavailable"};

    return names[s];
}

static const char *const rule_names[] = {"on", "off", "mandatory", "forbidden"};

const char *policy_rule_name(enum policy_rule r)
{
    return rule_names[r];
}

int policy_rule_parse(struct text t, enum policy_rule *ret)
{
    for (int i = 0; i < 4; i++) {
        if (text_is(t, rule_names[i])) {
            *ret = (enum policy_rule)i;
            return 0;
        }
    }
    return -EINVAL;
}

int policy_levels_parse(struct text list, uint8_t *ret)
{
    uint8_t levels = 0;

    while (list.ptr && list.len > 0) {
        enum level level;

        if (level_parse(text_trim(text_split(&list, ','), " "), &level) < 0)
            return -EINVAL;
        levels |= (uint8_t)(1u << level);
    }
    *ret = levels;
    return 0;
}

const char *policy_levels_text(struct arena *a, uint8_t levels)
{
    const char *text = "";

    for (int l = 0; l < LEVELS; l++)
        if (levels & 1u << l)
            text = arena_printf(a, "%s%s%s", text, text[0] ? "," : "", level_name((enum level)l));
    return text;
}

static const struct policy_set *set_of(const struct policy_set *sets, size_t count, const char *plugin)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(sets[i].plugin->id, plugin) == 0)
            return &sets[i];
    return NULL;
}

/* Does the row, time aside, speak about this unit? */
static bool reaches(const struct tree *t, const struct policy_row *row, uint32_t unit)
{
    if (row->levels != 0 && !(row->levels & 1u << tree_level(t, unit)))
        return false;
    if (row->unit == TREE_NONE)
        return row->is_subtree;
    if (row->is_subtree)
        return tree_contains(unit, row->unit, tree_end(t, row->unit));
    return row->unit == unit;
}

/* Depth of the row's unit below the deployment, which is -1. */
static int row_depth(const struct tree *t, const struct policy_row *row)
{
    return row->unit == TREE_NONE ? -1 : (int)tree_depth(t, row->unit);
}

/* A total order over rows of one unit, should two of them apply after all: the safer rule, then the smaller id. */
static bool is_preferred(const struct policy_row *a, const struct policy_row *b)
{
    static const int safety[] = {
        [POLICY_ON] = 0, [POLICY_OFF] = 1, [POLICY_MANDATORY] = 0, [POLICY_FORBIDDEN] = 1};

    if (safety[a->rule] != safety[b->rule])
        return safety[a->rule] > safety[b->rule];
    return uuid_cmp(a->id, b->id) < 0;
}

struct winners {
    const struct policy_row *ceiling; /* mandatory or forbidden, nearest the root */
    const struct policy_row *nearest; /* on or off, nearest the unit */
};

static void consider(const struct tree *t, const struct policy_row *row, struct winners *w)
{
    bool is_ceiling = row->rule == POLICY_MANDATORY || row->rule == POLICY_FORBIDDEN;
    const struct policy_row **slot = is_ceiling ? &w->ceiling : &w->nearest;
    int mine = row_depth(t, row), theirs;

    if (!*slot) {
        *slot = row;
        return;
    }
    theirs = row_depth(t, *slot);
    if (mine == theirs ? is_preferred(row, *slot) : is_ceiling ? mine < theirs : mine > theirs)
        *slot = row;
}

/* The first moment after now at which the row begins or ends to apply. */
static void note_change(const struct policy_row *row, int64_t now_us, int64_t *next)
{
    if (row->from_us > now_us && row->from_us < row->until_us)
        *next = MIN(*next, row->from_us);
    else if (row->from_us <= now_us && row->until_us > now_us)
        *next = MIN(*next, row->until_us);
}

static struct policy_answer decide(
    const struct tree *t, const struct policy_set *set, uint32_t unit, int64_t now_us)
{
    struct policy_answer answer = {.state = EFFECTIVE_OFF, .next_change_us = INT64_MAX};
    struct winners w = {NULL, NULL};

    if (!(set->plugin->levels & 1u << tree_level(t, unit))) {
        answer.state = EFFECTIVE_NOT_APPLICABLE;
        return answer;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct policy_row *row = &set->rows[i];

        if (!reaches(t, row, unit))
            continue;
        note_change(row, now_us, &answer.next_change_us);
        if (row->from_us <= now_us && now_us < row->until_us)
            consider(t, row, &w);
    }
    answer.decided_by = w.ceiling ? w.ceiling : w.nearest;
    if (answer.decided_by) {
        enum policy_rule rule = answer.decided_by->rule;

        answer.state = rule == POLICY_ON || rule == POLICY_MANDATORY ? EFFECTIVE_ON : EFFECTIVE_OFF;
    } else if (set->plugin->default_on) {
        answer.state = EFFECTIVE_ON;
    }
    return answer;
}

/* One question and what it has led to so far: requirements are met by many ways and looked at once. */
struct question {
    const struct tree *t;
    const struct policy_set *sets;
    size_t set_count;
    uint32_t unit, met_count;
    int64_t now_us;
    int64_t next_us; /* when the first row of those looked at begins or ends */
    const struct policy_set *met[REQUIRES_MET_MAX];
    bool is_on[REQUIRES_MET_MAX]; /* false while it is being found out: a circle never becomes effective */
};

static struct policy_answer answer_of(struct question *q, const struct policy_set *set);

static bool is_met(struct question *q, const char *need)
{
    const struct policy_set *set = set_of(q->sets, q->set_count, need);
    uint32_t at = q->met_count;

    for (uint32_t i = 0; i < q->met_count; i++)
        if (q->met[i] == set)
            return q->is_on[i];
    if (!set || at == REQUIRES_MET_MAX)
        return false;
    q->met[at] = set;
    q->is_on[at] = false;
    q->met_count++;
    q->is_on[at] = answer_of(q, set).state == EFFECTIVE_ON;
    return q->is_on[at];
}

static struct policy_answer answer_of(struct question *q, const struct policy_set *set)
{
    struct policy_answer answer = decide(q->t, set, q->unit, q->now_us);

    q->next_us = MIN(q->next_us, answer.next_change_us);
    if (answer.state != EFFECTIVE_ON)
        return answer;
    for (const char *const *need = set->plugin->requires; need && *need; need++) {
        if (is_met(q, *need))
            continue;
        answer.state = EFFECTIVE_BLOCKED;
        answer.blocked_by = *need;
        return answer;
    }
    if (set->plugin->unavailable)
        answer.state = EFFECTIVE_UNAVAILABLE;
    return answer;
}

/* next_change_us: the first moment at which anything looked at changes, whether or not it matters. */
static struct policy_answer effective(const struct tree *t, const struct policy_set *sets, size_t set_count,
    const char *plugin, uint32_t unit, int64_t now_us)
{
    const struct policy_set *set = set_of(sets, set_count, plugin);
    struct policy_answer answer = {.state = EFFECTIVE_UNAVAILABLE, .next_change_us = INT64_MAX};
    struct question q;

    if (!set)
        return answer;
    q.t = t;
    q.sets = sets;
    q.set_count = set_count;
    q.unit = unit;
    q.now_us = now_us;
    q.next_us = INT64_MAX;
    q.met[0] = set;
    q.is_on[0] = false;
    q.met_count = 1;
    answer = answer_of(&q, set);
    answer.next_change_us = q.next_us;
    return answer;
}

static bool is_same(const struct policy_answer *a, const struct policy_answer *b)
{
    return a->state == b->state && a->decided_by == b->decided_by &&
           (a->blocked_by == b->blocked_by ||
               (a->blocked_by && b->blocked_by && strcmp(a->blocked_by, b->blocked_by) == 0));
}

struct policy_answer policy_effective(const struct tree *t, const struct policy_set *sets, size_t set_count,
    const char *plugin, uint32_t unit, int64_t now_us)
{
    struct policy_answer answer = effective(t, sets, set_count, plugin, unit, now_us);

    /* So far next_change_us is when some row begins or ends; that row may be overruled anyway. */
    while (answer.next_change_us != INT64_MAX) {
        struct policy_answer then = effective(t, sets, set_count, plugin, unit, answer.next_change_us);

        if (!is_same(&answer, &then))
            break;
        answer.next_change_us = then.next_change_us;
    }
    return answer;
}
