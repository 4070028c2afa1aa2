/* /units: the tree as the caller may see it, and its changes. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/org.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/outlook.h"

static const struct db_stmt read_unit = {"api.unit",
    "SELECT version, created_at, updated_at, closed_at FROM juxin.unit WHERE tenant_id = $1 AND id = $2"};

static const struct db_stmt read_successor = {"api.unit_successor",
    "SELECT into_id, event_id, at FROM juxin.unit_successor WHERE tenant_id = $1 AND unit_id = $2"};

static bool may_see(const struct call *c, uint32_t unit)
{
    return subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), unit);
}

static uint32_t visible_children(const struct call *c, uint32_t unit)
{
    const struct tree *t = c->tenant->tree;
    uint32_t n = 0;

    for (uint32_t u = unit + 1; u < tree_end(t, unit); u = tree_end(t, u))
        n += may_see(c, u);
    return n;
}

static void write_unit(struct jsonw *w, const struct call *c, uint32_t unit)
{
    struct tree_unit u = tree_unit(c->tenant->tree, unit);
    uint32_t parent = tree_parent(c->tenant->tree, unit);

    jsonw_kuuid(w, "id", u.id);
    jsonw_kstr(w, "code", u.code);
    jsonw_kstr(w, "name", u.name);
    jsonw_kstr(w, "level", level_name(u.level));
    jsonw_kuuid(w, "parent", parent != TREE_NONE && may_see(c, parent) ? u.parent : UUID_NIL);
    jsonw_kint(w, "depth", tree_depth(c->tenant->tree, unit));
    jsonw_kint(w, "children", visible_children(c, unit));
    jsonw_kbool(w, "is_closed", u.is_closed);
}

/* ---- lists ---- */

struct unit_filter {
    uint32_t first, end; /* preorder interval that is looked through */
    uint32_t parent;     /* only its direct children; TREE_NONE for all */
    bool tops;           /* only those whose parent is not seen: where a lazy tree begins */
    bool has_level;
    enum level level;
    struct text name; /* part of the name */
    struct text code;
};

static bool contains(struct text in, struct text part)
{
    return part.len == 0 || memmem(in.ptr, in.len, part.ptr, part.len) != NULL;
}

static bool matches(const struct call *c, const struct unit_filter *f, uint32_t unit)
{
    const struct tree *t = c->tenant->tree;
    uint32_t parent = tree_parent(t, unit);

    if (f->parent != TREE_NONE && parent != f->parent)
        return false;
    if (f->has_level && tree_level(t, unit) != f->level)
        return false;
    if (!may_see(c, unit))
        return false;
    if (f->tops && parent != TREE_NONE && may_see(c, parent))
        return false;
    return f->name.len == 0 || contains(text_of(tree_unit(t, unit).name), f->name);
}

static int query_unit(struct call *c, const struct request *r, const char *name, uint32_t *ret)
{
    struct text t = request_query(r, name);
    struct uuid id;

    *ret = TREE_NONE;
    if (!t.ptr)
        return 0;
    if (uuid_parse(t, &id) == 0 && tree_count(c->tenant->tree))
        *ret = tree_find(c->tenant->tree, id);
    if (*ret == TREE_NONE || !may_see(c, *ret))
        return call_fail_at(c, name, "unknown", "There is no such unit.", "机构不存在。");
    return 0;
}

