/* Changes of the tree. Rules are checked against the snapshot, which the bumped epoch row holds still. */
#include "tenant/units.h"

#include "base/mem.h"
#include "db/pgarray.h"

static const struct db_stmt insert_unit = {"unit.insert",
    "INSERT INTO juxin.unit (tenant_id, id, parent_id, code, name, level, depth, a1, a2, a3, a4, created_at, "
    "updated_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)"};
static const struct db_stmt insert_parent = {"unit.insert_parent",
    "INSERT INTO juxin.unit_parent (tenant_id, unit_id, parent_id, valid_from) VALUES ($1, $2, $3, $4)"};
static const struct db_stmt insert_name = {"unit.insert_name",
    "INSERT INTO juxin.unit_name (tenant_id, unit_id, name, valid_from) VALUES ($1, $2, $3, $4)"};
static const struct db_stmt end_parent = {"unit.end_parent",
    "UPDATE juxin.unit_parent SET valid_until = $3 WHERE tenant_id = $1 AND unit_id = $2 "
    "AND valid_until IS NULL"};
static const struct db_stmt end_name = {"unit.end_name",
    "UPDATE juxin.unit_name SET valid_until = $3 WHERE tenant_id = $1 AND unit_id = $2 AND "
    "valid_until IS NULL"};
static const struct db_stmt rename_unit = {"unit.rename",
    "UPDATE juxin.unit SET name = $4, version = version + 1, updated_at = $5"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt close_unit = {"unit.close",
    "UPDATE juxin.unit SET closed_at = $4, version = version + 1, updated_at = $4"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt lock_units = {"unit.lock",
    "SELECT id FROM juxin.unit WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY "
    "tenant_id, id FOR UPDATE"};
static const struct db_stmt move_unit = {"unit.move",
    "UPDATE juxin.unit SET parent_id = $4, version = version + 1, updated_at = $5"
    " WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt place_units = {"unit.place",
    "UPDATE juxin.unit u SET depth = x.depth, a1 = x.a1, a2 = x.a2, a3 = x.a3, a4 = x.a4"
    " FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[])"
    " AS x(id, depth, a1, a2, a3, a4) WHERE u.tenant_id = $1 AND u.id = x.id"};

static unit_move_fn *move_hooks[8];
static unsigned move_hook_count;

void unit_move_hook(unit_move_fn *fn)
{
    if (move_hook_count == ARRAY_LEN(move_hooks))
        abort();
    move_hooks[move_hook_count++] = fn;
}

/* ---- input ---- */

const char *unit_name_objection(struct text name)
{
    if (name.len == 0 || text_trim(name, " \t\r\n").len == 0)
        return "required";
    if (!text_is_utf8(name))
        return "characters";
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return "characters";
    }
    return text_chars(name) > UNIT_NAME_MAX ? "too_long" : NULL;
}

const char *unit_code_objection(struct text code)
{
    if (code.len == 0)
        return "required";
    if (code.len > UNIT_CODE_MAX)
        return "too_long";
    for (size_t i = 0; i < code.len; i++) {
        char c = code.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                c == '_' || c == '.'))
            return "characters";
    }
    return NULL;
}

static int check_name(struct tenant_change *c, const char *name)
{
    const char *why = unit_name_objection(text_of(name));

    return why ? change_fail_at(c, "/name", why, "A name has 1 to 100 characters and no control characters.",
                     "名称为 1 至 100 个字符，不含控制字符。")
               : 0;
}

static int check_code(struct tenant_change *c, const char *code)
{
    const char *why = unit_code_objection(text_of(code));

    if (why)
        return change_fail_at(c, "/code", why, "A code has 1 to 32 letters, digits, '-', '_' or '.'.",
            "编码为 1 至 32 位字母、数字、“-”、“_”或“.”。");
    if (tree_count(c->t->tree) && tree_find_code(c->t->tree, text_of(code)) != TREE_NONE)
        return change_fail_at(c, "/code", "duplicate", "Another unit has this code.", "该编码已被使用。");
    return 0;
}

static int check_place(struct tenant_change *c, enum level level, uint32_t parent, uint32_t height)
{
    const struct tree *t = c->t->tree;

    if (parent == TREE_NONE) {
        if (tree_count(t))
            return change_fail_at(c, "/parent", "required", "The tree has a root already; name a parent.",
                "已有根机构，请指定上级机构。");
        if (level != LEVEL_COUNTY)
            return change_fail_at(c, "/level", "level", "The root is a county.", "根机构的级别为区县。");
        return 0;
    }
    if (tree_unit(t, parent).is_closed)
        return change_fail_at(c, "/parent", "closed", "The parent is closed.", "上级机构已关闭。");
    if (!level_may_contain(tree_level(t, parent), level))
        return change_fail_at(c, "/parent", "level",
            arena_printf(c->arena, "A unit of level %s may not stand under one of level %s.",
                level_name(level), level_name(tree_level(t, parent))),
            "该级别的机构不能设在此上级之下。");
    if (tree_depth(t, parent) + 1 + height > TREE_DEPTH_MAX)
        return change_fail_at(
            c, "/parent", "too_deep", "A tree has at most 4 levels below its root.", "根机构之下最多四层。");
    return 0;
}

