/* /unit-events: merges and splits of units, previewed, asked for, approved, done. */
#include <errno.h>

#include "access/core_permissions.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/outlook.h"
#include "api/unit_scope.h"
#include "resource/declare/resource.h"
#include "resource/flow/reorganise.h"
#include "resource/flow/stranded.h"

#define EVENT_COLUMNS                                                                                        \
    "e.id, e.kind, e.into_id, e.state, e.version, e.reason, e.carried, e.job_id, e.asked_by, e.asked_at, "   \
    "e.decided_by, "                                                                                         \
    "e.decided_at, e.at, e.done_at, e.request, e.left_behind"
static const struct db_stmt list_events = {"api.unit_events",
    "SELECT " EVENT_COLUMNS
    " FROM juxin.unit_event e JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = e.into_id WHERE "
    "e.tenant_id = $1 AND ($2::uuid IS NULL OR e.into_id = $2 OR EXISTS (SELECT 1 FROM juxin.unit_successor "
    "s WHERE "
    "s.tenant_id = $1 AND s.event_id = e.id AND s.unit_id = $2)) AND " UNIT_SCOPE
    " AND ($7::uuid IS NULL OR e.id < $7) ORDER BY e.id DESC LIMIT $8"};
static const struct db_stmt read_event = {"api.unit_event",
    "SELECT " EVENT_COLUMNS " FROM juxin.unit_event e WHERE e.tenant_id = $1 AND e.id = $2"};

/* ---- the plan ---- */

static void write_unit(struct jsonw *w, const struct call *c, const char *key, uint32_t unit)
{
    struct tree_unit u = tree_unit(c->tenant->tree, unit);

    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kuuid(w, "id", u.id);
    jsonw_kstr(w, "code", u.code);
    jsonw_kstr(w, "name", u.name);
    jsonw_object_end(w);
}

