/* Which plugin runs where, exhaustively: every small case against the rules as policy_oracle.h states them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "policy_oracle.h"
#include "tenant/tree.h"

#define ALL_LEVELS 0x0f
#define PLACES 4 /* the deployment, county, street, community */

/* county ─ street ─ community: depth 3, one way down. */
static const struct oracle_unit units[3] = {{-1, LEVEL_COUNTY}, {0, LEVEL_STREET}, {1, LEVEL_COMMUNITY}};

static struct uuid id_of(uint8_t n)
{
    struct uuid id = UUID_NIL;

    id.b[15] = n;
    return id;
}

/* Preorder numbers are those of `units`. */
static struct tree *make_tree(void)
{
    struct tree_unit in[3] = {
        {id_of(1), UUID_NIL, "33", "区", LEVEL_COUNTY, false},
        {id_of(2), id_of(1), "3301", "街道", LEVEL_STREET, false},
        {id_of(3), id_of(2), "330101", "社区", LEVEL_COMMUNITY, false},
    };
    struct tree *t = NULL;
    size_t at;
    const char *why;

    assert_int_equal(tree_build(in, 3, &t, &at, &why), 0);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(tree_find(t, id_of((uint8_t)(i + 1))), i);
    return t;
}

/* ---- rows ---- */

/* What one place may hold: nothing, or a row of every kind. */
struct choices {
    struct oracle_row rows[512];
    int count; /* choice 0 is no row */
};

static void add_choices(struct choices *c, int unit, const uint8_t *masks, int mask_count,
    const int64_t (*spans)[2], int span_count)
{
    for (int rule = POLICY_ON; rule <= POLICY_FORBIDDEN; rule++)
        for (int reach = unit == -1; reach < 2; reach++) /* the deployment's reach is everything */
            for (int m = 0; m < mask_count; m++)
                for (int s = 0; s < span_count; s++)
                    c->rows[++c->count] = (struct oracle_row){
                        unit, (enum policy_rule)rule, reach == 1, masks[m], spans[s][0], spans[s][1]};
    assert_true(c->count < (int)ARRAY_LEN(c->rows));
}

static struct policy_row to_row(const struct oracle_row *o, uint8_t id)
{
    return (struct policy_row){.id = id_of(id),
        .unit = o->unit == -1 ? TREE_NONE : (uint32_t)o->unit,
        .rule = o->rule,
        .is_subtree = o->is_subtree,
        .levels = o->levels,
        .from_us = o->from,
        .until_us = o->until};
}

/* The rows of one plugin in both forms, the n-th being the n-th. */
struct rows {
    struct oracle_row plain[PLACES];
    struct policy_row real[PLACES];
    int count;
};

static void push(struct rows *r, const struct oracle_row *row)
{
    r->plain[r->count] = *row;
    r->real[r->count] = to_row(row, (uint8_t)(100 + r->count));
    r->count++;
}

static void show(const struct rows *r, int unit, const struct policy_answer *a, const struct oracle_answer *o)
{
    print_error("unit %d: %s, expected %s\n", unit, policy_state_name(a->state), policy_state_name(o->state));
    for (int i = 0; i < r->count; i++)
        print_error("  row %d at %d: %s %s levels %x%s\n", i, r->plain[i].unit,
            policy_rule_name(r->plain[i].rule), r->plain[i].is_subtree ? "subtree" : "self",
            r->plain[i].levels, a->decided_by == &r->real[i] ? " (decided)" : "");
}

static void check(
    const struct rows *r, int unit, const struct policy_answer *a, const struct oracle_answer *o)
{
    const struct policy_row *decided = o->row == -1 ? NULL : &r->real[o->row];

    if (a->state == o->state && a->decided_by == decided)
        return;
    show(r, unit, a, o);
    assert_int_equal(a->state, o->state);
    assert_ptr_equal(a->decided_by, decided);
}

/* ---- one plugin: rule × reach × level mask at the deployment and at each of three depths, and the default ---- */

static const int64_t always[1][2] = {{0, INT64_MAX}};
/* Every set of the three levels there are; 0 says all of them in another way. */
static const uint8_t every_mask[] = {0, 1, 2, 3, 4, 5, 6, 7};

static uint64_t ask_all(const struct tree *t, const struct rows *r, const struct policy_plugin *plugin)
{
    struct policy_set set = {plugin, r->real, (size_t)r->count};
    struct oracle_plugin plain = {.levels = plugin->levels,
        .default_on = plugin->default_on,
        .is_available = true,
        .rows = r->plain,
        .row_count = r->count};

    for (int unit = 0; unit < 3; unit++) {
        struct policy_answer a = policy_effective(t, &set, 1, "p", (uint32_t)unit, 1000);
        struct oracle_answer o = oracle_own(units, &plain, unit, 1000);

        check(r, unit, &a, &o);
        if (a.next_change_us != INT64_MAX)
            fail_msg("a change is announced where no row ends");
    }
    return 3;
}

