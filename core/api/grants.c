/* /grants. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/grant.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/outlook.h"
#include "api/unit_scope.h"

/* One's own are no secret, nor are those of a post that one holds. */
#define HELD                                                                                                 \
    "g.post_id IN (SELECT t.post_id FROM juxin.tenure t WHERE t.tenant_id = $1 AND t.account_id = $2 AND "   \
    "t.valid_from <= now() AND (t.valid_until IS NULL OR t.valid_until > now()))"
static const struct db_stmt list_grants = {"api.grants",
    "SELECT g.id, g.account_id, g.department_id, g.role_id, r.name, g.unit_id, g.reach, g.valid_from, "
    "g.valid_until, g.granted_by, g.post_id FROM juxin.access_grant g"
    " JOIN juxin.role r ON r.tenant_id = $1 AND r.id = g.role_id"
    " JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = g.unit_id"
    " WHERE g.tenant_id = $1 AND (g.account_id = $2 OR " HELD " OR " UNIT_SCOPE ")"
    " AND ($7::uuid IS NULL OR g.account_id = $7) AND ($8::uuid IS NULL OR g.department_id = $8)"
    " AND ($9::uuid IS NULL OR g.unit_id = $9) AND ($10::uuid IS NULL OR g.post_id = $10)"
    " AND ($11::uuid IS NULL OR g.id < $11)"
    " AND ($12 OR g.valid_until IS NULL OR g.valid_until > now()) ORDER BY g.id DESC LIMIT $13"};

static void write_grant(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_object(w);
    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
    jsonw_kuuid(w, "account", db_get_uuid(rows, i, 1));
    jsonw_kuuid(w, "department", db_get_uuid(rows, i, 2));
    jsonw_kuuid(w, "post", db_get_uuid(rows, i, 10));
    jsonw_kuuid(w, "role", db_get_uuid(rows, i, 3));
    jsonw_kstr(w, "role_name", db_get(rows, i, 4));
    jsonw_kuuid(w, "unit", db_get_uuid(rows, i, 5));
    jsonw_kstr(w, "reach", db_get(rows, i, 6));
    jsonw_ktime(w, "from", db_get_time(rows, i, 7));
    if (db_get(rows, i, 8))
        jsonw_ktime(w, "until", db_get_time(rows, i, 8));
    jsonw_kuuid(w, "granted_by", db_get_uuid(rows, i, 9));
    jsonw_object_end(w);
}

static int id_arg(struct call *c, const struct request *r, const char *name, struct db_args *a)
{
    struct text t = request_query(r, name);
    struct uuid id = UUID_NIL;

    if (t.ptr && uuid_parse(t, &id) < 0)
        return call_fail_at(c, name, "uuid", "A UUID is expected.", "应为 UUID。");
    db_arg_uuid_or_null(a, id);
    return 0;
}

static int grants_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_grants, .args = &a};
    struct jsonw *w;
    uint32_t limit;
    int result, count;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid_or_null(&a, c->who->account);
    unit_scope_args(c, CORE_GRANT_READ, &a);
    if (api_limit(c, r, 100, 1000, &limit) < 0 || id_arg(c, r, "account", &a) < 0 ||
        id_arg(c, r, "department", &a) < 0 || id_arg(c, r, "unit", &a) < 0 || id_arg(c, r, "post", &a) < 0 ||
        id_arg(c, r, "cursor", &a) < 0)
        return -EINVAL;
    db_arg_bool(&a, text_is(request_query(r, "ended"), "true"));
    db_arg_int(&a, (int64_t)limit + 1);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    count = db_rows_count(call.rows);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < count && i < (int)limit; i++)
        write_grant(w, call.rows, i);
    jsonw_array_end(w);
    if (count > (int)limit)
        jsonw_kuuid(w, "next", db_get_uuid(call.rows, (int)limit - 1, 0));
    jsonw_object_end(w);
    return 0;
}

static int read_reach(struct call *c, const json_t *body, enum reach *ret)
{
    const char *s;
    int result = api_str(c, body, "reach", true, &s);

    if (result == 0 && reach_parse(text_of(s), ret) < 0)
        return call_fail_at(c, "/reach", "unknown", "A reach is self, children or subtree.",
            "范围为 self、children 或 subtree。");
    return result;
}

