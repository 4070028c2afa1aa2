/* /explain: why an account may or may not. */
#include "access/explain.h"
#include "access/account.h"
#include "access/core_permissions.h"
#include "access/permission.h"
#include "api/core_routes.h"

static const struct {
    const char *en, *zh;
} reason_texts[] = {
    [EXPLAIN_ALLOWS] = {"This grant allows it.", "该授权允许此操作。"},
    [EXPLAIN_NOT_YET] = {"The grant is not valid yet.", "授权尚未生效。"},
    [EXPLAIN_EXPIRED] = {"The grant has ended.", "授权已到期或收回。"},
    [EXPLAIN_OTHER_UNIT] = {"The grant gives the permission, but not at this unit.",
        "授权包含该权限，但不覆盖该机构。"},
    [EXPLAIN_ROLE_LACKS] = {"The grant reaches the unit, but its role lacks the permission.",
        "授权覆盖该机构，但角色不含该权限。"},
};

static void write_line(struct call *c, struct request *r, struct jsonw *w, const struct explain_line *l)
{
    jsonw_object(w);
    jsonw_kstr(w, "reason", explain_reason_name(l->reason));
    jsonw_kstr(
        w, "detail", request_prefers_chinese(r) ? reason_texts[l->reason].zh : reason_texts[l->reason].en);
    jsonw_kuuid(w, "grant", l->grant_id);
    jsonw_kuuid(w, "department", l->department);
    jsonw_kuuid(w, "post", l->post);
    jsonw_kstr(w, "role", l->role);
    jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, l->unit).id);
    jsonw_kstr(w, "unit_name", tree_unit(c->tenant->tree, l->unit).name);
    jsonw_kstr(w, "reach", reach_name(l->reach));
    if (l->from)
        jsonw_ktime(w, "from", l->from);
    if (l->until != INT64_MAX)
        jsonw_ktime(w, "until", l->until);
    jsonw_object_end(w);
}

/* Oneself may always be asked about; others where one may explain and see the account. */
static int read_question(
    struct call *c, const struct request *r, struct uuid *account, uint32_t *permission, uint32_t *unit)
{
    struct text id = request_query(r, "account"), name = request_query(r, "permission"),
                at = request_query(r, "unit");
    struct uuid unit_id;
    uint32_t home;
    int bad = 0;

    *account = c->who->account;
    *unit = TREE_NONE;
    if (id.ptr && uuid_parse(id, account) < 0)
        bad = call_fail_at(c, "account", "uuid", "A UUID is expected.", "应为 UUID。");
    *permission = permission_find(name);
    if (*permission == PERMISSION_NONE)
        bad = call_fail_at(c, "permission", name.ptr ? "unknown" : "required",
            "The name of a permission is expected.", "应为权限名称。");
    if (uuid_parse(at, &unit_id) == 0 && tree_count(c->tenant->tree))
        *unit = tree_find(c->tenant->tree, unit_id);
    if (*unit == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), *unit))
        bad = call_fail_at(c, "unit", at.ptr ? "unknown" : "required", "The id of a unit is expected.",
            "应为组织机构的 id。");
    if (bad || uuid_eq(*account, c->who->account))
        return bad;
    if (!subject_may(c->who, c->tenant, core_permission(CORE_EXPLAIN), *unit))
        return call_forbidden(c, core_permission_name(CORE_EXPLAIN));
    return account_unit(c, *account, CORE_ACCOUNT_READ, &home);
}

static int explain_get(struct call *c, struct request *r)
{
    struct explain_answer x;
    struct uuid account;
    uint32_t permission, unit;
    struct jsonw *w;
    int result = read_question(c, r, &account, &permission, &unit);

    if (result == 0)
        result = explain_account(c, account, permission, unit, &x);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kbool(w, "may", x.may);
    jsonw_kuuid(w, "account", account);
    jsonw_kstr(w, "permission", permission_info(permission)->name);
    jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, unit).id);
    jsonw_key(w, x.may ? "because" : "nearest");
    jsonw_array(w);
    for (uint32_t i = 0; i < x.count; i++)
        write_line(c, r, w, &x.lines[i]);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static const struct api_route explain_routes[] = {
    {.method = HTTP_GET,
        .path = "/explain",
        .query = "account,permission,unit",
        .handle = explain_get,
        .summary_en = "Which grant allows (account, permission, unit), or what is missing",
        .summary_zh = "说明账号在某机构为何有或没有某项权限"},
};

int api_explain_routes(struct router *rt)
{
    return api_add_all(rt, explain_routes, ARRAY_LEN(explain_routes));
}
