/* Roles: the ready-made ones as declared, custom ones as tenants make them. */
#include "access/role.h"

#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/grant.h"
#include "access/permission.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "tenant/units.h"

#define WORDS (PERMISSIONS_MAX / 64)

struct declared {
    char *name, *zh, *en;
    uint64_t permissions[WORDS];
};

static struct declared *declared[ROLES_MAX];
static uint32_t declared_count;

static const struct db_stmt install_roles = {"role.install",
    "INSERT INTO juxin.role (tenant_id, id, name, label_zh, label_en, is_builtin, created_at, updated_at)"
    " SELECT $1, x.id, x.name, x.zh, x.en, true, $6, $6 FROM unnest($2::uuid[], $3::text[], $4::text[], "
    "$5::text[])"
    " AS x(id, name, zh, en) ON CONFLICT (tenant_id, name) DO NOTHING"};
static const struct db_stmt install_permissions = {"role.install_permissions",
    "INSERT INTO juxin.role_permission (tenant_id, role_id, permission)"
    " SELECT $1, r.id, x.permission FROM unnest($2::text[], $3::text[]) AS x(name, permission)"
    " JOIN juxin.role r ON r.tenant_id = $1 AND r.name = x.name AND r.is_builtin"
    " ON CONFLICT (tenant_id, role_id, permission) DO NOTHING"};
static const struct db_stmt insert_role = {"role.insert",
    "INSERT INTO juxin.role (tenant_id, id, name, label_zh, label_en, is_builtin, created_at, updated_at)"
    " VALUES ($1, $2, $3, $4, $5, false, $6, $6)"};
static const struct db_stmt update_role = {"role.update",
    "UPDATE juxin.role SET label_zh = coalesce($4, label_zh), label_en = coalesce($5, label_en),"
    " version = version + 1, updated_at = $6 WHERE tenant_id = $1 AND id = $2 AND version = $3 AND NOT "
    "is_builtin"};
static const struct db_stmt clear_permissions = {
    "role.clear_permissions", "DELETE FROM juxin.role_permission WHERE tenant_id = $1 AND role_id = $2"};
static const struct db_stmt insert_permissions = {"role.insert_permissions",
    "INSERT INTO juxin.role_permission (tenant_id, role_id, permission)"
    " SELECT $1, $2, x.permission FROM unnest($3::text[]) AS x(permission) ON CONFLICT (tenant_id, role_id, "
    "permission) DO NOTHING"};

/* ---- declarations ---- */

static struct declared *find_declared(const char *name)
{
    for (uint32_t i = 0; i < declared_count; i++) {
        if (strcmp(declared[i]->name, name) == 0)
            return declared[i];
    }
    return NULL;
}

int role_declare(const char *name, const char *label_zh, const char *label_en)
{
    struct declared *d = find_declared(name);

    if (!d) {
        if (declared_count == ROLES_MAX)
            return -ENOSPC;
        d = declared[declared_count++] = mem_zalloc(sizeof(*d));
        d->name = str_dup(name);
    }
    if (!d->zh) {
        d->zh = str_dup(label_zh);
        d->en = str_dup(label_en);
    }
    return 0;
}

int role_declare_permission(const char *role, const char *permission)
{
    uint32_t p = permission_intern(text_of(permission));
    int r = role_declare(role, NULL, NULL);

    if (r < 0 || p == PERMISSION_NONE)
        return -ENOSPC;
    find_declared(role)->permissions[p / 64] |= 1ull << (p % 64);
    return 0;
}

static int exec_affected(struct db_tx *tx, struct db_stmt stmt, struct db_args *a, uint32_t *changed)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    int r = db_exec(tx, stmt, a, &rows);

    if (r == 0)
        *changed += (uint32_t)db_rows_affected(rows);
    return r;
}

static int install_names(struct db_tx *tx, int64_t now_us, uint32_t *changed)
{
    struct pgarray id = PGARRAY_INIT, name = PGARRAY_INIT, zh = PGARRAY_INIT, en = PGARRAY_INIT;
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < declared_count; i++) {
        const struct declared *d = declared[i];

        pgarray_uuid(&id, uuid_new());
        pgarray_str(&name, d->name);
        pgarray_str(&zh, d->zh ? d->zh : d->name);
        pgarray_str(&en, d->en ? d->en : d->name);
    }
    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_str(&a, pgarray_end(&id));
    db_arg_str(&a, pgarray_end(&name));
    db_arg_str(&a, pgarray_end(&zh));
    db_arg_str(&a, pgarray_end(&en));
    db_arg_time(&a, now_us);
    r = exec_affected(tx, install_roles, &a, changed);
    pgarray_done(&id);
    pgarray_done(&name);
    pgarray_done(&zh);
    pgarray_done(&en);
    return r;
}

int role_install(struct db_tx *tx, int64_t now_us, uint32_t *ret_changed)
{
    struct pgarray name = PGARRAY_INIT, permission = PGARRAY_INIT;
    uint32_t changed = 0;
    struct db_args a;
    int r = install_names(tx, now_us, &changed);

    for (uint32_t i = 0; i < declared_count; i++) {
        for (uint32_t p = 0; p < permission_count(); p++) {
            if (!(declared[i]->permissions[p / 64] >> (p % 64) & 1))
                continue;
            pgarray_str(&name, declared[i]->name);
            pgarray_str(&permission, permission_info(p)->name);
        }
    }
    db_args_reset(&a);
    db_arg_int(&a, db_tx_tenant(tx));
    db_arg_str(&a, pgarray_end(&name));
    db_arg_str(&a, pgarray_end(&permission));
    if (r == 0)
        r = exec_affected(tx, install_permissions, &a, &changed);
    pgarray_done(&name);
    pgarray_done(&permission);
    if (r == 0 && ret_changed)
        *ret_changed = changed;
    return r;
}

