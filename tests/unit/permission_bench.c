/* Figures of the tree and of permission checks at the size of the whole country: 665,000 units, 50 grants. */
#include "access/permission.h"
#include "access/subject.h"
#include "base/clock.h"
#include "base/mem.h"

#define STREETS 40
#define COUNTIES 2850
#define CHECKS 5000000u

static struct uuid id_of(uint32_t n)
{
    struct uuid id = {{1, 144, 3}};

    for (int i = 0; i < 4; i++)
        id.b[8 + i] = (uint8_t)(n >> (8 * i));
    return id;
}

static uint32_t make_units(struct tree_unit *units, char (*codes)[16], uint32_t max)
{
    uint32_t n = 0;

    units[n++] = (struct tree_unit){.id = id_of(1), .code = "0", .name = "全国", .level = LEVEL_COUNTY};
    for (uint32_t i = 0; n < max;
         i++) { /* below the root: parks as provinces, then streets and communities */
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

int main(void)
{
    uint32_t max = 665000, n, p, hits = 0, at = 1;
    struct tree_unit *units = mem_zarray(max, sizeof(*units));
    char(*codes)[16] = mem_zarray(max, sizeof(*codes));
    struct tenant tenant = {0};
    uint64_t bits[PERMISSIONS_MAX / 64] = {0};
    struct subject_grant grants[50];
    struct subject s = {
        .kind = SUBJECT_ACCOUNT, .grants = grants, .grant_count = 50, .index = subject_index_new()};
    int64_t t0, best = INT64_MAX;

    n = make_units(units, codes, max);
    for (int round = 0; round < 5; round++) {
        tree_free(tenant.tree);
        t0 = clock_mono_us();
        if (tree_build(units, n, &tenant.tree, NULL, NULL) < 0)
            return 1;
        best = MIN(best, clock_mono_us() - t0);
    }
    printf("tree of %u units: %.1f ms\n", n, (double)best / 1000);
    p = permission_declare("bench.read", "b", "b");
    bits[p / 64] |= 1ull << (p % 64);
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t u = 1 + (uint32_t)((uint64_t)(i + 1) * 2654435761u % (n - 1));

        grants[i] = (struct subject_grant){.permissions = bits,
            .unit = u,
            .end = tree_end(tenant.tree, u),
            .reach = REACH_SUBTREE,
            .until = INT64_MAX};
    }
    t0 = clock_mono_us();
    for (uint32_t i = 0; i < CHECKS; i++)
        hits += subject_may(&s, &tenant, p, (uint32_t)((uint64_t)i * 2654435761u % n));
    printf("check: %.1f ns each (%u allowed)\n", (double)(clock_mono_us() - t0) * 1000 / CHECKS, hits);
    t0 = clock_mono_us();
    for (uint32_t i = 0; i < CHECKS; i++)
        at = (at * 1664525u + 1013904223u + subject_may(&s, &tenant, p, at % n)) & 0x7fffffff;
    printf("check, each depending on the one before: %.1f ns (%u)\n",
        (double)(clock_mono_us() - t0) * 1000 / CHECKS, at);
    subject_index_free(s.index);
    tree_free(tenant.tree);
    free(units);
    free(codes);
    return 0;
}