/* The sanitizers look at one default a case, the other builds at both. */
#ifdef __SANITIZE_ADDRESS__
#define DEFAULTS 1
#else
#define DEFAULTS 2
#endif

static void every_rule_reach_and_mask_at_every_depth(void **state)
{
    struct policy_plugin plugin[2] = {{.id = "p", .levels = ALL_LEVELS}, {.id = "p", .levels = ALL_LEVELS}};
    static struct choices c[PLACES];
    struct tree *t = make_tree();
    uint64_t cases = 0;
    struct rows r;

    (void)state;
    plugin[1].default_on = true;
    for (int i = 0; i < PLACES; i++)
        add_choices(&c[i], i - 1, every_mask, ARRAY_LEN(every_mask), always, 1);
    for (int a = 0; a <= c[0].count; a++)
        for (int b = 0; b <= c[1].count; b++)
            for (int d = 0; d <= c[2].count; d++)
                for (int e = 0; e <= c[3].count; e++) {
                    r.count = 0;
                    if (a)
                        push(&r, &c[0].rows[a]);
                    if (b)
                        push(&r, &c[1].rows[b]);
                    if (d)
                        push(&r, &c[2].rows[d]);
                    if (e)
                        push(&r, &c[3].rows[e]);
                    for (int k = 0; k < DEFAULTS; k++)
                        cases += ask_all(t, &r, &plugin[(a + b + d + e + k) % 2]);
                }
    print_message("%llu answers compared\n", (unsigned long long)cases);
    assert_int_equal(cases, UINT64_C(33) * 65 * 65 * 65 * 3 * DEFAULTS);
    tree_free(t);
}

/* ---- several plugins: a needs b and c, b needs c; levels of the manifest, defaults, availability ---- */

struct cast { /* a, b, c */
    struct policy_plugin real[3];
    struct oracle_plugin plain[3];
    struct policy_set sets[3];
};

static const char *const need_b[] = {"b", NULL}, *const need_c[] = {"c", NULL},
                         *const need_bc[] = {"b", "c", NULL}, *const need_cb[] = {"c", "b", NULL},
                         *const need_none[] = {NULL};
static const char *const ids[] = {"a", "b", "c"};

static const struct {
    const char *const *real;
    int count, plain[2];
} needs_of_a[] = {{need_b, 1, {1}}, {need_bc, 2, {1, 2}}, {need_cb, 2, {2, 1}}};

static void set_plugin(struct cast *c, int i, uint8_t levels, bool default_on, const char *unavailable)
{
    c->real[i].id = ids[i];
    c->real[i].levels = c->plain[i].levels = levels;
    c->real[i].default_on = c->plain[i].default_on = default_on;
    c->real[i].unavailable = unavailable;
    c->plain[i].is_available = unavailable == NULL;
}

static void set_rows(struct cast *c, int i, const struct rows *r)
{
    c->plain[i].rows = r->plain;
    c->plain[i].row_count = r->count;
    c->sets[i] = (struct policy_set){&c->real[i], r->real, (size_t)r->count};
}

static void set_needs(struct cast *c, int of_a)
{
    c->real[0].requires = needs_of_a[of_a].real;
    c->plain[0].require_count = needs_of_a[of_a].count;
    memcpy(c->plain[0].requires, needs_of_a[of_a].plain, sizeof(needs_of_a[of_a].plain));
    c->real[1].requires = need_c;
    c->plain[1].require_count = 1;
    c->plain[1].requires[0] = 2;
    c->real[2].requires = need_none;
}

static void compare(const struct tree *t, const struct cast *c, const struct rows *of_a, int unit)
{
    struct policy_answer a = policy_effective(t, c->sets, 3, "a", (uint32_t)unit, 1000);
    struct oracle_answer o = oracle_answer(units, c->plain, 0, unit, 1000);

    check(of_a, unit, &a, &o);
    if (o.blocked_by == -1)
        assert_null(a.blocked_by);
    else
        assert_string_equal(a.blocked_by, ids[o.blocked_by]);
}