static int parse_filter(struct call *c, const struct request *r, struct unit_filter *f)
{
    const struct tree *t = c->tenant->tree;
    struct text level = request_query(r, "level"), cursor = request_query(r, "cursor");
    uint32_t under, at;

    *f = (struct unit_filter){.end = tree_count(t),
        .name = request_query(r, "name"),
        .code = request_query(r, "code"),
        .tops = text_is(request_query(r, "tops"), "true")};
    if (query_unit(c, r, "parent", &f->parent) < 0 || query_unit(c, r, "under", &under) < 0)
        return -EINVAL;
    f->has_level = level.ptr != NULL;
    if (f->has_level && level_parse(level, &f->level) < 0)
        return call_fail_at(c, "level", "unknown", "A level is county, street, community or park.",
            "级别为 county、street、community 或 park。");
    if (f->parent != TREE_NONE)
        under = f->parent;
    if (under != TREE_NONE) {
        f->first = under;
        f->end = tree_end(t, under);
    }
    if (f->code.ptr) {
        at = tree_count(t) ? tree_find_code(t, f->code) : TREE_NONE;
        f->first = at == TREE_NONE || at < f->first || at >= f->end ? f->end : at;
        f->end = f->first == f->end ? f->end : at + 1;
    }
    if (cursor.ptr) { /* the code of the last unit of the page before */
        at = tree_count(t) ? tree_find_code(t, cursor) : TREE_NONE;
        if (at == TREE_NONE || !may_see(c, at))
            return call_fail_at(
                c, "cursor", "unknown", "Start again without a cursor.", "请去掉 cursor 重新开始。");
        f->first = MAX(f->first, at + 1);
    }
    return 0;
}

/* The address of the next page, from the parameters that were understood. A part of a name may hold anything, so the
 * reader who filters by one takes `next` instead. */
static void write_next(struct call *c, struct request *r, struct jsonw *w, uint32_t last)
{
    static const char *const names[] = {"parent", "under", "level", "limit", "tops"};
    const char *code = tree_unit(c->tenant->tree, last).code;
    struct buf b = BUF_INIT;

    jsonw_kstr(w, "next", code);
    if (request_query(r, "name").ptr)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct text value = request_query(r, names[i]);

        if (value.ptr && (i < 4 || text_is(value, "true")))
            buf_addf(&b, "%s=%.*s&", names[i], (int)value.len, value.ptr);
    }
    response_header(r->response, "Link", "<%.*s?%scursor=%s>; rel=\"next\"", (int)r->path.len, r->path.ptr,
        buf_str(&b), code);
    buf_done(&b);
}

static int units_list(struct call *c, struct request *r)
{
    const struct tree *t = c->tenant->tree;
    struct unit_filter f;
    struct jsonw *w;
    uint32_t limit, n = 0, last = TREE_NONE, u;

    if (parse_filter(c, r, &f) < 0 || api_limit(c, r, 100, 1000, &limit) < 0)
        return -EINVAL;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (u = f.first; u < f.end; u = f.parent != TREE_NONE && u != f.parent ? tree_end(t, u) : u + 1) {
        if (!matches(c, &f, u))
            continue;
        if (n == limit)
            break;
        jsonw_object(w);
        write_unit(w, c, u);
        jsonw_object_end(w);
        last = u;
        n++;
    }
    jsonw_array_end(w);
    if (u < f.end && last != TREE_NONE)
        write_next(c, r, w, last);
    jsonw_object_end(w);
    return 0;
}

/* ---- one ---- */

/* Who took over from a unit that was merged or split, where the reader sees it. */
static void write_successor(struct jsonw *w, const struct call *c, const struct db_rows *rows)
{
    uint32_t into = db_rows_count(rows) ? tree_find(c->tenant->tree, db_get_uuid(rows, 0, 0)) : TREE_NONE;

    if (into == TREE_NONE || !may_see(c, into))
        return;
    jsonw_key(w, "taken_over_by");
    jsonw_object(w);
    jsonw_kuuid(w, "id", db_get_uuid(rows, 0, 0));
    jsonw_kstr(w, "name", tree_unit(c->tenant->tree, into).name);
    jsonw_kuuid(w, "event", db_get_uuid(rows, 0, 1));
    jsonw_ktime(w, "at", db_get_time(rows, 0, 2));
    jsonw_object_end(w);
}