/* ---- places ---- */

static struct unit_place place_of(const struct tree *t, uint32_t unit)
{
    struct unit_place p = {.id = tree_unit(t, unit).id, .depth = tree_depth(t, unit)};

    for (uint32_t d = 1; d <= p.depth; d++)
        p.a[d - 1] = tree_unit(t, tree_ancestor(t, unit, d)).id;
    return p;
}

static struct unit_place place_under(const struct tree *t, uint32_t parent, struct uuid id)
{
    struct unit_place p = {.id = id};

    if (parent == TREE_NONE)
        return p;
    p = place_of(t, parent);
    p.id = id;
    p.a[p.depth++] = id;
    return p;
}

void unit_place_arrays(
    struct arena *a, const struct unit_place *places, size_t count, struct unit_place_arrays *ret)
{
    struct pgarray id = PGARRAY_INIT, depth = PGARRAY_INIT;

    for (size_t i = 0; i < count; i++) {
        pgarray_uuid(&id, places[i].id);
        pgarray_int(&depth, places[i].depth);
    }
    ret->id = arena_dup(a, pgarray_end(&id));
    ret->depth = arena_dup(a, pgarray_end(&depth));
    pgarray_done(&id);
    pgarray_done(&depth);
    for (int d = 0; d < TREE_DEPTH_MAX; d++) {
        struct pgarray key = PGARRAY_INIT;

        for (size_t i = 0; i < count; i++)
            pgarray_uuid(&key, places[i].a[d]);
        ret->a[d] = arena_dup(a, pgarray_end(&key));
        pgarray_done(&key);
    }
}

/* ---- services ---- */

static void unit_args(struct tenant_change *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->t->id);
    db_arg_uuid(a, id);
}

static int add_parent(struct tenant_change *c, struct uuid id, struct uuid parent)
{
    struct db_args a;

    unit_args(c, &a, id);
    db_arg_uuid_or_null(&a, parent);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert_parent, &a, 1);
}

static int add_name(struct tenant_change *c, struct uuid id, const char *name)
{
    struct db_args a;

    unit_args(c, &a, id);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert_name, &a, 1);
}

static int end_dated(struct tenant_change *c, struct db_stmt stmt, struct uuid id)
{
    struct db_args a;

    unit_args(c, &a, id);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, stmt, &a, NULL);
}

int unit_create(struct tenant_change *c, const struct unit_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new(), parent = UUID_NIL;
    struct unit_place p;
    struct db_args a;
    int r;

    r = check_code(c, in->code);
    if (r == 0)
        r = check_name(c, in->name);
    if (r == 0)
        r = check_place(c, in->level, in->parent, 0);
    if (r < 0)
        return r;
    if (tree_count(c->t->tree) >= UNITS_MAX)
        return change_fail(
            c, 422, "too_many", "A tenant has at most 20000 units.", "组织机构最多 20000 个。");
    if (in->parent != TREE_NONE)
        parent = tree_unit(c->t->tree, in->parent).id;
    p = place_under(c->t->tree, in->parent, id);
    unit_args(c, &a, id);
    db_arg_uuid_or_null(&a, parent);
    db_arg_str(&a, in->code);
    db_arg_str(&a, in->name);
    db_arg_str(&a, level_name(in->level));
    db_arg_int(&a, p.depth);
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        db_arg_uuid_or_null(&a, p.a[d]);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_unit, &a, 1);
    if (r == 0)
        r = add_parent(c, id, parent);
    if (r == 0)
        r = add_name(c, id, in->name);
    if (r < 0)
        return r;
    *ret_id = id;
    return 0;
}

int unit_rename(
    struct tenant_change *c, uint32_t unit, const char *name, int64_t version, int64_t *ret_version)
{
    struct uuid id = tree_unit(c->t->tree, unit).id;
    struct db_args a;
    int r;

    r = check_name(c, name);
    if (r < 0)
        return r;
    unit_args(c, &a, id);
    db_arg_int(&a, version);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, rename_unit, &a, 1);
    if (r == 0)
        r = end_dated(c, end_name, id);
    if (r == 0)
        r = add_name(c, id, name);
    if (r == 0)
        *ret_version = version + 1;
    return r;
}