/* Everything but the rows, in mixed radix. */
static uint64_t every_manifest(const struct tree *t, struct cast *c, const struct rows *of_a)
{
    static const char *const reasons[] = {"not_installed", "abi_mismatch", "quarantined"};
    uint64_t cases = 0;

    for (int n = 0; n < 2 * 2 * 2 * 2 * 2 * 2 * 4 * 3; n++) {
        int rest = n / 64, of_c = rest % 4;

        set_plugin(c, 0, n & 1 ? ALL_LEVELS : 1 << LEVEL_COUNTY | 1 << LEVEL_STREET, n & 2,
            n & 4 ? reasons[n % 3] : NULL);
        set_plugin(
            c, 1, n & 8 ? ALL_LEVELS : 1 << LEVEL_COMMUNITY, n & 16, n & 32 ? reasons[rest % 3] : NULL);
        set_plugin(
            c, 2, of_c == 3 ? 1 << LEVEL_COMMUNITY : ALL_LEVELS, of_c != 1, of_c == 2 ? reasons[0] : NULL);
        set_needs(c, rest / 4);
        for (int unit = 0; unit < 3; unit++, cases++)
            compare(t, c, of_a, unit);
    }
    return cases;
}

static void requirements_levels_and_availability(void **state)
{
    static const uint8_t masks[] = {0, 1 << LEVEL_COMMUNITY};
    struct choices above = {.count = 0}, below = {.count = 0};
    struct rows none = {.count = 0};
    struct tree *t = make_tree();
    struct cast c = {0};
    uint64_t cases = 0;

    (void)state;
    add_choices(&above, -1, masks, 1, always, 1);
    add_choices(&below, 1, masks, 2, always, 1);
    set_rows(&c, 2, &none);
    for (int a = 0; a < (above.count + 1) * (below.count + 1); a++)
        for (int b = 0; b < (above.count + 1) * (below.count + 1); b++) {
            int pick[2][2] = {{a % (above.count + 1), a / (above.count + 1)},
                {b % (above.count + 1), b / (above.count + 1)}};
            struct rows r[2];

            for (int i = 0; i < 2; i++) {
                r[i].count = 0;
                if (pick[i][0])
                    push(&r[i], &above.rows[pick[i][0]]);
                if (pick[i][1])
                    push(&r[i], &below.rows[pick[i][1]]);
                set_rows(&c, i, &r[i]);
            }
            cases += every_manifest(t, &c, &r[0]);
        }
    print_message("%llu answers compared\n", (unsigned long long)cases);
    assert_int_equal(cases, 85 * 85 * 768 * 3);
    tree_free(t);
}

/* ---- time: when the answer, or what it rests on, is next another one ---- */

static void every_row_in_time(void **state)
{
    /* for ever; ends; begins and ends; begins; ended before it began */
    static const int64_t spans[][2] = {{0, INT64_MAX}, {0, 20}, {10, 30}, {20, INT64_MAX}, {25, 25}};
    static const int64_t moments[] = {5, 10, 15, 20, 29, 30};
    static const uint8_t masks[] = {0};
    static struct choices c[3];
    struct tree *t = make_tree();
    uint64_t cases = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        add_choices(&c[i], i - 1, masks, 1, spans, ARRAY_LEN(spans));
    for (int n = 0; n < (c[0].count + 1) * (c[1].count + 1) * (c[2].count + 1); n++) {
        int pick[3] = {n % (c[0].count + 1), n / (c[0].count + 1) % (c[1].count + 1),
            n / (c[0].count + 1) / (c[1].count + 1)};
        struct policy_plugin plugin = {.id = "p", .levels = ALL_LEVELS, .default_on = n % 2};
        struct oracle_plugin plain = {.levels = ALL_LEVELS, .default_on = n % 2, .is_available = true};
        struct rows r = {.count = 0};
        struct policy_set set;

        for (int i = 0; i < 3; i++)
            if (pick[i])
                push(&r, &c[i].rows[pick[i]]);
        plain.rows = r.plain;
        plain.row_count = r.count;
        set = (struct policy_set){&plugin, r.real, (size_t)r.count};
        for (size_t m = 0; m < ARRAY_LEN(moments); m++)
            for (int unit = 0; unit < 3; unit++, cases++) {
                struct policy_answer a = policy_effective(t, &set, 1, "p", (uint32_t)unit, moments[m]);
                struct oracle_answer o = oracle_answer(units, &plain, 0, unit, moments[m]);

                check(&r, unit, &a, &o);
                assert_int_equal(a.next_change_us, oracle_next_change(units, &plain, 1, 0, unit, moments[m]));
            }
    }
    print_message("%llu answers compared\n", (unsigned long long)cases);
    assert_int_equal(cases, 21 * 41 * 41 * 6 * 3);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requirements_levels_and_availability),
        cmocka_unit_test(every_row_in_time),
        cmocka_unit_test(every_rule_reach_and_mask_at_every_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
