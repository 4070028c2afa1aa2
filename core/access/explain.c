/* Explanations are made by the same grants and the same function as the decision. */
#include "access/explain.h"

#include "access/access.h"
#include "access/permission.h"

static const struct db_stmt ended_grants = {"explain.ended_grants",
    "SELECT id, department_id, role_id, unit_id, reach, valid_from, valid_until, post_id FROM "
    "juxin.access_grant"
    " WHERE tenant_id = $1 AND valid_until <= now() AND (account_id = $2 OR department_id IN"
    " (SELECT department_id FROM juxin.department_member WHERE tenant_id = $1 AND account_id = $2))"
    " ORDER BY valid_until DESC LIMIT 50"};
/* While the post was held and granted to; over by one or the other. */
static const struct db_stmt ended_tenures = {"explain.ended_tenures",
    "SELECT g.id, g.department_id, g.role_id, g.unit_id, g.reach, greatest(g.valid_from, t.valid_from), "
    "least(g.valid_until, t.valid_until), g.post_id FROM juxin.tenure t JOIN juxin.access_grant g ON "
    "g.tenant_id = $1 AND g.post_id = t.post_id WHERE t.tenant_id = $1 AND t.account_id = $2 AND "
    "least(g.valid_until, t.valid_until) <= now() AND greatest(g.valid_from, t.valid_from) < "
    "least(g.valid_until, t.valid_until) ORDER BY 7 DESC LIMIT 50"};

const char *explain_reason_name(enum explain_reason r)
{
    static const char *const names[] = {
        "allows", "not_yet_valid", "expired", "other_unit", "role_lacks_permission"};

    return (unsigned)r < ARRAY_LEN(names) ? names[r] : "unknown";
}

static bool reaches(const struct subject_grant *g, const struct tree *t, uint32_t unit)
{
    struct subject_grant always = *g;
    uint64_t all[PERMISSIONS_MAX / 64] = {1};

    always.from = 0;
    always.until = INT64_MAX;
    always.permissions = all;
    return subject_grant_covers(&always, t, 0, unit, 1);
}

/* True when the grant is worth a line. */
static bool judge(const struct subject_grant *g, const struct tree *t, uint32_t permission, uint32_t unit,
    int64_t now_us, enum explain_reason *ret)
{
    bool has = subject_grant_has(g, permission), here = reaches(g, t, unit);

    if (has && here)
        *ret = g->until <= (uint64_t)now_us ? EXPLAIN_EXPIRED
               : g->from > (uint64_t)now_us ? EXPLAIN_NOT_YET
                                            : EXPLAIN_ALLOWS;
    else if (g->until <= (uint64_t)now_us)
        return false;
    else
        *ret = has ? EXPLAIN_OTHER_UNIT : EXPLAIN_ROLE_LACKS;
    return has || here;
}

static int nearest_first(const void *a, const void *b)
{
    return (int)((const struct explain_line *)a)->reason - (int)((const struct explain_line *)b)->reason;
}

static void look(const struct subject_grant *grants, uint32_t count, const struct tenant *t,
    uint32_t permission, uint32_t unit, int64_t now_us, struct explain_answer *ret)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct subject_grant *g = &grants[i];
        enum explain_reason reason;

        if (!judge(g, t->tree, permission, unit, now_us, &reason))
            continue;
        ret->may |= reason == EXPLAIN_ALLOWS;
        ret->lines[ret->count++] = (struct explain_line){reason, g->grant_id, g->department, g->post, g->role,
            g->unit, g->reach, (int64_t)g->from, (int64_t)g->until};
    }
}

void explain(const struct subject *s, const struct tenant *t, uint32_t permission, uint32_t unit,
    int64_t now_us, const struct subject_grant *more, uint32_t more_count, struct arena *a,
    struct explain_answer *ret)
{
    struct explain_answer x = {.lines = arena_array(a, s->grant_count + more_count + 1, sizeof(*x.lines))};
    uint32_t keep = 0;

    look(s->grants, s->grant_count, t, permission, unit, now_us, &x);
    look(more, more_count, t, permission, unit, now_us, &x);
    qsort(x.lines, x.count, sizeof(*x.lines), nearest_first);
    while (keep < x.count && keep < EXPLAIN_LINES_MAX && (!x.may || x.lines[keep].reason == EXPLAIN_ALLOWS))
        keep++;
    x.count = keep;
    *ret = x;
}

static uint32_t take_ended(struct call *c, const struct db_rows *rows, struct subject_grant *out)
{
    const struct tree *t = c->tenant->tree;
    uint32_t n = 0;

    for (int i = 0; i < db_rows_count(rows); i++) {
        const struct access_role *role = access_find_role(c->tenant, db_get_uuid(rows, i, 2));
        uint32_t unit = tree_find(t, db_get_uuid(rows, i, 3));
        struct subject_grant *g = &out[n];

        if (!role || unit == TREE_NONE || reach_parse(db_get_text(rows, i, 4), &g->reach) < 0)
            continue;
        g->from = (uint64_t)db_get_time(rows, i, 5);
        g->until = (uint64_t)db_get_time(rows, i, 6);
        g->permissions = role->permissions;
        g->unit = unit;
        g->end = tree_end(t, unit);
        g->grant_id = db_get_uuid(rows, i, 0);
        g->department = db_get_uuid(rows, i, 1);
        g->post = db_get_uuid(rows, i, 7);
        g->role = role->name;
        n++;
    }
    return n;
}

int explain_account(
    struct call *c, struct uuid account, uint32_t permission, uint32_t unit, struct explain_answer *ret)
{
    struct db_args a;
    struct db_call calls[] = {{.stmt = ended_grants, .args = &a}, {.stmt = ended_tenures, .args = &a}};
    struct subject_grant *ended;
    uint32_t count;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, account);
    r = call_read(c, calls, ARRAY_LEN(calls));
    if (r < 0)
        return r;
    ended = arena_array(c->arena,
        (size_t)db_rows_count(calls[0].rows) + (size_t)db_rows_count(calls[1].rows) + 1, sizeof(*ended));
    count = take_ended(c, calls[0].rows, ended);
    count += take_ended(c, calls[1].rows, ended + count);
    explain(access_subject(c->tenant, account), c->tenant, permission, unit, c->now_us, ended, count,
        c->arena, ret);
    return 0;
}
