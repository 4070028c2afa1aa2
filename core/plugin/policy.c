/* Design §4, in order: level, mandatory/forbidden nearest the root, nearest on/off, default, requirements, availability.
 * Nothing here depends on the order of the rows: ties are broken by the row itself. */
#include "plugin/policy.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"

#define REQUIRES_DEPTH_MAX 32

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

static struct policy_answer effective(const struct tree *t, const struct policy_set *sets, size_t set_count,
    const char *plugin, uint32_t unit, int64_t now_us, uint32_t depth)
{
    const struct policy_set *set = set_of(sets, set_count, plugin);
    struct policy_answer answer;

    if (!set)
        return (struct policy_answer){.state = EFFECTIVE_UNAVAILABLE, .next_change_us = INT64_MAX};
    answer = decide(t, set, unit, now_us);
    if (answer.state != EFFECTIVE_ON)
        return answer;
    for (const char *const *need = set->plugin->requires; need && *need; need++) {
        struct policy_answer theirs;

        /* A circle of requirements never becomes effective. */
        if (depth >= REQUIRES_DEPTH_MAX)
            theirs = (struct policy_answer){.state = EFFECTIVE_BLOCKED, .next_change_us = INT64_MAX};
        else
            theirs = effective(t, sets, set_count, *need, unit, now_us, depth + 1);
        answer.next_change_us = MIN(answer.next_change_us, theirs.next_change_us);
        if (theirs.state != EFFECTIVE_ON && !answer.blocked_by) {
            answer.state = EFFECTIVE_BLOCKED;
            answer.blocked_by = *need;
        }
    }
    if (answer.state == EFFECTIVE_ON && set->plugin->unavailable)
        answer.state = EFFECTIVE_UNAVAILABLE;
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
    struct policy_answer answer = effective(t, sets, set_count, plugin, unit, now_us, 0);

    /* So far next_change_us is when some row begins or ends; that row may be overruled anyway. */
    while (answer.next_change_us != INT64_MAX) {
        struct policy_answer then = effective(t, sets, set_count, plugin, unit, answer.next_change_us, 0);

        if (!is_same(&answer, &then))
            break;
        answer.next_change_us = then.next_change_us;
    }
    return answer;
}