static int units_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call calls[] = {{.stmt = read_unit, .args = &a}, {.stmt = read_successor, .args = &a}};
    uint32_t unit;
    struct jsonw *w;
    int result = api_unit(c, r, "unit", core_permission(CORE_UNIT_READ), &unit);

    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, unit).id);
    result = call_read(c, calls, 2);
    if (result < 0)
        return result;
    if (db_rows_count(calls[0].rows) == 0)
        return call_not_found(c);
    w = response_json(r, 200);
    api_etag(r, db_get_int(calls[0].rows, 0, 0));
    jsonw_object(w);
    write_unit(w, c, unit);
    jsonw_kint(w, "version", db_get_int(calls[0].rows, 0, 0));
    jsonw_ktime(w, "created_at", db_get_time(calls[0].rows, 0, 1));
    jsonw_ktime(w, "updated_at", db_get_time(calls[0].rows, 0, 2));
    write_successor(w, c, calls[1].rows);
    jsonw_key(w, "ancestors");
    jsonw_array(w);
    for (uint32_t d = 0; d < tree_depth(c->tenant->tree, unit); d++) {
        uint32_t up = tree_ancestor(c->tenant->tree, unit, d);

        if (!may_see(c, up))
            continue;
        jsonw_object(w);
        jsonw_kuuid(w, "id", tree_unit(c->tenant->tree, up).id);
        jsonw_kstr(w, "name", tree_unit(c->tenant->tree, up).name);
        jsonw_kstr(w, "level", level_name(tree_level(c->tenant->tree, up)));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- changes ---- */

static int units_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"code", "name", "level", "parent", NULL};
    struct unit_input in = {.parent = TREE_NONE};
    const char *level;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result < 0)
        return result;
    if (api_str(c, body, "code", true, &in.code) < 0)
        result = -EINVAL;
    if (api_str(c, body, "name", true, &in.name) < 0)
        result = -EINVAL;
    if (api_str(c, body, "level", true, &level) < 0)
        result = -EINVAL;
    else if (level_parse(text_of(level), &in.level) < 0)
        result = call_fail_at(c, "/level", "unknown", "A level is county, street, community or park.",
            "级别为 county、street、community 或 park。");
    if (api_body_unit(c, body, "parent", true, core_permission(CORE_UNIT_READ), &in.parent) < 0)
        result = -EINVAL;
    if (result == 0)
        result = org_unit_create(c, &in, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

static int units_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"name", NULL};
    const char *name;
    int64_t version;
    uint32_t unit;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_unit(c, r, "unit", core_permission(CORE_UNIT_READ), &unit);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = api_str(c, body, "name", true, &name);
    if (result == 0)
        result = org_unit_rename(c, unit, name, version, &version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, tree_unit(c->tenant->tree, unit).id, version);
}

static int units_move(struct call *c, struct request *r)
{
    static const char *const known[] = {"parent", NULL};
    uint32_t unit, parent;
    int64_t version;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_unit(c, r, "unit", core_permission(CORE_UNIT_READ), &unit);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = api_body_unit(c, body, "parent", true, core_permission(CORE_UNIT_READ), &parent);
    if (result == 0)
        result = org_unit_move(c, unit, parent, version, &version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, tree_unit(c->tenant->tree, unit).id, version);
}

static int units_move_preview(struct call *c, struct request *r)
{
    static const char *const known[] = {"parent", NULL};
    uint32_t unit, parent;
    struct outlook o;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_unit(c, r, "unit", core_permission(CORE_UNIT_READ), &unit);
    if (result == 0)
        result = api_body_unit(c, body, "parent", true, core_permission(CORE_UNIT_READ), &parent);
    if (result == 0)
        result = outlook_unit_move(c, unit, parent, &o);
    return result < 0 ? result : outlook_write(c, &o, response_json(r, 200));
}

static int units_close(struct call *c, struct request *r)
{
    uint32_t unit;
    int64_t version;
    int result = api_unit(c, r, "unit", core_permission(CORE_UNIT_READ), &unit);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = org_unit_close(c, unit, version, &version);
    if (result < 0 || c->is_replay)
        return result;
    return api_changed(c, r, tree_unit(c->tenant->tree, unit).id, version);
}

/* ---- import ---- */

static int read_import(struct request *r, struct units_import *im)
{
    struct text type = request_header(r, "Content-Type");
    static const char *const known[] = {"units", "source", "license", NULL};
    json_t *body;
    int result;

    if (type.len >= 8 && text_is_nocase((struct text){type.ptr, 8}, "text/csv")) {
        units_import_csv(im, r->body);
        return 0;
    }
    result = request_object(r, known, &body);
    if (result == 0)
        units_import_json(im, body);
    return result;
}

