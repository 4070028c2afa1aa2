/* The tree and permission checks at the size of a whole country: permission UNITS CHECKS, one JSON object. */
#include <malloc.h>

#include "access/permission.h"
#include "access/subject.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tenant/tree_parts.h"

#define STREETS 40
#define GRANTS 50
#define ROUNDS 15

static struct uuid id_of(uint32_t n)
{
    struct uuid id = {{1, 144, 3}};

    for (int i = 0; i < 4; i++)
        id.b[8 + i] = (uint8_t)(n >> (8 * i));
    return id;
}

/* Parks as provinces, then streets and communities; in the order of their codes, as they come from a database. */
static uint32_t make_units(struct tree_unit *units, char (*codes)[16], uint32_t max)
{
    uint32_t n = 0;

    units[n++] = (struct tree_unit){.id = id_of(1), .code = "0", .name = "全国", .level = LEVEL_COUNTY};
    while (n < max) {
        uint32_t park = n;

        units[n++] = (struct tree_unit){.parent = id_of(1), .level = LEVEL_PARK};
        for (uint32_t s = 0; s < STREETS && n < max; s++) {
            uint32_t street = n;

            units[n++] = (struct tree_unit){.parent = id_of(park + 1), .level = LEVEL_STREET};
            for (uint32_t k = 0; k < 14 && n < max; k++)
                units[n++] = (struct tree_unit){.parent = id_of(street + 1), .level = LEVEL_COMMUNITY};
        }
    }
    for (uint32_t i = 1; i < n; i++) {
        snprintf(codes[i], sizeof(codes[i]), "%u", 330000000 + i);
        units[i].id = id_of(i + 1);
        units[i].code = codes[i];
        units[i].name = "清波门社区";
    }
    return n;
}

/* A tree replaces one of the same size, whose memory malloc then has at hand. Trees of this size are beyond what it
 * keeps, unlike those of tenants, which have 20,000 units at most: so it is told to keep it. */
static void keep_memory(void)
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT32_MAX);
}

static double milliseconds_of_build(const struct tree_unit *units, uint32_t n, struct tree **tree)
{
    int64_t began;

    tree_free(*tree);
    began = clock_mono_us();
    if (tree_build(units, n, tree, NULL, NULL) < 0)
        abort();
    return (double)(clock_mono_us() - began) / 1000;
}

static double best_build(const struct tree_unit *units, uint32_t n, struct tree **tree)
{
    double best = 1e9;

    for (int i = 0; i < ROUNDS; i++) {
        double ms = milliseconds_of_build(units, n, tree);

        best = MIN(best, ms);
    }
    return best;
}

/* Nanoseconds a check, the best of some rounds: what is asked is what it costs, not what else the machine does. */
static double best_check(
    const struct subject *s, const struct tenant *t, uint32_t p, uint32_t checks, bool dependent)
{
    uint32_t n = tree_count(t->tree), at = 1;
    double best = 1e9;

    for (int round = 0; round < 5; round++) {
        int64_t began = clock_mono_us();
        double ns;

        for (uint32_t i = 0; i < checks; i++) {
            uint32_t next = dependent ? at % n : (uint32_t)((uint64_t)i * 2654435761u % n);

            at = (at * 1664525u + 1013904223u + subject_may(s, t, p, next)) & 0x7fffffff;
        }
        ns = (double)(clock_mono_us() - began) * 1000 / checks;
        best = MIN(best, ns);
    }
    return at ? best : 0;
}

/* Preorder interval, parent, depth and level of each unit, and the table by which it is found. */
static double check_bytes(const struct tree *t)
{
    size_t unit = sizeof(*t->end) + sizeof(*t->parent) + sizeof(*t->depth) + sizeof(*t->level);

    return (double)unit + (double)(t->table_mask + 1) * sizeof(*t->by_id) / t->count;
}

int main(int argc, char **argv)
{
    uint32_t max = argc > 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 665000, n, p;
    uint32_t checks = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000;
    struct tree_unit *units = mem_zarray(max, sizeof(*units));
    char(*codes)[16] = mem_zarray(max, sizeof(*codes));
    struct tenant tenant = {0};
    uint64_t bits[PERMISSIONS_MAX / 64] = {0};
    struct subject_grant grants[GRANTS];
    struct subject s = {
        .kind = SUBJECT_ACCOUNT, .grants = grants, .grant_count = GRANTS, .index = subject_index_new()};
    double first, best;
    size_t before;

    keep_memory();
    n = make_units(units, codes, max);
    before = mallinfo2().uordblks;
    first = milliseconds_of_build(units, n, &tenant.tree);
    before = mallinfo2().uordblks - before;
    best = best_build(units, n, &tenant.tree);
    p = permission_declare("bench.read", "b", "b");
    bits[p / 64] |= 1ull << (p % 64);
    for (uint32_t i = 0; i < GRANTS; i++) {
        uint32_t u = 1 + (uint32_t)((uint64_t)(i + 1) * 2654435761u % (n - 1));

        grants[i] = (struct subject_grant){.permissions = bits,
            .unit = u,
            .end = tree_end(tenant.tree, u),
            .reach = REACH_SUBTREE,
            .until = INT64_MAX};
    }
    printf("{\"first_build_ms\": %.2f, \"build_ms\": %.2f, \"check_ns\": %.2f, \"dependent_ns\": %.2f, "
           "\"check_bytes\": %.2f, \"tree_bytes\": %.2f}\n",
        first, best, best_check(&s, &tenant, p, checks, false), best_check(&s, &tenant, p, checks, true),
        check_bytes(tenant.tree), (double)before / n);
    subject_index_free(s.index);
    tree_free(tenant.tree);
    free(units);
    free(codes);
    return 0;
}
