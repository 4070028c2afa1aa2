/* Which plugin runs where, over random trees, plugins and rows: what policy_oracle.h says, whatever the order of things,
 * and whatever way the tree came to be what it is. JUXIN_SEED=N repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "policy_oracle.h"
#include "tenant/tree.h"

#define CASES 10000
#define UNITS 24
#define PLUGINS 4
#define ROWS 10
#define MOMENTS 60 /* rows begin and end at moments 0 to 59 */

/* ---- chance ---- */

static uint64_t state_of_chance;

static uint64_t chance(void) /* splitmix64 */
{
    uint64_t z = state_of_chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int below(int n)
{
    return (int)(chance() % (uint64_t)n);
}

static void shuffle(int *list, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int k = below(i + 1), held = list[i];

        list[i] = list[k];
        list[k] = held;
    }
}

/* ---- a world: units and rows keep their number in it; their ids say it ---- */

struct world {
    struct oracle_unit units[UNITS];
    int unit_count;
    struct oracle_plugin plugins[PLUGINS];
    struct oracle_row rows[PLUGINS][ROWS];
};

static struct uuid id_of(int n)
{
    struct uuid id = UUID_NIL;

    id.b[0] = 1;
    id.b[15] = (uint8_t)n;
    return id;
}

static int depth_of(const struct world *w, int unit)
{
    return unit == -1 ? -1 : 1 + depth_of(w, w->units[unit].parent);
}

static bool is_under(const struct world *w, int unit, int ancestor)
{
    while (unit != -1 && unit != ancestor)
        unit = w->units[unit].parent;
    return unit == ancestor;
}

static int height_of(const struct world *w, int unit)
{
    int height = 0;

    for (int u = 0; u < w->unit_count; u++)
        if (is_under(w, u, unit))
            height = MAX(height, depth_of(w, u) - depth_of(w, unit));
    return height;
}

static bool may_stand(const struct world *w, enum level level, int parent, int height)
{
    return level_may_contain(w->units[parent].level, level) &&
           depth_of(w, parent) + 1 + height <= TREE_DEPTH_MAX;
}

static void grow(struct world *w, int count)
{
    w->units[0] = (struct oracle_unit){-1, LEVEL_COUNTY};
    w->unit_count = 1;
    while (w->unit_count < count) {
        struct oracle_unit u = {below(w->unit_count), (enum level)below(LEVELS)};

        if (may_stand(w, u.level, u.parent, 0))
            w->units[w->unit_count++] = u;
    }
}

/* Rows of one unit whose levels and times overlap are refused on save. */
static bool may_save(const struct oracle_plugin *p, const struct oracle_row *row)
{
    for (int i = 0; i < p->row_count; i++) {
        const struct oracle_row *r = &p->rows[i];

        if (r->unit == row->unit && (r->levels == 0 || row->levels == 0 || (r->levels & row->levels)) &&
            r->from < row->until && row->from < r->until && r->from < r->until && row->from < row->until)
            return false;
    }
    return true;
}

static void add_rows(struct world *w, int plugin, bool may_overlap)
{
    struct oracle_plugin *p = &w->plugins[plugin];
    int wanted = below(ROWS + 1);

    p->rows = w->rows[plugin];
    for (int tries = 0; tries < 40 && p->row_count < wanted; tries++) {
        struct oracle_row row = {.unit = below(w->unit_count + 1) - 1,
            .rule = (enum policy_rule)below(4),
            .is_subtree = below(3) > 0,
            .levels = below(2) ? 0 : (uint8_t)(1 + below(15)),
            .from = below(3) ? 0 : below(MOMENTS),
            .until = below(3) ? INT64_MAX : below(MOMENTS)};

        row.is_subtree |= row.unit == -1;
        if (row.until > row.from && (may_overlap || may_save(p, &row)))
            w->rows[plugin][p->row_count++] = row;
    }
}

static void make_world(struct world *w, bool may_overlap)
{
    memset(w, 0, sizeof(*w));
    grow(w, 1 + below(UNITS - 1));
    for (int i = 0; i < PLUGINS; i++) {
        struct oracle_plugin *p = &w->plugins[i];

        p->levels = below(2) ? 0x0f : (uint8_t)(1 + below(15));
        p->default_on = below(2);
        p->is_available = below(6) > 0;
        for (int need = i + 1; need < PLUGINS; need++)
            if (below(3) == 0)
        p->requires[p->require_count++] = need;
        add_rows(w, i, may_overlap);
    }
}

static void make(struct world *w)
{
    make_world(w, false);
}

/* ---- the same world as the server has it ---- */

static const char *const names[PLUGINS] = {"p0", "p1", "p2", "p3"};

