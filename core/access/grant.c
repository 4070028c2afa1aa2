/* Grants and their bound: nobody gives what they do not hold. */
#include "access/grant.h"

#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/permission.h"

/* Beginnings and ends go by the database's clock, which is the same for all servers: see call_use. */
static const struct db_stmt insert_grant = {"grant.insert",
    "INSERT INTO juxin.access_grant (tenant_id, id, account_id, department_id, role_id, unit_id, reach, "
    "valid_from,"
    " valid_until, granted_by, created_at, post_id) VALUES ($1, $2, $3, $4, $5, $6, $7, greatest($8, now()), "
    "$9, $10, "
    "now(), $11)"};
static const struct db_stmt find_account = {
    "grant.find_account", "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt find_department = {
    "grant.find_department", "SELECT 1 FROM juxin.department WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt find_post = {
    "grant.find_post", "SELECT 1 FROM juxin.post WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL"};
static const struct db_stmt find_grant = {"grant.find",
    "SELECT unit_id FROM juxin.access_grant WHERE tenant_id = $1 AND id = $2"
    " AND (valid_until IS NULL OR valid_until > now())"};
static const struct db_stmt end_grant = {"grant.end",
    "UPDATE juxin.access_grant SET valid_until = now(), ended_by = $3"
    " WHERE tenant_id = $1 AND id = $2 AND (valid_until IS NULL OR valid_until > now())"};

/* Does one grant cover all of (unit, reach)? A union of several that together cover a subtree is not looked for, but
 * for the direct children and a single unit any grant that reaches each of them is found by the caller's loops. */
static bool covers_reach(const struct subject_grant *g, const struct tree *t, uint32_t unit, enum reach reach)
{
    if (g->reach == REACH_SUBTREE)
        return tree_contains(unit, g->unit, g->end);
    if (reach == REACH_SELF)
        return g->reach == REACH_SELF ? g->unit == unit : tree_parent(t, unit) == g->unit;
    return reach == REACH_CHILDREN && g->reach == REACH_CHILDREN && g->unit == unit;
}

static bool holds(const struct subject *s, const struct tree *t, uint32_t permission, uint32_t unit,
    enum reach reach, int64_t from, int64_t until)
{
    for (uint32_t i = 0; i < s->grant_count; i++) {
        const struct subject_grant *g = &s->grants[i];

        if (subject_grant_has(g, permission) && g->from <= (uint64_t)from && g->until >= (uint64_t)until &&
            covers_reach(g, t, unit, reach))
            return true;
    }
    return false;
}

bool grant_is_within(const struct subject *s, const struct tree *t, const uint64_t *bits, uint32_t unit,
    enum reach reach, int64_t from, int64_t until, uint32_t *ret_missing)
{
    if (s->kind == SUBJECT_SYSTEM || s->kind == SUBJECT_OPERATOR)
        return true;
    for (uint32_t p = 0; p < permission_count(); p++) {
        if ((bits[p / 64] >> (p % 64) & 1) && !holds(s, t, p, unit, reach, from, until)) {
            *ret_missing = p;
            return false;
        }
    }
    return true;
}

bool grant_may_give(const struct subject *s, const struct tree *t, const uint64_t *bits, uint32_t unit,
    enum reach reach, int64_t from, int64_t until, uint32_t *ret_missing)
{
    uint64_t rest[PERMISSIONS_MAX / 64];

    memcpy(rest, bits, sizeof(rest));
    if (holds(s, t, core_permission(CORE_GRANT_DELEGATE), unit, reach, from, until))
        for (uint32_t p = 0; p < permission_count(); p++)
            if (strncmp(permission_info(p)->name, "core.", 5) != 0)
                rest[p / 64] &= ~(UINT64_C(1) << (p % 64));
    return grant_is_within(s, t, rest, unit, reach, from, until, ret_missing);
}

/* Nobody delegates to themselves: that would be holding. Whoever is to hold a post counts as holding it. */
static bool is_own(const struct call *c, const struct grant_input *in)
{
    const struct access_tenure *tenures;
    uint32_t count;

    if (!uuid_is_nil(in->account))
        return uuid_eq(in->account, c->who->account);
    if (!uuid_is_nil(in->department))
        return subject_in_department(c->who, in->department, false);
    count = access_tenures_of(access_of(c->tenant), in->post, &tenures);
    for (uint32_t i = 0; i < count; i++)
        if (uuid_eq(tenures[i].account, c->who->account))
            return true;
    return false;
}