int unit_close(struct tenant_change *c, uint32_t unit, int64_t version, int64_t *ret_version)
{
    const struct tree *t = c->t->tree;
    struct db_args a;
    int r;

    for (uint32_t u = unit + 1; u < tree_end(t, unit); u++) {
        if (!tree_unit(t, u).is_closed)
            return change_fail(c, 409, "units_below", "There are open units below; move or close them first.",
                "其下仍有未关闭的机构，请先调整或关闭。");
    }
    if (tree_unit(t, unit).is_closed)
        return change_fail(c, 409, "closed", "The unit is closed already.", "该机构已关闭。");
    unit_args(c, &a, tree_unit(t, unit).id);
    db_arg_int(&a, version);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, close_unit, &a, 1);
    if (r == 0)
        *ret_version = version + 1;
    return r;
}

/* ---- move ---- */

static uint32_t height_of(const struct tree *t, uint32_t unit)
{
    uint32_t deepest = tree_depth(t, unit);

    for (uint32_t u = unit + 1; u < tree_end(t, unit); u++)
        deepest = MAX(deepest, tree_depth(t, u));
    return deepest - tree_depth(t, unit);
}

int unit_move_check(struct tenant_change *c, uint32_t unit, uint32_t parent)
{
    const struct tree *t = c->t->tree;

    if (tree_parent(t, unit) == TREE_NONE)
        return change_fail(c, 409, "root", "The root cannot be moved.", "根机构不能移动。");
    if (tree_contains(parent, unit, tree_end(t, unit)))
        return change_fail_at(
            c, "/parent", "cycle", "A unit cannot be moved under itself.", "不能移动到自身或其下级之下。");
    return check_place(c, tree_level(t, unit), parent, height_of(t, unit));
}

int unit_moved_tree(const struct tree *t, uint32_t unit, uint32_t parent, struct tree **ret)
{
    uint32_t end = tree_end(t, unit), n = 0;
    struct tree_unit *units = mem_zarray(tree_count(t), sizeof(*units));
    int r;

    /* In preorder: the subtree right behind its new parent. */
    for (uint32_t u = 0; u < tree_count(t); u++) {
        if (u < unit || u >= end)
            units[n++] = tree_unit(t, u);
        for (uint32_t below = unit; u == parent && below < end; below++)
            units[n++] = tree_unit(t, below);
        if (u == parent)
            units[n - (end - unit)].parent = tree_unit(t, parent).id;
    }
    r = tree_build(units, n, ret, NULL, NULL);
    free(units);
    return r;
}

/* The subtree's new places: what lies above the moved unit is the new parent's, what lies below it keeps its shape. */
static struct unit_place *new_places(struct tenant_change *c, uint32_t unit, uint32_t parent, size_t count)
{
    const struct tree *t = c->t->tree;
    struct unit_place *places = arena_array(c->arena, count, sizeof(*places));

    places[0] = place_under(t, parent, tree_unit(t, unit).id);
    for (size_t i = 1; i < count; i++) {
        uint32_t u = unit + (uint32_t)i;

        places[i] = places[tree_parent(t, u) - unit];
        places[i].id = tree_unit(t, u).id;
        places[i].a[places[i].depth++] = places[i].id;
    }
    return places;
}

static int write_places(struct tenant_change *c, const struct unit_place *places, size_t count)
{
    struct unit_place_arrays arrays;
    struct db_args a;
    int r;

    unit_place_arrays(c->arena, places, count, &arrays);
    db_args_reset(&a);
    db_arg_int(&a, c->t->id);
    db_arg_str(&a, arrays.id);
    r = db_exec(c->tx, lock_units, &a, NULL);
    if (r < 0)
        return r;
    db_arg_str(&a, arrays.depth);
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        db_arg_str(&a, arrays.a[d]);
    return db_exec_expect(c->tx, place_units, &a, count);
}

int unit_move(struct tenant_change *c, uint32_t unit, uint32_t parent, int64_t version, int64_t *ret_version)
{
    const struct tree *t = c->t->tree;
    size_t count = tree_end(t, unit) - unit;
    struct uuid id = tree_unit(t, unit).id;
    struct unit_place *places;
    struct db_args a;
    int r;

    r = unit_move_check(c, unit, parent);
    if (r < 0)
        return r;
    places = new_places(c, unit, parent, count);
    r = write_places(c, places, count);
    if (r < 0)
        return r;
    unit_args(c, &a, id);
    db_arg_int(&a, version);
    db_arg_uuid(&a, tree_unit(t, parent).id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, move_unit, &a, 1);
    if (r == 0)
        r = end_dated(c, end_parent, id);
    if (r == 0)
        r = add_parent(c, id, tree_unit(t, parent).id);
    for (unsigned i = 0; i < move_hook_count && r == 0; i++)
        r = move_hooks[i](c->tx, c->t, places, count);
    if (r == 0)
        *ret_version = version + 1;
    return r;
}