struct server {
    struct tree *tree;
    struct policy_plugin plugins[PLUGINS];
    const char *requires[PLUGINS][ORACLE_REQUIRES_MAX + 1];
    struct policy_row rows[PLUGINS][ROWS];
    struct policy_set sets[PLUGINS];
};

/* Units, plugins and rows come in any order. */
static struct tree *build(const struct world *w)
{
    struct tree_unit in[UNITS];
    int order[UNITS];
    char codes[UNITS][8];
    struct tree *t = NULL;
    const char *why = NULL;
    size_t at = 0;

    for (int u = 0; u < w->unit_count; u++)
        order[u] = u;
    shuffle(order, w->unit_count);
    for (int i = 0; i < w->unit_count; i++) {
        int u = order[i], parent = w->units[u].parent;

        snprintf(codes[i], sizeof(codes[i]), "c%d", below(1000) * 100 + u);
        in[i] = (struct tree_unit){
            id_of(u), parent == -1 ? UUID_NIL : id_of(parent), codes[i], "名", w->units[u].level, false};
    }
    if (tree_build(in, (size_t)w->unit_count, &t, &at, &why) < 0)
        fail_msg("the tree is refused: %s", why);
    return t;
}

static void serve_plugin(struct server *s, const struct world *w, int plugin, int slot)
{
    const struct oracle_plugin *p = &w->plugins[plugin];
    int order[ROWS];

    for (int i = 0; i < p->require_count; i++)
    s->requires[plugin][i] = names[p->requires[i]];
    s->requires[plugin][p->require_count] = NULL;
    s->plugins[plugin] = (struct policy_plugin){.id = names[plugin],
        .levels = p->levels,
        .default_on = p->default_on,
        .requires = s->requires[plugin],
        .unavailable = p->is_available ? NULL : "quarantined"};
    for (int i = 0; i < p->row_count; i++)
        order[i] = i;
    shuffle(order, p->row_count);
    for (int i = 0; i < p->row_count; i++) {
        const struct oracle_row *row = &p->rows[order[i]];

        s->rows[plugin][i] = (struct policy_row){.id = id_of(100 + order[i]),
            .unit = row->unit == -1 ? TREE_NONE : tree_find(s->tree, id_of(row->unit)),
            .rule = row->rule,
            .is_subtree = row->is_subtree,
            .levels = row->levels,
            .from_us = row->from,
            .until_us = row->until};
    }
    s->sets[slot] = (struct policy_set){&s->plugins[plugin], s->rows[plugin], (size_t)p->row_count};
}

static void serve(struct server *s, const struct world *w)
{
    int order[PLUGINS];

    s->tree = build(w);
    for (int i = 0; i < PLUGINS; i++)
        order[i] = i;
    shuffle(order, PLUGINS);
    for (int i = 0; i < PLUGINS; i++)
        serve_plugin(s, w, order[i], i);
}

/* An answer in the world's own numbers. */
struct told {
    enum policy_state state;
    int row, blocked_by;
    int64_t next;
};

static struct told ask(const struct server *s, int plugin, int unit, int64_t now)
{
    struct policy_answer a =
        policy_effective(s->tree, s->sets, PLUGINS, names[plugin], tree_find(s->tree, id_of(unit)), now);
    struct told told = {a.state, a.decided_by ? a.decided_by->id.b[15] - 100 : -1, -1, a.next_change_us};

    for (int i = 0; a.blocked_by && i < PLUGINS; i++)
        if (strcmp(a.blocked_by, names[i]) == 0)
            told.blocked_by = i;
    return told;
}

static void assert_same(struct told a, struct told b)
{
    assert_int_equal(a.state, b.state);
    assert_int_equal(a.blocked_by, b.blocked_by);
    assert_int_equal(a.next, b.next);
    assert_int_equal(a.row, b.row);
}

/* Compares two worlds over the first `count` units, which both have. */
static void assert_equal_worlds(const struct server *a, const struct server *b, int count, int64_t now)
{
    for (int p = 0; p < PLUGINS; p++)
        for (int u = 0; u < count; u++)
            assert_same(ask(a, p, u, now), ask(b, p, u, now));
}

/* ---- properties ---- */

static uint64_t seed;

static void begin(uint64_t number)
{
    const char *given = getenv("JUXIN_SEED");

    seed = given ? strtoull(given, NULL, 10) : 20260101;
    state_of_chance = seed + number * UINT64_C(1000003);
    print_message("seed %llu (JUXIN_SEED)\n", (unsigned long long)seed);
}