static int check_grant(struct call *c, const struct grant_input *in)
{
    const struct access_role *role = access_find_role(c->tenant, in->role);
    bool (*is_allowed)(const struct subject *, const struct tree *, const uint64_t *, uint32_t, enum reach,
        int64_t, int64_t, uint32_t *) = is_own(c, in) ? grant_is_within : grant_may_give;
    int64_t from = MAX(in->from, c->now_us);
    uint32_t missing;

    if (!role)
        return call_fail_at(c, "/role", "unknown", "There is no such role.", "角色不存在。");
    if (!subject_may(c->who, c->tenant, core_permission(CORE_GRANT_WRITE), in->unit))
        return call_forbidden(c, core_permission_name(CORE_GRANT_WRITE));
    if (tree_unit(c->tenant->tree, in->unit).is_closed)
        return call_fail_at(c, "/unit", "closed", "The unit is closed; nothing is granted there anew.",
            "该机构已关闭，不再新增授权。");
    if (in->until <= from)
        return call_fail_at(c, "/until", "before_from", "The end must lie ahead and after the beginning.",
            "截止时间必须晚于开始时间和当前时间。");
    if (!is_allowed(
            c->who, c->tenant->tree, role->permissions, in->unit, in->reach, from, in->until, &missing))
        return call_fail(c, 403, "beyond_own",
            arena_printf(c->arena,
                "You can grant only what you hold yourself over the same reach and time; "
                "missing: %s.",
                permission_info(missing)->name),
            arena_printf(c->arena, "只能授予本人在同一范围、同一期限内拥有的权限；缺少：%s。",
                permission_info(missing)->name));
    return 0;
}

static int unknown_holder(struct call *c, const struct grant_input *in)
{
    return call_fail_at(c,
        !uuid_is_nil(in->account)      ? "/account"
        : !uuid_is_nil(in->department) ? "/department"
                                       : "/post",
        "unknown", "There is no such account, department or post.", "账号、部门或职务不存在。");
}

/* A post that is closed is granted nothing any more; its row stays. */
static int check_post(struct call *c, const struct grant_input *in)
{
    struct db_args a;
    struct db_call post = {.stmt = find_post, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, in->post);
    r = call_read(c, &post, 1);
    return r == 0 && db_rows_count(post.rows) == 0 ? unknown_holder(c, in) : r;
}

int grant_check(struct call *c, const struct grant_input *in)
{
    struct db_args a;
    bool to_account = !uuid_is_nil(in->account), to_department = !uuid_is_nil(in->department);
    struct db_call holder = {.stmt = to_account      ? find_account
                                     : to_department ? find_department
                                                     : find_post,
        .args = &a};
    int r = check_grant(c, in);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, to_account ? in->account : to_department ? in->department : in->post);
    r = call_read(c, &holder, 1);
    return r == 0 && db_rows_count(holder.rows) == 0 ? unknown_holder(c, in) : r;
}

int grant_create(struct call *c, const struct grant_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new(), unit = tree_unit(c->tenant->tree, in->unit).id;
    struct db_args a;
    int r = check_grant(c, in);

    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0 && !uuid_is_nil(in->post))
        r = check_post(c, in);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_uuid_or_null(&a, in->account);
    db_arg_uuid_or_null(&a, in->department);
    db_arg_uuid(&a, in->role);
    db_arg_uuid(&a, unit);
    db_arg_str(&a, reach_name(in->reach));
    db_arg_time(&a, in->from);
    if (in->until == INT64_MAX)
        db_arg_str(&a, NULL);
    else
        db_arg_time(&a, in->until);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_uuid_or_null(&a, in->post);
    r = db_exec_expect(c->tx, insert_grant, &a, 1);
    if (r == -ENOLINK)
        return unknown_holder(c, in);
    if (r == 0)
        r = call_audit(
            c, "grant.create", "grant", id, unit, "account,department,post,role,unit,reach,from,until");
    if (r == 0)
        *ret_id = id;
    return r;
}

static int may_end(struct call *c, uint32_t unit)
{
    if (unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_GRANT_WRITE), unit))
        return 0;
    return unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_GRANT_READ), unit)
               ? call_forbidden(c, core_permission_name(CORE_GRANT_WRITE))
               : call_not_found(c);
}

int grant_check_end(struct call *c, struct uuid id, const struct access_grant **ret)
{
    const struct access *x = access_of(c->tenant);

    for (uint32_t i = 0; i < x->grant_count; i++)
        if (uuid_eq(x->grants[i].id, id) && x->grants[i].until > c->now_us) {
            *ret = &x->grants[i];
            return may_end(c, x->grants[i].unit);
        }
    return call_not_found(c);
}

int grant_end(struct call *c, struct uuid id)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    r = db_exec(c->tx, find_grant, &a, &rows);
    if (r < 0)
        return r;
    if (db_rows_count(rows) == 0)
        return call_not_found(c);
    r = may_end(c, tree_find(c->tenant->tree, db_get_uuid(rows, 0, 0)));
    if (r < 0)
        return r;
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, end_grant, &a, 1);
    if (r == 0)
        r = call_audit(c, "grant.end", "grant", id, db_get_uuid(rows, 0, 0), "until");
    return r;
}
