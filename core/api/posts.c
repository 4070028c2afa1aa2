/* /posts: who holds what from when until when, what is vacant, what runs out. */
#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/post.h"
#include "api/core_routes.h"
#include "api/core_schemas.h"
#include "api/days.h"
#include "api/unit_scope.h"
#include "base/clock.h"
#include "db/pgarray.h"
#include "tenant/calendar.h"

#define CURRENT "t.valid_from <= now() AND (t.valid_until IS NULL OR t.valid_until > now())"
#define OF_POST                                                                                              \
    "FROM juxin.tenure t WHERE t.tenant_id = $1 AND t.post_id = p.id AND t.valid_from <= now() AND "         \
    "(t.valid_until IS NULL OR t.valid_until > now())"

static const struct db_stmt list_posts = {"api.posts",
    "SELECT p.id, p.unit_id, p.kind, p.council_id, p.department_id, p.title, p.seats, p.version, p.closed_at "
    "IS NOT "
    "NULL, (SELECT count(*) " OF_POST
    ") FROM juxin.post p JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = p.unit_id "
    "WHERE p.tenant_id = $1 AND ($2::uuid IS NULL OR u.id = $2 OR u.a1 = $2 OR u.a2 = $2 OR u.a3 = $2 OR "
    "u.a4 = $2) "
    "AND " UNIT_SCOPE
    " AND ($7::text IS NULL OR p.kind = $7) AND ($8::uuid IS NULL OR p.council_id = $8) AND ($9 OR "
    "p.closed_at IS NULL) AND (NOT $10 OR (SELECT count(*) " OF_POST
    ") < p.seats) AND ($11::timestamptz IS NULL OR "
    "EXISTS (SELECT 1 " OF_POST
    " AND t.valid_until <= $11)) AND ($12::uuid IS NULL OR p.id < $12) ORDER BY p.id DESC "
    "LIMIT $13"};
static const struct db_stmt read_post = {"api.post",
    "SELECT p.id, p.unit_id, p.kind, p.council_id, p.department_id, p.title, p.seats, p.version, p.closed_at "
    "IS NOT "
    "NULL, (SELECT count(*) " OF_POST ") FROM juxin.post p WHERE p.tenant_id = $1 AND p.id = $2"};
/* $3: those that are over, too. */
static const struct db_stmt list_tenures = {"api.tenures",
    "SELECT t.post_id, t.id, t.account_id, a.display_name, t.valid_from, t.valid_until, t.term_id, t.reason, "
    "(" CURRENT
    ") FROM juxin.tenure t JOIN juxin.account a ON a.tenant_id = $1 AND a.id = t.account_id WHERE "
    "t.tenant_id = $1 AND t.post_id = ANY ($2::uuid[]) AND ($3 OR t.valid_until IS NULL OR t.valid_until > "
    "now()) "
    "ORDER BY t.post_id, t.valid_from DESC, t.id DESC LIMIT 5000"};

static void write_tenure(struct jsonw *w, const struct db_rows *rows, int i)
{
    int64_t from = db_get_time(rows, i, 4), until = db_get(rows, i, 5) ? db_get_time(rows, i, 5) : INT64_MAX;

    jsonw_object(w);
    jsonw_kuuid(w, "id", db_get_uuid(rows, i, 1));
    jsonw_kuuid(w, "account", db_get_uuid(rows, i, 2));
    jsonw_kstr(w, "name", db_get(rows, i, 3));
    days_write(w, from, until);
    jsonw_kbool(w, "is_current", db_get_bool(rows, i, 8));
    jsonw_kuuid(w, "term", db_get_uuid(rows, i, 6));
    jsonw_kstr(w, "reason", db_get(rows, i, 7));
    jsonw_object_end(w);
}

static void write_post(
    struct jsonw *w, const struct call *c, const struct db_rows *rows, int i, const struct db_rows *tenures)
{
    struct uuid id = db_get_uuid(rows, i, 0);
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(rows, i, 1));
    int64_t seats = db_get_int(rows, i, 6), held = db_get_int(rows, i, 9);

    jsonw_kuuid(w, "id", id);
    jsonw_kuuid(w, "unit", db_get_uuid(rows, i, 1));
    jsonw_kstr(w, "unit_name", unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, unit).name);
    jsonw_kstr(w, "kind", db_get(rows, i, 2));
    jsonw_kuuid(w, "council", db_get_uuid(rows, i, 3));
    jsonw_kuuid(w, "department", db_get_uuid(rows, i, 4));
    jsonw_kstr(w, "title", db_get(rows, i, 5));
    jsonw_kint(w, "seats", seats);
    jsonw_kint(w, "vacant", db_get_bool(rows, i, 8) || held > seats ? 0 : seats - held);
    jsonw_kint(w, "version", db_get_int(rows, i, 7));
    jsonw_kbool(w, "is_closed", db_get_bool(rows, i, 8));
    jsonw_key(w, "tenures");
    jsonw_array(w);
    for (int k = 0; k < db_rows_count(tenures); k++)
        if (uuid_eq(db_get_uuid(tenures, k, 0), id))
            write_tenure(w, tenures, k);
    jsonw_array_end(w);
}

