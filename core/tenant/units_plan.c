/* Import of a tree: what each row will do, and doing it. */
#include <errno.h>

#include "base/mem.h"
#include "db/pgarray.h"
#include "tenant/import_fault.h"

#define BATCH 1000

static const struct db_stmt insert_units = {"unit.import",
    "INSERT INTO juxin.unit (tenant_id, id, parent_id, code, name, level, depth, a1, a2, a3, a4, created_at, "
    "updated_at)"
    " SELECT $1, x.id, x.parent, x.code, x.name, x.level, x.depth, x.a1, x.a2, x.a3, x.a4, $12, $12"
    " FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::uuid[], "
    "$9::uuid[],"
    " $10::uuid[], $11::uuid[]) AS x(id, parent, code, name, level, depth, a1, a2, a3, a4) RETURNING 1"};
static const struct db_stmt insert_parents = {"unit.import_parents",
    "INSERT INTO juxin.unit_parent (tenant_id, unit_id, parent_id, valid_from)"
    " SELECT $1, x.id, x.parent, $4 FROM unnest($2::uuid[], $3::uuid[]) AS x(id, parent) RETURNING 1"};
static const struct db_stmt insert_names = {"unit.import_names",
    "INSERT INTO juxin.unit_name (tenant_id, unit_id, name, valid_from)"
    " SELECT $1, x.id, x.name, $4 FROM unnest($2::uuid[], $3::text[]) AS x(id, name) RETURNING 1"};
static const struct db_stmt end_names = {"unit.import_end_names",
    "UPDATE juxin.unit_name SET valid_until = $3 WHERE tenant_id = $1 AND unit_id = ANY ($2::uuid[])"
    " AND valid_until IS NULL"};
static const struct db_stmt rename_units = {"unit.import_rename",
    "UPDATE juxin.unit u SET name = x.name, version = u.version + 1, updated_at = $4"
    " FROM unnest($2::uuid[], $3::text[]) AS x(id, name) WHERE u.tenant_id = $1 AND u.id = x.id"};

/* ---- the plan ---- */

struct index_entry {
    const char *code;
    uint32_t row;
};

static int by_code(const void *a, const void *b)
{
    const struct index_entry *x = a, *y = b;
    int c = strcmp(x->code, y->code);

    return c ? c : x->row < y->row ? -1 : 1;
}

static struct index_entry *make_index(struct units_import *im)
{
    struct index_entry *index = mem_zarray(im->count + 1, sizeof(*index));

    for (uint32_t i = 0; i < im->count; i++)
        index[i] = (struct index_entry){im->rows[i].code, i};
    qsort(index, im->count, sizeof(*index), by_code);
    for (uint32_t i = 1; i < im->count; i++) {
        if (*index[i].code && strcmp(index[i].code, index[i - 1].code) == 0)
            import_fault(im, im->rows[index[i].row].pointer, "/code", "duplicate",
                "This code occurs twice in the file.", "文件中编码重复。");
    }
    return index;
}