static int import_faults(struct call *c, const struct units_import *im)
{
    for (const struct units_import_fault *f = im->faults; f; f = f->next)
        (void)call_fail_at(c, f->pointer, f->code, f->en, f->zh);
    c->fault.count = im->fault_count;
    return -EINVAL;
}

static void write_import(struct request *r, const struct units_import *im, bool dry)
{
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_kbool(w, "dry_run", dry);
    jsonw_kint(w, "created", im->created);
    jsonw_kint(w, "renamed", im->renamed);
    jsonw_kint(w, "unchanged", im->unchanged);
    jsonw_kint(w, "other_names", im->other_names);
    jsonw_object_end(w);
}

static int units_import_route(struct call *c, struct request *r)
{
    bool dry = text_is(request_query(r, "dry_run"), "1") || text_is(request_query(r, "dry_run"), "true");
    bool rename = text_is(request_query(r, "rename"), "1") || text_is(request_query(r, "rename"), "true");
    struct units_import im;
    int result;

    units_import_init(&im, c->arena);
    result = read_import(r, &im);
    if (result < 0)
        return result;
    units_import_check(&im, c->tenant->tree, rename);
    if (im.fault_count)
        return import_faults(c, &im);
    if (!dry) {
        result = org_unit_import(c, &im);
        if (result < 0 || c->is_replay)
            return result;
        c->result_status = 200;
        result = call_commit(c);
    }
    if (result == 0)
        write_import(r, &im, dry);
    return result;
}

static const struct api_route unit_routes[] = {
    {.method = HTTP_GET,
        .path = "/units",
        .query = "parent,under,tops,level,code,name,limit,cursor",
        .permission = "core.unit.read",
        .handle = units_list,
        .summary_en = "Units one may see; filters parent, under, tops, level, code, name",
        .summary_zh = "可见的组织机构；可按 parent、under、tops、level、code、name 筛选"},
    {.method = HTTP_GET,
        .path = "/units/{unit}",
        .permission = "core.unit.read",
        .handle = units_read,
        .summary_en = "One unit",
        .summary_zh = "单个组织机构"},
    {.method = HTTP_POST,
        .path = "/units",
        .permission = "core.unit.create",
        .handle = units_create,
        .request_schema = SCHEMA_UNIT,
        .summary_en = "Create a unit",
        .summary_zh = "新建组织机构"},
    {.method = HTTP_PATCH,
        .path = "/units/{unit}",
        .permission = "core.unit.update",
        .handle = units_update,
        .request_schema = SCHEMA_NAME,
        .summary_en = "Rename a unit",
        .summary_zh = "组织机构更名"},
    {.method = HTTP_POST,
        .path = "/units/{unit}/move",
        .permission = "core.unit.move",
        .handle = units_move,
        .request_schema = SCHEMA_MOVE,
        .summary_en = "Move a unit under another",
        .summary_zh = "调整组织机构隶属"},
    {.method = HTTP_POST,
        .path = "/units/{unit}/move/preview",
        .permission = "core.unit.move",
        .handle = units_move_preview,
        .request_schema = SCHEMA_MOVE,
        .summary_en = "What the move would change: plugins, people, open records",
        .summary_zh = "预览调整隶属的影响：插件、人员、在办事项"},
    {.method = HTTP_POST,
        .path = "/units/{unit}/close",
        .permission = "core.unit.update",
        .handle = units_close,
        .summary_en = "Close a unit",
        .summary_zh = "关闭组织机构"},
    {.method = HTTP_POST,
        .path = "/units/import",
        .query = "dry_run,rename",
        .permission = "core.unit.create",
        .handle = units_import_route,
        .request_schema = SCHEMA_TREE,
        .body_max = 4u << 20,
        .summary_en = "Import a tree (JSON or CSV; dry_run=1 only checks)",
        .summary_zh = "导入组织机构（JSON 或 CSV；dry_run=1 只检查）"},
};

int api_unit_routes(struct router *rt)
{
    return api_add_all(rt, unit_routes, ARRAY_LEN(unit_routes));
}