static int read_tenures(
    struct call *c, const struct db_rows *posts, int count, bool all, const struct db_rows **ret)
{
    struct uuid *ids = arena_array(c->arena, (size_t)count + 1, sizeof(*ids));
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_tenures, .args = a};
    int r;

    for (int i = 0; i < count; i++)
        ids[i] = db_get_uuid(posts, i, 0);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, pgarray_of_uuids(c->arena, ids, (size_t)count));
    db_arg_bool(a, all);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

/* ---- lists ---- */

static int query_uuid(struct call *c, const struct request *r, const char *name, struct db_args *a)
{
    struct text t = request_query(r, name);
    struct uuid id = UUID_NIL;

    if (t.ptr && uuid_parse(t, &id) < 0)
        return call_fail_at(c, name, "uuid", "A UUID is expected.", "应为 UUID。");
    db_arg_uuid_or_null(a, id);
    return 0;
}

static bool is_kind(struct text t)
{
    return text_is(t, "leader") || text_is(t, "council") || text_is(t, "duty");
}

/* expiring=30: whoever holds it ceases to within so many days, counted from today. */
static int expiring_arg(struct call *c, const struct request *r, struct db_args *a)
{
    struct text t = request_query(r, "expiring");
    int64_t days;

    if (!t.ptr) {
        db_arg_str(a, NULL);
        return 0;
    }
    if (text_to_i64(t, 0, 3660, &days) < 0)
        return call_fail_at(c, "expiring", "range", "Days, 0 to 3660.", "天数，0 至 3660。");
    db_arg_time(a, calendar_begin(calendar_today(c->now_us) + (int32_t)days + 1));
    return 0;
}

static int list_args(struct call *c, const struct request *r, uint32_t limit, struct db_args *a)
{
    struct text kind = request_query(r, "kind");

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    if (query_uuid(c, r, "under", a) < 0)
        return -EINVAL;
    unit_scope_args(c, CORE_POST_READ, a);
    if (kind.ptr && !is_kind(kind))
        return call_fail_at(
            c, "kind", "not_one_of", "leader, council or duty.", "应为 leader、council 或 duty。");
    db_arg_str(a, kind.ptr ? arena_ndup(c->arena, kind.ptr, kind.len) : NULL);
    if (query_uuid(c, r, "council", a) < 0)
        return -EINVAL;
    db_arg_bool(a, text_is(request_query(r, "ended"), "true"));
    db_arg_bool(a, text_is(request_query(r, "vacant"), "true"));
    if (expiring_arg(c, r, a) < 0 || query_uuid(c, r, "cursor", a) < 0)
        return -EINVAL;
    db_arg_int(a, (int64_t)limit + 1);
    return 0;
}