static int write_changes(struct jsonw *w, struct call *c, const struct reorg *x)
{
    int r = 0;

    jsonw_key(w, "changes");
    jsonw_array(w);
    for (uint32_t i = 0; i < x->count && r == 0; i++) {
        const struct reorg_change *ch = &x->changes[i];

        jsonw_object(w);
        write_unit(w, c, "unit", ch->unit);
        write_unit(w, c, ch->is_retired ? "taken_over_by" : "moves_under", ch->to);
        jsonw_key(w, "outlook");
        r = outlook_write(c, &ch->o, w);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    return r;
}

static int write_open(struct jsonw *w, struct call *c, const struct reorg *x)
{
    struct uuid units[REORG_FROM_MAX];
    int64_t n;
    int r = 0;

    for (uint32_t i = 0; i < x->in->from_count; i++)
        units[i] = tree_unit(c->tenant->tree, x->in->from[i]).id;
    jsonw_key(w, "open");
    jsonw_array(w);
    for (uint32_t i = 0; i < resource_count() && r == 0; i++) {
        r = stranded_count_open(c, resource_at(i), units, x->in->from_count, &n);
        if (r < 0 || n == 0)
            continue;
        jsonw_object(w);
        jsonw_kstr(w, "resource", resource_at(i)->full_name);
        jsonw_kint(w, "count", n);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    return r;
}

static int write_conflicts(struct jsonw *w, struct call *c, const struct reorg *x)
{
    int r = 0;

    jsonw_key(w, "conflicts");
    jsonw_array(w);
    for (uint32_t i = 0; i < resource_count() && r == 0; i++) {
        int64_t all = 0, n;

        for (uint32_t k = 0; k < x->in->from_count && r == 0; k++) {
            r = reorg_count_conflicts(c, resource_at(i), x->in->from[k], x->in->into, &n);
            all += n;
        }
        if (r < 0 || all == 0)
            continue;
        jsonw_object(w);
        jsonw_kstr(w, "resource", resource_at(i)->full_name);
        jsonw_kint(w, "count", all);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    return r;
}

static void write_tenures(struct jsonw *w, const struct db_rows *rows)
{
    jsonw_key(w, "tenures");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++) {
        jsonw_object(w);
        jsonw_kstr(w, "id", db_get(rows, i, 0));
        jsonw_kstr(w, "title", db_get(rows, i, 1));
        jsonw_kstr(w, "account", db_get(rows, i, 2));
        jsonw_kstr(w, "name", db_get(rows, i, 3));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static int take(struct call *c, struct request *r, struct reorg_input **ret)
{
    static const char *const known[] = {"kind", "from", "into", "children", "carry_grants", "reason", NULL};
    json_t *body;
    int result = request_object(r, known, &body);

    return result < 0 ? result : reorg_take(c, body, ret);
}

static int preview(struct call *c, struct request *r)
{
    struct reorg_input *in;
    struct reorg x;
    struct jsonw *w;
    int result = take(c, r, &in);

    if (result == 0)
        result = reorg_plan(c, in, &x);
    if (result < 0)
        return result;
    api_etag(r, x.version);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_kstr(w, "kind", in->is_split ? "split" : "merge");
    write_unit(w, c, "into", in->into);
    jsonw_kbool(w, "takes_two", x.takes_two);
    jsonw_kint(w, "grants_carried", x.grant_count);
    write_tenures(w, x.tenures);
    result = write_open(w, c, &x);
    if (result == 0)
        result = write_conflicts(w, c, &x);
    if (result == 0)
        result = write_changes(w, c, &x);
    jsonw_object_end(w);
    return result;
}

static int create(struct call *c, struct request *r)
{
    struct reorg_input *in;
    struct uuid event;
    int64_t version;
    bool asked;
    int result = take(c, r, &in);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = reorg_begin(c, in, version, &event, &asked);
    return result < 0 || c->is_replay ? result : api_created(c, r, event, 1);
}

/* ---- events ---- */

static void write_time(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    if (db_get(rows, i, column))
        jsonw_ktime(w, key, db_get_time(rows, i, column));
    else
        jsonw_kstr(w, key, NULL);
}

static void write_event(struct jsonw *w, const struct db_rows *rows, int i)
{
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "kind", db_get(rows, i, 1));
    jsonw_kstr(w, "into", db_get(rows, i, 2));
    jsonw_kstr(w, "state", db_get(rows, i, 3));
    jsonw_kint(w, "version", db_get_int(rows, i, 4));
    jsonw_kstr(w, "reason", db_get(rows, i, 5));
    jsonw_kint(w, "carried", db_get_int(rows, i, 6));
    jsonw_kint(w, "left_behind", db_get_int(rows, i, 15));
    jsonw_kstr(w, "job", db_get(rows, i, 7));
    jsonw_kstr(w, "asked_by", db_get(rows, i, 8));
    write_time(w, "asked_at", rows, i, 9);
    jsonw_kstr(w, "decided_by", db_get(rows, i, 10));
    write_time(w, "decided_at", rows, i, 11);
    write_time(w, "at", rows, i, 12);
    write_time(w, "done_at", rows, i, 13);
    jsonw_key(w, "request");
    jsonw_raw(w, db_get_text(rows, i, 14));
}

static int list(struct call *c, struct request *r)
{
    struct text unit = request_query(r, "unit"), cursor = request_query(r, "cursor");
    struct uuid id = UUID_NIL, before = UUID_NIL;
    struct db_args a;
    struct db_call call = {.stmt = list_events, .args = &a};
    struct jsonw *w;
    uint32_t limit;
    int result = api_limit(c, r, 50, 200, &limit), count;

    if (unit.ptr && uuid_parse(unit, &id) < 0)
        result = call_fail_at(c, "unit", "uuid", "A UUID is expected.", "应为 UUID。");
    if (cursor.ptr && uuid_parse(cursor, &before) < 0)
        result = call_fail_at(c, "cursor", "uuid", "A UUID is expected.", "应为 UUID。");
    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid_or_null(&a, id);
    unit_scope_args(c, CORE_UNIT_READ, &a);
    db_arg_uuid_or_null(&a, before);
    db_arg_int(&a, (int64_t)limit + 1);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    count = MIN(db_rows_count(call.rows), (int)limit);
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < count; i++) {
        jsonw_object(w);
        write_event(w, call.rows, i);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    if (db_rows_count(call.rows) > count)
        jsonw_kstr(w, "next", db_get(call.rows, count - 1, 0));
    jsonw_object_end(w);
    return 0;
}

static int get(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = read_event, .args = &a};
    uint32_t into = TREE_NONE;
    struct jsonw *w;
    struct uuid id;
    int result = api_id(c, r, "event", &id);

    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    if (db_rows_count(call.rows))
        into = tree_find(c->tenant->tree, db_get_uuid(call.rows, 0, 2));
    if (into == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), into))
        return call_not_found(c);
    w = response_json(r, 200);
    api_etag(r, db_get_int(call.rows, 0, 4));
    jsonw_object(w);
    write_event(w, call.rows, 0);
    jsonw_object_end(w);
    return 0;
}

