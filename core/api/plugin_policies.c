/* /plugins: where they run and why; policies and what would happen. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_schemas.h"
#include "api/dispatch.h"
#include "api/outlook.h"
#include "api/plugins.h"
#include "plugin/package/plugin.h"
#include "plugin/policy/policies.h"
#include "plugin/policy/policies_save.h"

static void write_row(struct jsonw *w, struct call *c, const struct policy_row *row)
{
    jsonw_object(w);
    jsonw_kuuid(w, "id", row->id);
    jsonw_kuuid(w, "unit", row->unit == TREE_NONE ? UUID_NIL : tree_unit(c->tenant->tree, row->unit).id);
    jsonw_kstr(w, "unit_name", row->unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, row->unit).name);
    jsonw_kstr(w, "rule", policy_rule_name(row->rule));
    jsonw_kstr(w, "reach", row->is_subtree ? "subtree" : "self");
    jsonw_kstr(w, "levels", policy_levels_text(c->arena, row->levels));
    jsonw_kstr(w, "reason", row->reason);
    jsonw_kuuid(w, "actor", row->actor);
    jsonw_ktime(w, "from", row->from_us);
    if (row->until_us != INT64_MAX)
        jsonw_ktime(w, "until", row->until_us);
    jsonw_object_end(w);
}

static void write_answer(struct jsonw *w, struct call *c, const char *plugin, uint32_t unit)
{
    struct policy_answer a = policy_at(c, plugin, unit);
    struct policy_reason why = policy_reason(c, plugin, unit);

    jsonw_kstr(w, "state", policy_state_name(a.state));
    jsonw_kstr(w, "why", why.en);
    jsonw_kstr(w, "why_zh", why.zh);
    if (a.blocked_by)
        jsonw_kstr(w, "blocked_by", a.blocked_by);
    if (a.next_change_us != INT64_MAX)
        jsonw_ktime(w, "next_change", a.next_change_us);
    if (a.decided_by) {
        jsonw_key(w, "decided_by");
        write_row(w, c, a.decided_by);
    }
}

/* GET /plugins?unit= */
static int list(struct call *c, struct request *r)
{
    bool zh = request_prefers_chinese(r);
    struct jsonw *w;
    uint32_t unit;

    if (api_query_unit(c, r, &unit) < 0)
        return -EINVAL;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (size_t i = 0; i < plugin_count(); i++) {
        const struct plugin *p = plugin_at(i);

        jsonw_object(w);
        jsonw_kstr(w, "id", p->id);
        jsonw_kstr(w, "version", p->version);
        jsonw_kstr(w, "label", plugin_label_of(p->label, zh));
        jsonw_kstr(w, "description", plugin_label_of(p->description, zh));
        write_answer(w, c, p->id, unit);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return call_fence(c);
}

static int find_plugin(struct call *c, const struct request *r, const char **ret)
{
    struct text name = request_param(r, "plugin");
    const struct plugin *p = plugin_find(arena_ndup(c->arena, name.ptr, name.len));

    if (!p)
        return call_not_found(c);
    *ret = p->id;
    return 0;
}

static int need_read(struct call *c, uint32_t unit)
{
    return subject_may(c->who, c->tenant, core_permission(CORE_POLICY_READ), unit)
               ? 0
               : call_forbidden(c, core_permission_name(CORE_POLICY_READ));
}

/* GET /plugins/{plugin}/why?unit= : the answer, and every row from the deployment down to the unit. */
static int why(struct call *c, struct request *r)
{
    const struct policy_set *set;
    const char *plugin = NULL;
    struct jsonw *w;
    uint32_t unit;

    if (find_plugin(c, r, &plugin) < 0 || api_query_unit(c, r, &unit) < 0 || need_read(c, unit) < 0)
        return -EINVAL;
    set = policy_rows(c, plugin);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kstr(w, "plugin", plugin);
    jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, unit).id);
    write_answer(w, c, plugin, unit);
    jsonw_key(w, "rows");
    jsonw_array(w);
    for (size_t i = 0; set && i < set->count; i++) {
        const struct policy_row *row = &set->rows[i];

        if (row->unit == TREE_NONE || tree_contains(unit, row->unit, tree_end(c->tenant->tree, row->unit)))
            write_row(w, c, row);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return call_fence(c);
}