static void what_the_rules_say(void **state)
{
    uint64_t counts[5] = {0}, changes = 0;

    (void)state;
    begin(1);
    for (int n = 0; n < CASES; n++) {
        int64_t now = below(MOMENTS);
        struct server s;
        struct world w;

        make(&w);
        serve(&s, &w);
        for (int p = 0; p < PLUGINS; p++)
            for (int u = 0; u < w.unit_count; u++) {
                struct told is = ask(&s, p, u, now);
                struct oracle_answer o = oracle_answer(w.units, w.plugins, p, u, now);

                assert_int_equal(is.state, o.state);
                assert_int_equal(is.row, o.row);
                assert_int_equal(is.blocked_by, o.blocked_by);
                assert_int_equal(is.next, oracle_next_change(w.units, w.plugins, PLUGINS, p, u, now));
                counts[is.state]++;
                changes += is.next != INT64_MAX;
            }
        tree_free(s.tree);
    }
    for (int i = 0; i < 5; i++) { /* the worlds are no dull ones */
        print_message("%s %llu, ", policy_state_name((enum policy_state)i), (unsigned long long)counts[i]);
        assert_true(counts[i] > CASES / 2);
    }
    print_message("%llu of them end by themselves\n", (unsigned long long)changes);
    assert_true(changes > CASES);
}

/* Not even where rows overlap that no save lets in. */
static void order_is_no_part_of_the_answer(void **state)
{
    (void)state;
    begin(2);
    for (int n = 0; n < CASES; n++) {
        int64_t now = below(MOMENTS);
        struct server a, b;
        struct world w;

        make_world(&w, n % 2);
        serve(&a, &w);
        serve(&b, &w);
        assert_equal_worlds(&a, &b, w.unit_count, now);
        tree_free(a.tree);
        tree_free(b.tree);
    }
}

/* A unit that may go somewhere else, and where to; false when there is none. */
static bool find_move(const struct world *w, int *ret_unit, int *ret_parent)
{
    for (int tries = 0; tries < 60; tries++) {
        int unit = below(w->unit_count), parent = below(w->unit_count);

        if (unit == 0 || parent == w->units[unit].parent || is_under(w, parent, unit) ||
            !may_stand(w, w->units[unit].level, parent, height_of(w, unit)))
            continue;
        *ret_unit = unit;
        *ret_parent = parent;
        return true;
    }
    return false;
}

static void moved_and_moved_back_is_unmoved(void **state)
{
    int moves = 0, felt = 0;

    (void)state;
    begin(3);
    for (int n = 0; n < CASES; n++) {
        int64_t now = below(MOMENTS);
        struct server before, moved, back;
        struct world w;
        int unit, parent, was;
        bool same = true;

        make(&w);
        if (!find_move(&w, &unit, &parent))
            continue;
        serve(&before, &w);
        was = w.units[unit].parent;
        w.units[unit].parent = parent;
        serve(&moved, &w);
        for (int p = 0; p < PLUGINS; p++)
            for (int u = 0; u < w.unit_count; u++) {
                struct told is = ask(&moved, p, u, now), old = ask(&before, p, u, now);

                assert_int_equal(is.state, oracle_answer(w.units, w.plugins, p, u, now).state);
                if (!is_under(&w, u, unit)) /* who did not move feels nothing */
                    assert_same(is, old);
                same &= is.state == old.state;
            }
        w.units[unit].parent = was;
        serve(&back, &w);
        assert_equal_worlds(&before, &back, w.unit_count, now);
        tree_free(before.tree);
        tree_free(moved.tree);
        tree_free(back.tree);
        moves++;
        felt += !same;
    }
    print_message("%d moves, %d of them changed what runs where\n", moves, felt);
    assert_true(moves > CASES / 3 && felt > moves / 20);
}

/* A unit made later, a twin of one that has no rows of its own: it answers as its twin, and disturbs nobody. */
static void a_unit_made_later_equals_one_made_before(void **state)
{
    int twins = 0;

    (void)state;
    begin(4);
    for (int n = 0; n < CASES; n++) {
        int64_t now = below(MOMENTS);
        struct server before, after;
        struct world w;
        int old, made;

        make(&w);
        old = below(w.unit_count);
        for (int p = 0; p < PLUGINS; p++)
            for (int i = 0; i < w.plugins[p].row_count && old > 0; i++)
                if (w.rows[p][i].unit == old)
                    old = 0; /* has rows of its own */
        if (old == 0 || w.unit_count == UNITS)
            continue;
        serve(&before, &w);
        made = w.unit_count++;
        w.units[made] = w.units[old];
        serve(&after, &w);
        assert_equal_worlds(&before, &after, made, now);
        for (int p = 0; p < PLUGINS; p++)
            assert_same(ask(&after, p, made, now), ask(&after, p, old, now));
        tree_free(before.tree);
        tree_free(after.tree);
        twins++;
    }
    print_message("%d twins\n", twins);
    assert_true(twins > CASES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_rules_say),
        cmocka_unit_test(order_is_no_part_of_the_answer),
        cmocka_unit_test(moved_and_moved_back_is_unmoved),
        cmocka_unit_test(a_unit_made_later_equals_one_made_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
