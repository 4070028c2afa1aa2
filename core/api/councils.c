/* /councils: their terms, and the rollover from one to the next. */
#include <errno.h>

#include "access/core_permissions.h"
#include "access/council.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/days.h"
#include "api/unit_scope.h"

static const struct db_stmt list_councils = {"api.councils",
    "SELECT c.id, c.unit_id, c.name, c.version FROM juxin.council c JOIN juxin.unit u ON u.tenant_id = $1 "
    "AND u.id = "
    "c.unit_id WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR u.id = $2 OR u.a1 = $2 OR u.a2 = $2 OR u.a3 = "
    "$2 OR "
    "u.a4 = $2) AND " UNIT_SCOPE " AND ($7::uuid IS NULL OR c.id < $7) ORDER BY c.id DESC LIMIT $8"};
static const struct db_stmt read_council = {
    "api.council", "SELECT id, unit_id, name, version FROM juxin.council WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt list_terms = {"api.terms",
    "SELECT id, number, name, valid_from, valid_until FROM juxin.term WHERE tenant_id = $1 AND council_id = "
    "$2 ORDER BY "
    "number DESC LIMIT 200"};

static void write_council(struct jsonw *w, const struct call *c, const struct db_rows *rows, int i)
{
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 1));

    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
    jsonw_kuuid(w, "unit", db_get_uuid(rows, i, 1));
    jsonw_kstr(w, "unit_name", unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, unit).name);
    jsonw_kstr(w, "name", db_get(rows, i, 2));
    jsonw_kint(w, "version", db_get_int(rows, i, 3));
}

static int councils_list(struct call *c, struct request *r)
{
    struct text under = request_query(r, "under"), cursor = request_query(r, "cursor");
    struct uuid unit = UUID_NIL, before = UUID_NIL;
    struct db_args a;
    struct db_call call = {.stmt = list_councils, .args = &a};
    struct jsonw *w;
    uint32_t limit;
    int result = api_limit(c, r, 100, 500, &limit), count;

    if (under.ptr && uuid_parse(under, &unit) < 0)
        result = call_fail_at(c, "under", "uuid", "A UUID is expected.", "应为 UUID。");
    if (cursor.ptr && uuid_parse(cursor, &before) < 0)
        result = call_fail_at(c, "cursor", "uuid", "A UUID is expected.", "应为 UUID。");
    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid_or_null(&a, unit);
    unit_scope_args(c, CORE_POST_READ, &a);
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
        write_council(w, c, call.rows, i);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    if (db_rows_count(call.rows) > count) {
        jsonw_kuuid(w, "next", db_get_uuid(call.rows, count - 1, 0));
        api_link_next(r, uuid_format(db_get_uuid(call.rows, count - 1, 0)).s);
    }
    jsonw_object_end(w);
    return 0;
}

static void write_terms(struct jsonw *w, const struct db_rows *rows)
{
    jsonw_key(w, "terms");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++) {
        jsonw_object(w);
        jsonw_kuuid(w, "id", db_get_uuid(rows, i, 0));
        jsonw_kint(w, "number", db_get_int(rows, i, 1));
        jsonw_kstr(w, "name", db_get(rows, i, 2));
        days_write(w, db_get_time(rows, i, 3), db_get(rows, i, 4) ? db_get_time(rows, i, 4) : INT64_MAX);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static int councils_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call calls[] = {{.stmt = read_council, .args = &a}, {.stmt = list_terms, .args = &a}};
    uint32_t unit = TREE_NONE;
    struct jsonw *w;
    struct uuid id;
    int result = api_id(c, r, "council", &id);

    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    result = call_read(c, calls, ARRAY_LEN(calls));
    if (result < 0)
        return result;
    if (db_rows_count(calls[0].rows))
        unit = tree_find(c->tenant->tree, db_get_uuid(calls[0].rows, 0, 1));
    if (unit == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_POST_READ), unit))
        return call_not_found(c);
    w = response_json(r, 200);
    api_etag(r, db_get_int(calls[0].rows, 0, 3));
    jsonw_object(w);
    write_council(w, c, calls[0].rows, 0);
    write_terms(w, calls[1].rows);
    jsonw_object_end(w);
    return 0;
}

