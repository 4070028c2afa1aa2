/* Routes of declared resources. */
#include "api/records.h"

#include <errno.h>

#include "api/resource_routes.h"
#include "api/statistics.h"
#include "base/mem.h"
#include "resource/declare/resource.h"
#include "resource/flow/flow.h"
#include "resource/flow/merge.h"
#include "resource/flow/part.h"
#include "resource/query/query.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"

static void write_record(struct call *c, struct request *r, int status, const struct record *rec)
{
    struct jsonw *w = response_json(r, status);

    api_etag(r, rec->version);
    jsonw_object(w);
    record_write_members(w, rec, c->tenant, record_may_unmask(c, rec));
    jsonw_object_end(w);
}

/* After a change: the serialise filters, the commit, then the answer. */
static int changed(struct call *c, struct request *r, int status, struct record *rec)
{
    int result = records_serialise(c, &rec, 1);

    if (result == 0)
        result = call_commit(c);
    if (result < 0)
        return result;
    if (status == 201)
        response_header(
            r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(rec->id).s);
    write_record(c, r, status, rec);
    return 0;
}

static void write_item(struct call *c, struct jsonw *w, const struct record *rec)
{
    jsonw_object(w);
    record_write_members(w, rec, c->tenant, record_may_unmask(c, rec));
    jsonw_object_end(w);
}

static void write_page(struct call *c, struct request *r, const struct query_page *page)
{
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < page->count; i++)
        write_item(c, w, page->records[i]);
    jsonw_array_end(w);
    jsonw_kstr(w, "next", page->next);
    if (page->total >= 0) {
        jsonw_key(w, "count");
        jsonw_object(w);
        jsonw_kint(w, "value", page->total);
        jsonw_kbool(w, "capped", page->total_capped);
        jsonw_object_end(w);
    }
    jsonw_object_end(w);
    if (page->next)
        api_link_next(r, page->next);
}

static int list(struct call *c, struct request *r)
{
    struct query_param *params = arena_array(r->arena, r->query_count + 1, sizeof(*params));
    struct query_page page;
    struct query q;
    int result;

    for (size_t i = 0; i < r->query_count; i++)
        params[i] = (struct query_param){r->query[i].name, r->query[i].value};
    result = query_parse(c, api_resource(c, r), params, r->query_count, &q);
    if (result == 0)
        result = query_run(c, &q, &page);
    if (result == 0)
        result = merge_follow(c, page.records, page.count);
    if (result == 0)
        write_page(c, r, &page);
    return result;
}

static int create(struct call *c, struct request *r)
{
    struct record *rec = NULL;
    json_t *body;
    int result = request_json(r, &body);

    if (result == 0)
        result = record_create(c, api_resource(c, r), body, &rec);
    return result < 0 || c->is_replay ? result : changed(c, r, 201, rec);
}

/* The record, and the names of the transitions its reader may take now. */
static int get(struct call *c, struct request *r)
{
    struct record *rec;
    struct jsonw *w;
    uint64_t legal = 0;
    struct uuid id;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = record_fetch_legal(c, api_resource(c, r), id, &rec, &legal);
    if (result == 0)
        result = records_serialise(c, &rec, 1);
    if (result == 0)
        result = merge_follow(c, &rec, 1);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    api_etag(r, rec->version);
    jsonw_object(w);
    record_write_members(w, rec, c->tenant, record_may_unmask(c, rec));
    jsonw_key(w, "transitions");
    jsonw_array(w);
    for (uint32_t i = 0; i < rec->res->transition_count; i++)
        if (legal >> i & 1)
            jsonw_str(w, rec->res->transitions[i].name);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int update(struct call *c, struct request *r)
{
    struct record *rec = NULL;
    struct uuid id;
    int64_t version;
    json_t *body;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = request_json(r, &body);
    if (result == 0)
        result = record_update(c, api_resource(c, r), id, version, body, &rec);
    return result < 0 || c->is_replay ? result : changed(c, r, 200, rec);
}

static int delete (struct call *c, struct request *r)
{
    struct uuid id;
    int64_t version;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = record_delete(c, api_resource(c, r), id, version);
    if (result < 0 || c->is_replay)
        return result;
    result = call_commit(c);
    if (result == 0)
        response_empty(r);
    return result;
}

/* If-Match is demanded here as well: whoever screens or signs something must have seen what it says now. */
static int transition(struct call *c, struct request *r)
{
    struct text name = request_param(r, "name");
    struct record *rec = NULL;
    int64_t version;
    struct uuid id;
    json_t *body;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = request_json(r, &body);
    if (result == 0)
        result = record_transition(
            c, api_resource(c, r), id, version, arena_ndup(r->arena, name.ptr, name.len), body, &rec);
    return result < 0 || c->is_replay ? result : changed(c, r, 200, rec);
}

static void write_label(struct jsonw *w, const struct label *label)
{
    jsonw_key(w, "label");
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", label->zh);
    jsonw_kstr(w, "en", label->en);
    jsonw_object_end(w);
}

static void write_names(struct jsonw *w, const char *key, const struct field *const *fields, uint32_t count)
{
    jsonw_key(w, key);
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++)
        jsonw_str(w, fields[i]->name);
    jsonw_array_end(w);
}