static int decide(struct call *c, struct request *r, bool is_approval)
{
    int64_t version;
    struct uuid id;
    int result = api_id(c, r, "event", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = reorg_decide(c, id, version, is_approval, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int approve(struct call *c, struct request *r)
{
    return decide(c, r, true);
}

static int refuse(struct call *c, struct request *r)
{
    return decide(c, r, false);
}

static int resume(struct call *c, struct request *r)
{
    int64_t version;
    struct uuid id;
    int result = api_id(c, r, "event", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = reorg_resume(c, id, version, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

#define SCHEMA_REORG                                                                                         \
    S_OBJECT("\"kind\":{\"enum\":[\"merge\",\"split\"]},\"from\":{\"type\":\"array\",\"minItems\":1,"        \
             "\"maxItems\":20,\"items\":" S_ID "},\"into\":" S_ID                                            \
             ",\"children\":{\"type\":\"array\",\"maxItems\":300,\"items\":" S_OBJECT(                       \
                 "\"unit\":" S_ID ",\"parent\":" S_ID, "\"unit\",\"parent\"") "},\"carry_grants\":" S_BOOL   \
                                                                              ",\"reason\":" S_REASON,       \
        "\"kind\",\"from\",\"into\"")

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/unit-events",
        .query = "unit,limit,cursor",
        .permission = "core.unit.read",
        .handle = list,
        .summary_en = "Merges and splits of units, the newest first; unit: retired by it, or taking over",
        .summary_zh = "机构合并、拆分记录；unit 为被撤并或承接的机构"},
    {.method = HTTP_POST,
        .path = "/unit-events/preview",
        .permission = "core.unit.move",
        .handle = preview,
        .request_schema = SCHEMA_REORG,
        .summary_en = "What a merge or split would change: access, plugins, open records, posts; the ETag is "
                      "this plan's",
        .summary_zh = "预览机构合并、拆分的影响：权限、插件、在办事项、任职；ETag 为该方案的版本"},
    {.method = HTTP_POST,
        .path = "/unit-events",
        .permission = "core.unit.move",
        .handle = create,
        .request_schema = SCHEMA_REORG,
        .summary_en = "Merge or split, as it was previewed (If-Match); where two persons are asked for, only "
                      "propose it",
        .summary_zh = "合并、拆分机构（If-Match 为预览的 ETag）；须双人审批时为提请"},
    {.method = HTTP_GET,
        .path = "/unit-events/{event}",
        .permission = "core.unit.read",
        .handle = get,
        .summary_en = "A merge or split and how far its open records have followed",
        .summary_zh = "机构合并、拆分及在办事项结转进度"},
    {.method = HTTP_POST,
        .path = "/unit-events/{event}/approve",
        .permission = "core.unit.move",
        .handle = approve,
        .summary_en = "Approve what somebody else asked for: it is done as it was previewed",
        .summary_zh = "批准他人提请的合并、拆分"},
    {.method = HTTP_POST,
        .path = "/unit-events/{event}/refuse",
        .permission = "core.unit.move",
        .handle = refuse,
        .summary_en = "Refuse it, or take it back",
        .summary_zh = "驳回或撤回提请"},
    {.method = HTTP_POST,
        .path = "/unit-events/{event}/resume",
        .permission = "core.unit.move",
        .handle = resume,
        .summary_en = "Carry over what was left behind, or what a cancelled job left",
        .summary_zh = "继续结转遗留的在办事项"},
};

int api_unit_event_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