static int councils_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"unit", "name", NULL};
    const char *name = NULL;
    uint32_t unit;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0 && ((api_body_unit(c, body, "unit", true, core_permission(CORE_UNIT_READ), &unit) |
                            api_str(c, body, "name", true, &name)) < 0))
        result = -EINVAL;
    if (result == 0)
        result = council_create(c, unit, name, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

/* ---- rollover ---- */

static int take_seats(struct call *c, const json_t *body, struct rollover_input *in)
{
    static const char *const members[] = {"post", "account"};
    const json_t *list = json_object_get(body, "seats"), *e;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) > ROLLOVER_SEATS_MAX)
        return call_fail_at(c, "/seats", "type", "A list of at most 500 seats.", "应为列表，最多 500 席。");
    in->seats = arena_array(c->arena, json_array_size(list) + 1, sizeof(*in->seats));
    json_array_foreach(list, i, e)
    {
        struct uuid *ids[] = {&in->seats[i].post, &in->seats[i].account};

        for (int k = 0; k < 2; k++) {
            const char *s = json_string_value(json_object_get(e, members[k]));

            if (!s || uuid_parse(text_of(s), ids[k]) < 0 || uuid_is_nil(*ids[k]))
                (void)call_fail_at(c, arena_printf(c->arena, "/seats/%zu/%s", i, members[k]), "uuid",
                    "A UUID is expected.", "应为 UUID。");
        }
        if (json_object_size(e) > 2)
            (void)call_fail_at(c, arena_printf(c->arena, "/seats/%zu", i), "unknown_member",
                "Only post and account.", "仅限 post 与 account。");
    }
    in->seat_count = (uint32_t)json_array_size(list);
    return c->fault.status ? -EINVAL : 0;
}

static int take_rollover(struct call *c, struct request *r, struct rollover_input *in)
{
    static const char *const known[] = {"name", "from", "until", "seats", NULL};
    json_t *body;
    int result = request_object(r, known, &body), bad;

    *in = (struct rollover_input){.name = NULL};
    if (result == 0)
        result = api_id(c, r, "council", &in->council);
    if (result < 0)
        return result;
    bad = api_str(c, body, "name", true, &in->name);
    bad |= days_take(c, body, "from", 0, 0, &in->from);
    if (!bad && !in->from)
        bad |= call_fail_at(c, "/from", "required", "The first day of the term.", "必填：新一届的开始日期。");
    bad |= days_take(c, body, "until", INT64_MAX, 1, &in->until);
    bad |= take_seats(c, body, in);
    return bad ? -EINVAL : 0;
}