static int read_grant(struct call *c, struct request *r, struct grant_input *in)
{
    static const char *const known[] = {
        "account", "department", "post", "role", "unit", "reach", "from", "until", NULL};
    json_t *body;
    int result = request_object(r, known, &body), bad = 0;

    *in = (struct grant_input){.unit = TREE_NONE};
    if (result < 0)
        return result;
    bad |= api_uuid(c, body, "account", false, &in->account);
    bad |= api_uuid(c, body, "department", false, &in->department);
    bad |= api_uuid(c, body, "post", false, &in->post);
    bad |= api_uuid(c, body, "role", true, &in->role);
    bad |= api_body_unit(c, body, "unit", true, core_permission(CORE_UNIT_READ), &in->unit);
    bad |= read_reach(c, body, &in->reach);
    bad |= api_time(c, body, "from", 0, &in->from);
    bad |= api_time(c, body, "until", INT64_MAX, &in->until);
    if (bad == 0 && !uuid_is_nil(in->account) + !uuid_is_nil(in->department) + !uuid_is_nil(in->post) != 1)
        bad = call_fail_at(c, "/account", "one_of", "Name either an account, a department or a post.",
            "account、department 与 post 须且只能指定一个。");
    return bad ? -EINVAL : 0;
}

static int grants_create(struct call *c, struct request *r)
{
    struct grant_input in;
    struct uuid id;
    int result = read_grant(c, r, &in);

    if (result == 0)
        result = grant_create(c, &in, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

static int grants_preview(struct call *c, struct request *r)
{
    struct grant_input in;
    struct outlook o;
    int result = read_grant(c, r, &in);

    if (result == 0)
        result = outlook_grant(c, &in, &o);
    return result < 0 ? result : outlook_write(c, &o, response_json(r, 200));
}

static int grants_preview_end(struct call *c, struct request *r)
{
    struct outlook o;
    struct uuid id;
    int result = api_id(c, r, "grant", &id);

    if (result == 0)
        result = outlook_grant_end(c, id, &o);
    return result < 0 ? result : outlook_write(c, &o, response_json(r, 200));
}

static int grants_end(struct call *c, struct request *r)
{
    struct uuid id;
    int result = api_id(c, r, "grant", &id);

    if (result == 0)
        result = grant_end(c, id);
    if (result < 0 || c->is_replay)
        return result;
    return api_done(c, r);
}

static const struct api_route grant_routes[] = {
    {.method = HTTP_GET,
        .path = "/grants",
        .query = "account,department,post,unit,ended,limit,cursor",
        .handle = grants_list,
        .summary_en =
            "Grants one may see, one's own among them; filters account, department, post, unit, ended=true",
        .summary_zh = "可见的授权（含本人的）；可按 account、department、post、unit、ended=true 筛选"},
    {.method = HTTP_POST,
        .path = "/grants",
        .permission = "core.grant.write",
        .handle = grants_create,
        .request_schema = SCHEMA_GRANT,
        .summary_en = "Grant a role at a unit, within one's own rights",
        .summary_zh = "在本人权限之内授权"},
    {.method = HTTP_POST,
        .path = "/grants/preview",
        .permission = "core.grant.write",
        .handle = grants_preview,
        .request_schema = SCHEMA_GRANT,
        .summary_en = "What a grant would change",
        .summary_zh = "预览授权的影响"},
    {.method = HTTP_GET,
        .path = "/grants/{grant}/preview",
        .permission = "core.grant.write",
        .handle = grants_preview_end,
        .summary_en = "What the end of a grant would change",
        .summary_zh = "预览收回授权的影响"},
    {.method = HTTP_DELETE,
        .path = "/grants/{grant}",
        .permission = "core.grant.write",
        .handle = grants_end,
        .summary_en = "End a grant",
        .summary_zh = "收回授权"},
};

int api_grant_routes(struct router *rt)
{
    return api_add_all(rt, grant_routes, ARRAY_LEN(grant_routes));
}