/* Where the transition may go back to: one of these is named in the request, by its version. */
static int write_steps(struct call *c, struct jsonw *w, const struct record *rec, const struct transition *t)
{
    const struct tree *tree = c->tenant->tree;
    struct flow_step *steps;
    uint32_t count, unit;
    int result = flow_steps(c, rec, t, &steps, &count);

    if (result < 0)
        return result;
    jsonw_key(w, "steps");
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++) {
        unit = tree_find(tree, steps[i].unit_id);
        jsonw_object(w);
        jsonw_kint(w, "version", steps[i].version);
        jsonw_kstr(w, "state", rec->res->states[steps[i].state].name);
        jsonw_kuuid(w, "unit_id", steps[i].unit_id);
        jsonw_kstr(w, "unit_name", unit == TREE_NONE ? NULL : tree_unit(tree, unit).name);
        jsonw_kstr(w, "at", steps[i].at);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    return 0;
}

static int write_transition(
    struct call *c, struct jsonw *w, const struct record *rec, const struct transition *t)
{
    int result = 0;

    jsonw_object(w);
    jsonw_kstr(w, "name", t->name);
    write_label(w, &t->label);
    jsonw_kstr(w, "goal", transition_goal_names[t->goal]);
    jsonw_kstr(w, "to", t->goal == GOAL_STATE ? rec->res->states[t->to].name : NULL);
    write_names(w, "fields", t->fields, t->field_count);
    write_names(w, "required_fields", t->required, t->required_count);
    jsonw_kbool(w, "takes_unit", transition_takes_unit(t));
    jsonw_kbool(w, "merges", t->merges);
    if (t->goal == GOAL_BACK)
        result = write_steps(c, w, rec, t);
    jsonw_object_end(w);
    return result;
}

static int transitions(struct call *c, struct request *r)
{
    struct record *rec;
    struct jsonw *w;
    uint64_t legal = 0;
    struct uuid id;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = record_fetch_legal(c, api_resource(c, r), id, &rec, &legal);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    api_etag(r, rec->version);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; i < rec->res->transition_count && result == 0; i++)
        if (legal >> i & 1)
            result = write_transition(c, w, rec, &rec->res->transitions[i]);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return result;
}

/* What others than the one who leads are asked for on the record. */
static int parts(struct call *c, struct request *r)
{
    struct record *rec;
    struct uuid id;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = record_fetch(c, api_resource(c, r), id, false, &rec);
    return result < 0 ? result : part_write(c, rec, response_json(r, 200));
}

static int history(struct call *c, struct request *r)
{
    struct record *rec;
    struct uuid id;
    int result = api_id(c, r, "id", &id);

    if (result == 0)
        result = record_read(c, api_resource(c, r), id, &rec);
    return result < 0 ? result : history_write(c, rec, response_json(r, 200));
}

static const struct {
    enum http_method method;
    const char *suffix;
    int (*handle)(struct call *c, struct request *r);
    const char *en, *zh;
} templates[RECORD_ROUTES] = {
    [RECORD_LIST] = {HTTP_GET, "", list, "List what you may see", "查询列表"},
    [RECORD_CREATE] = {HTTP_POST, "", create, "Create", "新建"},
    [RECORD_READ] = {HTTP_GET, "/{id}", get, "Read one", "查看"},
    [RECORD_UPDATE] = {HTTP_PATCH, "/{id}", update, "Change fields (merge patch)", "修改"},
    [RECORD_DELETE] = {HTTP_DELETE, "/{id}", delete, "Delete", "删除"},
    [RECORD_TRANSITION] = {HTTP_POST, "/{id}/transitions/{name}", transition, "Take a transition", "办理"},
    [RECORD_TRANSITIONS] = {HTTP_GET, "/{id}/transitions", transitions, "Transitions you may take now",
        "当前可办理的操作"},
    [RECORD_PARTS] = {HTTP_GET, "/{id}/parts", parts, "What several are asked for, and who has done it",
        "会办事项及完成情况"},
    [RECORD_HISTORY] = {HTTP_GET, "/{id}/history", history, "Timeline", "办理过程"},
    [RECORD_STATISTICS] = {HTTP_GET, "/statistics", api_record_statistics, "Count and sum what you may see",
        "统计"},
};

enum record_route api_record_route(const struct api_route *route, const struct resource **ret)
{
    for (int i = 0; i < RECORD_ROUTES; i++) {
        if (route->handle != templates[i].handle)
            continue;
        *ret = route->extra;
        return (enum record_route)i;
    }
    return RECORD_ROUTES;
}

int api_record_routes(struct router *rt)
{
    int result = 0;

    for (uint32_t i = 0; i < resource_count(); i++) {
        const struct resource *res = resource_at(i);
        struct api_route *routes = mem_zarray(RECORD_ROUTES, sizeof(*routes)); /* as long as the process */

        for (int k = 0; k < RECORD_ROUTES && result == 0; k++) {
            routes[k].method = templates[k].method;
            routes[k].path = str_printf("/%s/%s%s", res->plugin, res->name, templates[k].suffix);
            routes[k].handle = templates[k].handle;
            routes[k].summary_en = str_printf("%s: %s", res->label.en, templates[k].en);
            routes[k].summary_zh = str_printf("%s：%s", res->label.zh, templates[k].zh);
            routes[k].extra = res;
            result = api_add(rt, &routes[k]);
        }
    }
    return result;
}