static int posts_list(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = list_posts, .args = &a};
    const struct db_rows *tenures;
    struct jsonw *w;
    uint32_t limit;
    int result, count;

    if (api_limit(c, r, 100, 500, &limit) < 0 || list_args(c, r, limit, &a) < 0)
        return -EINVAL;
    result = call_read(c, &call, 1);
    if (result < 0)
        return result;
    count = MIN(db_rows_count(call.rows), (int)limit);
    result = read_tenures(c, call.rows, count, false, &tenures);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < count; i++) {
        jsonw_object(w);
        write_post(w, c, call.rows, i, tenures);
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

/* ---- one ---- */

/* What comes with it, where the reader sees grants. */
static void write_rights(struct jsonw *w, const struct call *c, struct uuid post)
{
    const struct access *x = access_of(c->tenant);
    const struct tree *t = c->tenant->tree;

    jsonw_key(w, "rights");
    jsonw_array(w);
    for (uint32_t i = 0; i < x->grant_count; i++) {
        const struct access_grant *g = &x->grants[i];

        if (!uuid_eq(g->post, post) || !uuid_is_nil(g->account) ||
            !subject_may(c->who, c->tenant, core_permission(CORE_GRANT_READ), g->unit))
            continue;
        jsonw_object(w);
        jsonw_kuuid(w, "grant", g->id);
        jsonw_kuuid(w, "role", g->role->id);
        jsonw_kstr(w, "role_name", g->role->name);
        jsonw_kuuid(w, "unit", tree_unit(t, g->unit).id);
        jsonw_kstr(w, "unit_name", tree_unit(t, g->unit).name);
        jsonw_kstr(w, "reach", reach_name(g->reach));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

static int posts_read(struct call *c, struct request *r)
{
    struct db_args a;
    struct db_call call = {.stmt = read_post, .args = &a};
    const struct db_rows *tenures;
    struct post p;
    struct uuid id;
    struct jsonw *w;
    int result = api_id(c, r, "post", &id);

    if (result == 0)
        result = post_find(c, id, &p);
    if (result < 0)
        return result;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    result = call_read(c, &call, 1);
    if (result == 0 && db_rows_count(call.rows) == 0)
        result = call_not_found(c);
    if (result == 0)
        result = read_tenures(c, call.rows, 1, true, &tenures);
    if (result < 0)
        return result;
    w = response_json(r, 200);
    api_etag(r, db_get_int(call.rows, 0, 7));
    jsonw_object(w);
    write_post(w, c, call.rows, 0, tenures);
    write_rights(w, c, id);
    jsonw_object_end(w);
    return 0;
}

/* ---- changes ---- */

static int take_seats(struct call *c, const json_t *body, int64_t fallback, int64_t *ret)
{
    const json_t *v = json_object_get(body, "seats");

    *ret = fallback;
    if (v && (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > POST_SEATS_MAX))
        return call_fail_at(c, "/seats", "range", "1 to 500.", "应为 1 至 500。");
    if (v)
        *ret = json_integer_value(v);
    return 0;
}

static int take_post(struct call *c, const json_t *body, struct post_input *in)
{
    bool is_council, is_duty;
    int bad = 0;

    bad |= api_str(c, body, "kind", true, &in->kind);
    if (in->kind && !is_kind(text_of(in->kind)))
        bad |= call_fail_at(
            c, "/kind", "not_one_of", "leader, council or duty.", "应为 leader、council 或 duty。");
    bad |= api_str(c, body, "title", true, &in->title);
    bad |= take_seats(c, body, 1, &in->seats);
    bad |= api_body_unit(c, body, "unit", true, core_permission(CORE_UNIT_READ), &in->unit);
    is_council = in->kind && strcmp(in->kind, "council") == 0;
    is_duty = in->kind && strcmp(in->kind, "duty") == 0;
    bad |= api_uuid(c, body, "council", is_council, &in->council);
    bad |= api_uuid(c, body, "department", is_duty, &in->department);
    if (!bad && is_council != !uuid_is_nil(in->council))
        bad = call_fail_at(c, "/council", "kind", "Only of the kind council.", "仅适用于 council 类职务。");
    if (!bad && is_duty != !uuid_is_nil(in->department))
        bad = call_fail_at(c, "/department", "kind", "Only of the kind duty.", "仅适用于 duty 类职务。");
    return bad ? -EINVAL : 0;
}

static int posts_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"kind", "title", "seats", "unit", "council", "department", NULL};
    struct post_input in = {.unit = TREE_NONE};
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = take_post(c, body, &in);
    if (result == 0)
        result = post_create(c, &in, &id);
    if (result < 0 || c->is_replay)
        return result;
    return api_created(c, r, id, 1);
}

static int posts_update(struct call *c, struct request *r)
{
    static const char *const known[] = {"title", "seats", NULL};
    const char *title = NULL;
    int64_t seats, version;
    struct uuid id;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "post", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result < 0)
        return result;
    if ((api_str(c, body, "title", false, &title) | take_seats(c, body, 0, &seats)) < 0)
        return -EINVAL;
    if (!title && !seats)
        return call_fail_at(c, "/title", "required", "Something to change.", "请给出要修改的内容。");
    result = post_update(c, id, title, seats, version, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int posts_close(struct call *c, struct request *r)
{
    int64_t version;
    struct uuid id;
    int result = api_id(c, r, "post", &id);

    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result == 0)
        result = post_close(c, id, version, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

static int tenures_create(struct call *c, struct request *r)
{
    static const char *const known[] = {"account", "from", "until", "reason", NULL};
    struct tenure_input in = {.reason = NULL};
    struct uuid id, tenure;
    int64_t version;
    json_t *body;
    int result = request_object(r, known, &body), bad;

    if (result == 0)
        result = api_id(c, r, "post", &id);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result < 0)
        return result;
    bad = api_uuid(c, body, "account", true, &in.account);
    bad |= days_take(c, body, "from", calendar_begin(calendar_today(c->now_us)), 0, &in.from);
    bad |= days_take(c, body, "until", INT64_MAX, 1, &in.until);
    bad |= days_reason(c, body, &in.reason);
    if (bad)
        return -EINVAL;
    result = post_hold(c, id, &in, version, &version, &tenure);
    return result < 0 || c->is_replay ? result : api_created(c, r, tenure, version);
}

static int tenures_end(struct call *c, struct request *r)
{
    static const char *const known[] = {"until", "reason", NULL};
    const char *reason = NULL;
    int64_t version, until;
    struct uuid id, tenure;
    json_t *body;
    int result = request_object(r, known, &body);

    if (result == 0)
        result = api_id(c, r, "post", &id);
    if (result == 0)
        result = api_id(c, r, "tenure", &tenure);
    if (result == 0)
        result = api_if_match(c, r, &version);
    if (result < 0)
        return result;
    if ((days_take(c, body, "until", INT64_MAX, 1, &until) | days_reason(c, body, &reason)) < 0)
        return -EINVAL;
    result = post_end(c, id, tenure, until, reason, version, &version);
    return result < 0 || c->is_replay ? result : api_changed(c, r, id, version);
}

#define S_KIND "{\"enum\":[\"leader\",\"council\",\"duty\"]}"
#define S_SEATS "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500}"
#define SCHEMA_POST                                                                                          \
    S_OBJECT("\"kind\":" S_KIND ",\"title\":" S_NAME ",\"seats\":" S_SEATS ",\"unit\":" S_ID                 \
             ",\"council\":" S_ID ",\"department\":" S_ID,                                                   \
        "\"kind\",\"title\",\"unit\"")
#define SCHEMA_POST_CHANGE S_OBJECT("\"title\":" S_NAME ",\"seats\":" S_SEATS, "")
#define SCHEMA_TENURE                                                                                        \
    S_OBJECT(                                                                                                \
        "\"account\":" S_ID ",\"from\":" S_DATE ",\"until\":" S_DATE ",\"reason\":" S_REASON, "\"account\"")
#define SCHEMA_TENURE_END S_OBJECT("\"until\":" S_DATE ",\"reason\":" S_REASON, "")

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/posts",
        .query = "under,kind,council,vacant,expiring,ended,limit,cursor",
        .permission = "core.post.read",
        .handle = posts_list,
        .summary_en = "Posts of a subtree and who holds them; vacant=true, expiring=DAYS",
        .summary_zh = "下属职务及任职人员；vacant=true 查空缺，expiring=天数 查即将到期"},
    {.method = HTTP_POST,
        .path = "/posts",
        .permission = "core.post.write",
        .handle = posts_create,
        .request_schema = SCHEMA_POST,
        .summary_en = "Make a post",
        .summary_zh = "设置职务"},
    {.method = HTTP_GET,
        .path = "/posts/{post}",
        .permission = "core.post.read",
        .handle = posts_read,
        .summary_en = "A post, everybody who held, holds or is to hold it, and the rights that come with it",
        .summary_zh = "职务、历任现任及待任人员和随职授权"},
    {.method = HTTP_PATCH,
        .path = "/posts/{post}",
        .permission = "core.post.write",
        .handle = posts_update,
        .request_schema = SCHEMA_POST_CHANGE,
        .summary_en = "Another title, more or fewer seats",
        .summary_zh = "修改职务名称、席位数"},
    {.method = HTTP_POST,
        .path = "/posts/{post}/close",
        .permission = "core.post.write",
        .handle = posts_close,
        .summary_en = "Do away with a post that nobody holds",
        .summary_zh = "撤销无人担任的职务"},
    {.method = HTTP_POST,
        .path = "/posts/{post}/tenures",
        .permission = "core.post.write",
        .handle = tenures_create,
        .request_schema = SCHEMA_TENURE,
        .summary_en =
            "Somebody holds the post from the first to the last day; with it what is granted to the post",
        .summary_zh = "任职：自起始日至截止日（含）担任，随职授权同期有效"},
    {.method = HTTP_POST,
        .path = "/posts/{post}/tenures/{tenure}/end",
        .permission = "core.post.write",
        .handle = tenures_end,
        .request_schema = SCHEMA_TENURE_END,
        .summary_en = "Somebody ceases to hold the post, at once or after the day",
        .summary_zh = "免职：立即或于指定日期结束后"},
};

int api_post_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