/* ---- custom roles ---- */

static bool is_role_name(struct text t)
{
    if (t.len < 1 || t.len > 63 || t.ptr[0] < 'a' || t.ptr[0] > 'z')
        return false;
    for (size_t i = 1; i < t.len; i++) {
        char c = t.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static int check_label(struct call *c, const char *label, const char *pointer)
{
    const char *why = label ? unit_name_objection(text_of(label)) : NULL;

    return why ? call_fail_at(c, pointer, why, "A label has 1 to 100 characters.", "名称为 1 至 100 个字符。")
               : 0;
}

/* What a role contains can be used wherever the role is or will be granted, so its author must hold it everywhere. */
static int check_permissions(struct call *c, const struct role_input *in)
{
    uint32_t missing;
    int r = 0;

    for (uint32_t i = 0; i < in->permission_count; i++) {
        uint32_t p = permission_find(text_of(in->permissions[i]));
        uint64_t bits[WORDS] = {0};
        const char *pointer = arena_printf(c->arena, "/permissions/%u", i);

        if (p == PERMISSION_NONE || !permission_info(p)->is_declared) {
            r = call_fail_at(c, pointer, "unknown", "There is no such permission.", "没有这项权限。");
            continue;
        }
        bits[p / 64] |= 1ull << (p % 64);
        if (tree_count(c->tenant->tree) &&
            !grant_is_within(c->who, c->tenant->tree, bits, 0, REACH_SUBTREE, c->now_us, INT64_MAX, &missing))
            r = call_fail_at(c, pointer, "beyond_own",
                "You may put only permissions into a role that you hold yourself in the whole district.",
                "只能把本人在全区县范围内拥有的权限放入角色。");
    }
    return r;
}

static int write_permissions(struct call *c, struct uuid id, const struct role_input *in, bool clear)
{
    struct pgarray names = PGARRAY_INIT;
    struct db_args a;
    int r = 0;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    if (clear)
        r = db_exec(c->tx, clear_permissions, &a, NULL);
    for (uint32_t i = 0; i < in->permission_count; i++)
        pgarray_str(&names, in->permissions[i]);
    db_arg_str(&a, pgarray_end(&names));
    if (r == 0)
        r = db_exec(c->tx, insert_permissions, &a, NULL);
    pgarray_done(&names);
    return r;
}

static int may_write(struct call *c)
{
    if (tree_count(c->tenant->tree) && !subject_may(c->who, c->tenant, core_permission(CORE_ROLE_WRITE), 0))
        return call_forbidden(c, core_permission_name(CORE_ROLE_WRITE));
    return 0;
}

static int check_input(struct call *c, const struct role_input *in)
{
    int r = may_write(c);

    if (r < 0)
        return r;
    if (check_label(c, in->label_zh, "/label_zh") < 0 || check_label(c, in->label_en, "/label_en") < 0)
        r = -EINVAL;
    if (in->permissions && check_permissions(c, in) < 0)
        r = -EINVAL;
    return r;
}

int role_create(struct call *c, const struct role_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new();
    struct db_args a;
    int r = check_input(c, in);

    if (r < 0)
        return r;
    if (!is_role_name(text_of(in->name)))
        return call_fail_at(c, "/name", "pattern",
            "A role's name is 1 to 63 of a-z, 0-9, '-' and '_', a letter first.",
            "角色标识为 1 至 63 位小写字母、数字、“-”或“_”，以字母开头。");
    r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->label_zh ? in->label_zh : in->name);
    db_arg_str(&a, in->label_en ? in->label_en : in->name);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_role, &a, 1);
    if (r == -EEXIST)
        return call_fail_at(c, "/name", "duplicate", "Another role has this name.", "该角色标识已被使用。");
    if (r == 0)
        r = write_permissions(c, id, in, false);
    if (r == 0)
        r = call_audit(c, "role.create", "role", id, UUID_NIL, "name,label_zh,label_en,permissions");
    if (r == 0)
        *ret_id = id;
    return r;
}

int role_update_check(
    struct call *c, struct uuid id, const struct role_input *in, const struct access_role **ret)
{
    const struct access_role *role = access_find_role(c->tenant, id);
    int r;

    if (!role)
        return call_not_found(c);
    r = check_input(c, in);
    if (r < 0)
        return r;
    if (role->is_builtin)
        return call_fail(c, 409, "builtin", "Ready-made roles are not changed; make a role of your own.",
            "内置角色不可修改，请新建角色。");
    *ret = role;
    return 0;
}

int role_update(
    struct call *c, struct uuid id, const struct role_input *in, int64_t version, int64_t *ret_version)
{
    const struct access_role *role;
    struct db_args a;
    int r = role_update_check(c, id, in, &role);

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
    db_arg_int(&a, version);
    db_arg_str(&a, in->label_zh);
    db_arg_str(&a, in->label_en);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, update_role, &a, 1);
    if (r == 0 && in->permissions)
        r = write_permissions(c, id, in, true);
    if (r == 0)
        r = call_audit(
            c, "role.update", "role", id, UUID_NIL, in->permissions ? "labels,permissions" : "labels");
    if (r == 0)
        *ret_version = version + 1;
    return r;
}