static uint32_t find_row(const struct units_import *im, const struct index_entry *index, const char *code)
{
    uint32_t lo = 0, hi = im->count;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (strcmp(index[mid].code, code) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < im->count && strcmp(index[lo].code, code) == 0 ? index[lo].row : TREE_NONE;
}

static void compare_existing(
    struct units_import *im, const struct tree *t, struct units_import_row *row, uint32_t unit, bool rename)
{
    struct tree_unit u = tree_unit(t, unit);
    uint32_t parent = tree_parent(t, unit);
    const char *parent_code = parent == TREE_NONE ? NULL : tree_unit(t, parent).code;

    row->id = u.id;
    if (row->has_level && u.level != row->level)
        import_fault(im, row->pointer, "/level", "other_level", "The unit exists with another level.",
            "该机构已存在，级别不同。");
    if ((parent_code == NULL) != (row->parent == NULL) ||
        (parent_code && strcmp(parent_code, row->parent) != 0))
        import_fault(im, row->pointer, "/parent", "other_parent",
            "The unit exists under another parent; move it instead.",
            "该机构已存在于其他上级之下，请使用调整隶属。");
    if (strcmp(u.name, row->name) == 0)
        im->unchanged++;
    else if (rename)
        row->is_renamed = ++im->renamed != 0;
    else
        im->other_names++;
}

static void resolve_root(
    struct units_import *im, const struct tree *t, struct units_import_row *row, uint32_t *roots)
{
    if (tree_count(t) || (*roots)++)
        import_fault(im, row->pointer, "/parent", "required", "There is a root already; name a parent.",
            "已有根机构，请指定上级机构。");
    else if (row->has_level && row->level != LEVEL_COUNTY)
        import_fault(im, row->pointer, "/level", "level", "The root is a county.", "根机构的级别为区县。");
}

static void resolve_parent(struct units_import *im, const struct tree *t, const struct index_entry *index,
    struct units_import_row *row)
{
    uint32_t other = find_row(im, index, row->parent);

    if (tree_count(t))
        row->up_unit = tree_find_code(t, text_of(row->parent));
    if (row->up_unit == TREE_NONE && other != TREE_NONE)
        row->up_row = other;
    if (row->up_unit == TREE_NONE && row->up_row == TREE_NONE)
        import_fault(im, row->pointer, "/parent", "unknown",
            "Neither the file nor the tenant has a unit of this code.", "文件和现有机构中都没有该编码。");
    else if (row->up_unit != TREE_NONE && tree_unit(t, row->up_unit).is_closed)
        import_fault(im, row->pointer, "/parent", "closed", "The parent is closed.", "上级机构已关闭。");
    else if (row->has_level && (row->up_row == TREE_NONE || im->rows[row->up_row].has_level) &&
             !level_may_contain(
                 row->up_unit != TREE_NONE ? tree_level(t, row->up_unit) : im->rows[row->up_row].level,
                 row->level))
        import_fault(im, row->pointer, "/parent", "level",
            "A unit of this level may not stand under that parent.", "该级别的机构不能设在此上级之下。");
}

/* Follows new rows upwards; a walk that meets its own mark has found a cycle, whose rows are named once each. */
static void find_cycles(struct units_import *im)
{
    for (uint32_t i = 0; i < im->count; i++) {
        uint32_t u = i, mark = i + 1;

        while (u != TREE_NONE && im->rows[u].mark == 0) {
            im->rows[u].mark = mark;
            u = im->rows[u].up_row;
        }
        if (u == TREE_NONE || im->rows[u].mark != mark)
            continue;
        for (uint32_t first = u, at = u;;) {
            import_fault(im, im->rows[at].pointer, "/parent", "cycle", "The unit stands under itself.",
                "上下级关系成环。");
            at = im->rows[at].up_row;
            if (at == first)
                break;
        }
    }
}

/* `steps` bounds the walk to the nearest placed unit above: a longer one is too deep anyway. */
static bool place(struct units_import *im, const struct tree *t, struct units_import_row *row, int steps)
{
    struct unit_place p = {.id = row->id};

    if (!row->is_new || row->place.depth || (row->up_row == TREE_NONE && row->up_unit == TREE_NONE)) {
        row->place.id = row->id;
        return true; /* known, or the root */
    }
    if (row->up_unit != TREE_NONE) {
        p.depth = tree_depth(t, row->up_unit);
        for (uint32_t d = 1; d <= p.depth; d++)
            p.a[d - 1] = tree_unit(t, tree_ancestor(t, row->up_unit, d)).id;
        row->parent_id = tree_unit(t, row->up_unit).id;
    } else {
        struct units_import_row *up = &im->rows[row->up_row];

        if (steps == 0 || !place(im, t, up, steps - 1))
            return false;
        p = up->place;
        row->parent_id = up->id;
    }
    p.id = row->id;
    if (p.depth == TREE_DEPTH_MAX)
        return false;
    p.a[p.depth++] = row->id;
    row->place = p;
    return true;
}

void units_import_check(struct units_import *im, const struct tree *t, bool rename)
{
    struct index_entry *index = make_index(im);
    uint32_t roots = 0;

    for (uint32_t i = 0; i < im->count; i++) {
        struct units_import_row *row = &im->rows[i];
        uint32_t unit = tree_count(t) && *row->code ? tree_find_code(t, text_of(row->code)) : TREE_NONE;

        row->up_row = row->up_unit = TREE_NONE;
        row->is_new = unit == TREE_NONE;
        if (!row->is_new) {
            compare_existing(im, t, row, unit, rename);
            continue;
        }
        row->id = uuid_new();
        im->created++;
        if (!row->parent)
            resolve_root(im, t, row, &roots);
        else
            resolve_parent(im, t, index, row);
    }
    free(index);
    find_cycles(im);
    if (im->created + tree_count(t) > UNITS_MAX)
        import_fault(
            im, "/units", "", "too_many", "A tenant has at most 20000 units.", "组织机构最多 20000 个。");
    for (uint32_t i = 0; i < im->count && im->fault_count == 0; i++) {
        if (!place(im, t, &im->rows[i], TREE_DEPTH_MAX))
            import_fault(im, im->rows[i].pointer, "/parent", "too_deep",
                "A tree has at most 4 levels below its root.", "根机构之下最多四层。");
    }
}

/* ---- writing ---- */

struct batch {
    struct pgarray id, parent, code, name, level, depth, a[TREE_DEPTH_MAX];
    uint32_t count;
};

static void batch_add(struct batch *b, const struct units_import_row *row)
{
    pgarray_uuid(&b->id, row->id);
    pgarray_uuid(&b->parent, row->parent_id);
    pgarray_str(&b->code, row->code);
    pgarray_str(&b->name, row->name);
    pgarray_str(&b->level, level_name(row->level));
    pgarray_int(&b->depth, row->place.depth);
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        pgarray_uuid(&b->a[d], row->place.a[d]);
    b->count++;
}

static void batch_done(struct batch *b)
{
    pgarray_done(&b->id);
    pgarray_done(&b->parent);
    pgarray_done(&b->code);
    pgarray_done(&b->name);
    pgarray_done(&b->level);
    pgarray_done(&b->depth);
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        pgarray_done(&b->a[d]);
    *b = (struct batch){.count = 0};
}

static void ids_args(struct tenant_change *c, struct db_args *a, const char *ids)
{
    db_args_reset(a);
    db_arg_int(a, c->t->id);
    db_arg_str(a, ids);
}

static int batch_insert(struct tenant_change *c, struct batch *b)
{
    const char *id = pgarray_end(&b->id), *parent = pgarray_end(&b->parent), *name = pgarray_end(&b->name);
    struct db_args a;
    int r;

    ids_args(c, &a, id);
    db_arg_str(&a, parent);
    db_arg_str(&a, pgarray_end(&b->code));
    db_arg_str(&a, name);
    db_arg_str(&a, pgarray_end(&b->level));
    db_arg_str(&a, pgarray_end(&b->depth));
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        db_arg_str(&a, pgarray_end(&b->a[d]));
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_units, &a, b->count);
    if (r < 0)
        return r;
    ids_args(c, &a, id);
    db_arg_str(&a, parent);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_parents, &a, b->count);
    if (r < 0)
        return r;
    ids_args(c, &a, id);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert_names, &a, b->count);
}