static int read_words(struct call *c, const json_t *body, struct policy_input *in)
{
    const char *rule = NULL, *reach = NULL, *levels = NULL;
    int e = api_str(c, body, "rule", true, &rule);

    if (api_str(c, body, "reach", false, &reach) < 0 || api_str(c, body, "levels", false, &levels) < 0 ||
        api_str(c, body, "reason", false, &in->reason) < 0)
        e = -EINVAL;
    if (rule && policy_rule_parse(text_of(rule), &in->rule) < 0)
        e = call_fail_at(c, "/rule", "enum", "Accepted: on, off, mandatory, forbidden.",
            "应为 on、off、mandatory 或 forbidden。");
    if (reach && strcmp(reach, "self") != 0 && strcmp(reach, "subtree") != 0)
        e = call_fail_at(c, "/reach", "enum", "Accepted: self, subtree.", "应为 self 或 subtree。");
    in->is_subtree = !reach || strcmp(reach, "subtree") == 0;
    if (levels && policy_levels_parse(text_of(levels), &in->levels) < 0)
        e = call_fail_at(c, "/levels", "enum", "A comma-separated list of county, street, community, park.",
            "应为 county、street、community、park 的逗号分隔列表。");
    return e;
}

static int read_input(struct call *c, struct request *r, struct policy_input *in)
{
    static const char *const known[] = {"unit", "rule", "reach", "levels", "reason", "from", "until", NULL};
    json_t *body;
    int e;

    *in = (struct policy_input){.until_us = INT64_MAX};
    if (find_plugin(c, r, &in->plugin) < 0 || request_object(r, known, &body) < 0)
        return -EINVAL;
    e = read_words(c, body, in);
    if (api_time(c, body, "from", 0, &in->from_us) < 0 ||
        api_time(c, body, "until", INT64_MAX, &in->until_us) < 0)
        e = -EINVAL;
    if (api_body_unit(c, body, "unit", true, core_permission(CORE_POLICY_WRITE), &in->unit) < 0)
        e = -EINVAL;
    return e;
}

/* POST /plugins/{plugin}/policies */
static int create(struct call *c, struct request *r)
{
    struct policy_input in;
    struct uuid id;
    int e = read_input(c, r, &in);

    if (e == 0)
        e = policy_set(c, &in, &id);
    return e < 0 || c->is_replay ? e : api_created(c, r, id, 1);
}

/* POST /plugins/{plugin}/policies/preview */
static int preview(struct call *c, struct request *r)
{
    struct policy_input in;
    struct outlook o;
    int e = read_input(c, r, &in);

    if (e == 0)
        e = outlook_policy_set(c, &in, &o);
    return e < 0 ? e : outlook_write(c, &o, response_json(r, 200));
}

static int find_policy(struct call *c, const struct request *r, const char **ret_plugin, struct uuid *ret_id)
{
    int e = find_plugin(c, r, ret_plugin);

    return e < 0 ? e : api_id(c, r, "policy", ret_id);
}

/* GET /plugins/{plugin}/policies/{policy}/preview: of its end */
static int preview_end(struct call *c, struct request *r)
{
    const char *plugin = NULL;
    struct outlook o;
    struct uuid id;
    int e = find_policy(c, r, &plugin, &id);

    if (e == 0)
        e = outlook_policy_end(c, plugin, id, &o);
    return e < 0 ? e : outlook_write(c, &o, response_json(r, 200));
}

/* DELETE /plugins/{plugin}/policies/{policy} */
static int end(struct call *c, struct request *r)
{
    const char *plugin = NULL;
    struct uuid id;
    int e = find_policy(c, r, &plugin, &id);

    if (e == 0)
        e = policy_end(c, plugin, id);
    return e < 0 || c->is_replay ? e : api_done(c, r);
}

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/plugins",
        .query = "unit",
        .handle = list,
        .summary_en = "Plugins and whether they run at a unit",
        .summary_zh = "插件及其在某组织机构是否启用"},
    {.method = HTTP_GET,
        .path = "/plugins/{plugin}/why",
        .query = "unit",
        .handle = why,
        .summary_en = "Why a plugin runs at a unit, or does not",
        .summary_zh = "插件在某组织机构启用或停用的依据"},
    {.method = HTTP_POST,
        .path = "/plugins/{plugin}/policies",
        .request_schema = SCHEMA_POLICY,
        .handle = create,
        .permission = "core.policy.write",
        .summary_en = "Turn a plugin on, off, mandatory or forbidden at a unit",
        .summary_zh = "启用、停用、强制启用或禁止启用插件"},
    {.method = HTTP_POST,
        .path = "/plugins/{plugin}/policies/preview",
        .request_schema = SCHEMA_POLICY,
        .handle = preview,
        .permission = "core.policy.write",
        .summary_en = "What a policy would change: units, people, open records",
        .summary_zh = "预览策略的影响：组织机构、人员、在办事项"},
    {.method = HTTP_GET,
        .path = "/plugins/{plugin}/policies/{policy}/preview",
        .handle = preview_end,
        .permission = "core.policy.write",
        .summary_en = "What the end of a policy would change",
        .summary_zh = "预览结束策略的影响"},
    {.method = HTTP_DELETE,
        .path = "/plugins/{plugin}/policies/{policy}",
        .handle = end,
        .permission = "core.policy.write",
        .summary_en = "End a policy",
        .summary_zh = "结束一条策略"},
};

int api_plugin_policy_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