static void write_rights(struct jsonw *w, const struct call *c, const struct rollover_tenure *t)
{
    jsonw_key(w, "rights");
    jsonw_array(w);
    for (uint32_t i = 0; i < t->right_count; i++) {
        const struct access_grant *g = t->rights[i].grant;

        jsonw_object(w);
        jsonw_kuuid(w, "grant", g->id);
        jsonw_kuuid(w, "role", g->role->id);
        jsonw_kstr(w, "role_name", g->role->name);
        jsonw_kuuid(w, "unit", tree_unit(c->tenant->tree, g->unit).id);
        jsonw_kstr(w, "unit_name", tree_unit(c->tenant->tree, g->unit).name);
        jsonw_kstr(w, "reach", reach_name(g->reach));
        jsonw_kbool(w, "kept", t->rights[i].is_kept);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_half(struct jsonw *w, const struct call *c, const char *key,
    const struct rollover_tenure *list, uint32_t count)
{
    jsonw_key(w, key);
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++) {
        jsonw_object(w);
        if (!uuid_is_nil(list[i].id))
            jsonw_kuuid(w, "tenure", list[i].id);
        jsonw_kuuid(w, "post", list[i].post);
        jsonw_kstr(w, "title", list[i].title);
        jsonw_kuuid(w, "account", list[i].account);
        jsonw_kstr(w, "name", list[i].account_name);
        days_write(w, list[i].from, list[i].until);
        write_rights(w, c, &list[i]);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static void write_rollover(struct jsonw *w, const struct call *c, const struct rollover *x, struct uuid term)
{
    jsonw_object(w);
    jsonw_kuuid(w, "council", x->in->council);
    jsonw_kstr(w, "council_name", x->council_name);
    if (!uuid_is_nil(term))
        jsonw_kuuid(w, "id", term);
    jsonw_kint(w, "number", x->number);
    jsonw_kstr(w, "name", x->in->name);
    days_write(w, x->in->from, x->in->until);
    write_half(w, c, "ends", x->ends, x->end_count);
    write_half(w, c, "begins", x->begins, x->begin_count);
    jsonw_object_end(w);
}

static int rollover_preview(struct call *c, struct request *r)
{
    struct rollover_input in;
    struct rollover x;
    int result = take_rollover(c, r, &in);

    if (result == 0)
        result = rollover_plan(c, &in, &x);
    if (result < 0)
        return result;
    api_etag(r, x.version);
    write_rollover(response_json(r, 200), c, &x, UUID_NIL);
    return 0;
}

static int rollover(struct call *c, struct request *r)
{
    struct rollover_input in;
    struct rollover x;
    struct uuid term;
    int64_t version;
    int result = take_rollover(c, r, &in);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = rollover_do(c, &in, version, &x, &term);
    if (result < 0 || c->is_replay)
        return result;
    c->result_status = 200;
    c->result_id = term;
    result = call_commit(c);
    if (result == 0)
        write_rollover(response_json(r, 200), c, &x, term);
    return result;
}

#define SCHEMA_ROLLOVER                                                                                      \
    S_OBJECT("\"name\":" S_NAME ",\"from\":" S_DATE ",\"until\":" S_DATE                                     \
             ",\"seats\":{\"type\":\"array\",\"maxItems\":500,\"items\":" S_OBJECT(                          \
                 "\"post\":" S_ID ",\"account\":" S_ID, "\"post\",\"account\"") "}",                         \
        "\"name\",\"from\",\"seats\"")

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/councils",
        .query = "under,limit,cursor",
        .permission = "core.post.read",
        .handle = councils_list,
        .summary_en = "Councils of a subtree",
        .summary_zh = "下属理事会"},
    {.method = HTTP_POST,
        .path = "/councils",
        .permission = "core.post.write",
        .handle = councils_create,
        .request_schema = S_OBJECT("\"unit\":" S_ID ",\"name\":" S_NAME, "\"unit\",\"name\""),
        .summary_en = "Make a council",
        .summary_zh = "设立理事会"},
    {.method = HTTP_GET,
        .path = "/councils/{council}",
        .permission = "core.post.read",
        .handle = councils_read,
        .summary_en = "A council and its terms",
        .summary_zh = "理事会及历届"},
    {.method = HTTP_POST,
        .path = "/councils/{council}/rollover/preview",
        .permission = "core.post.write",
        .handle = rollover_preview,
        .request_schema = SCHEMA_ROLLOVER,
        .summary_en =
            "What a new term would end and begin, and the rights that go and come; the ETag is this plan's",
        .summary_zh = "预览换届：结束和开始的任职、随职授权的变化；ETag 为该方案的版本"},
    {.method = HTTP_POST,
        .path = "/councils/{council}/rollover",
        .permission = "core.post.write",
        .handle = rollover,
        .request_schema = SCHEMA_ROLLOVER,
        .summary_en = "A new term, as it was previewed (If-Match)",
        .summary_zh = "换届（If-Match 为预览的 ETag）"},
};

int api_council_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