static int batch_rename(struct tenant_change *c, struct batch *b)
{
    const char *id = pgarray_end(&b->id), *name = pgarray_end(&b->name);
    struct db_args a;
    int r;

    ids_args(c, &a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, end_names, &a, NULL);
    if (r < 0)
        return r;
    ids_args(c, &a, id);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_names, &a, b->count);
    return r < 0 ? r : db_exec_expect(c->tx, rename_units, &a, b->count);
}

/* Rows of one depth, or the renamed ones: a parent is written before its children. */
static int write_some(struct tenant_change *c, const struct units_import *im, uint32_t depth, bool renamed)
{
    struct batch b = {.count = 0};
    int r = 0;

    for (uint32_t i = 0; i <= im->count && r == 0; i++) {
        const struct units_import_row *row = i < im->count ? &im->rows[i] : NULL;

        if (row && (renamed ? row->is_renamed : row->is_new && row->place.depth == depth))
            batch_add(&b, row);
        if (b.count == BATCH || (!row && b.count)) {
            r = renamed ? batch_rename(c, &b) : batch_insert(c, &b);
            batch_done(&b);
        }
    }
    batch_done(&b);
    return r;
}

int units_import_write(struct tenant_change *c, const struct units_import *im)
{
    int r = 0;

    if (im->fault_count)
        return -EINVAL;
    for (uint32_t depth = 0; depth <= TREE_DEPTH_MAX && r == 0; depth++)
        r = write_some(c, im, depth, false);
    return r < 0 ? r : write_some(c, im, 0, true);
}
