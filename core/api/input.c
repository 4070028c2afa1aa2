/* What handlers share: members of bodies, path parameters, tags, the usual answers. */
#include "access/core_permissions.h"
#include "api/dispatch.h"
#include "base/clock.h"

int api_if_match(struct call *c, const struct request *r, int64_t *ret_version)
{
    struct text t = request_header(r, "If-Match");

    if (!t.ptr)
        return call_fail(c, 428, "if_match_required", "Send the ETag of what you have seen in If-Match.",
            "请在 If-Match 中附上所见版本的 ETag。");
    if (t.len >= 3 && t.ptr[0] == '"' && t.ptr[t.len - 1] == '"' && t.ptr[1] != '0' &&
        text_to_i64((struct text){t.ptr + 1, t.len - 2}, 1, INT64_MAX, ret_version) == 0)
        return 0;
    if (t.len == 0 || (t.ptr[0] != '"' && t.ptr[0] != '*' && !text_has_prefix(t, "W/\"")))
        return call_fail(c, 400, "if_match_invalid", "If-Match is an ETag in double quotes, as it was given.",
            "If-Match 应为服务器给出的带双引号的 ETag。");
    return call_fail(
        c, 412, "stale", "This is not the current version. Read it again.", "版本已变化，请重新读取。");
}

void api_etag(struct request *r, int64_t version)
{
    response_header(r->response, "ETag", "\"%lld\"", (long long)version);
}

int api_cursor(struct call *c, const struct request *r, struct uuid *ret)
{
    struct text cursor = request_query(r, "cursor");

    *ret = UUID_NIL;
    if (!cursor.ptr || uuid_parse(cursor, ret) == 0)
        return 0;
    return call_fail_at(c, "cursor", "cursor", "The next of the last answer.", "应为上一页给出的 next。");
}

void api_page(struct request *r, const struct db_rows *rows, uint32_t limit,
    void (*write)(struct jsonw *w, const struct db_rows *rows, int row))
{
    int n = MIN(db_rows_count(rows), (int)limit);
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < n; i++)
        write(w, rows, i);
    jsonw_array_end(w);
    jsonw_kstr(w, "next", db_rows_count(rows) > n ? db_get(rows, n - 1, 0) : NULL);
    jsonw_object_end(w);
}

/* The request's own query without its cursor, then the cursor of the next page. */
void api_link_next(struct request *r, const char *cursor)
{
    struct text rest = r->target, path = text_split(&rest, '?');
    struct buf b = BUF_INIT;

    buf_addc(&b, '<');
    buf_add_text(&b, path);
    buf_addc(&b, '?');
    while (rest.ptr) {
        struct text pair = text_split(&rest, '&');

        if (pair.len == 0 || text_has_prefix(pair, "cursor="))
            continue;
        buf_add_text(&b, pair);
        buf_addc(&b, '&');
    }
    buf_addf(&b, "cursor=%s>; rel=\"next\"", cursor);
    response_header(r->response, "Link", "%s", buf_str(&b));
    buf_done(&b);
}

int api_id(struct call *c, const struct request *r, const char *name, struct uuid *ret)
{
    return uuid_parse(request_param(r, name), ret) == 0 ? 0 : call_not_found(c);
}

int api_unit(struct call *c, const struct request *r, const char *name, uint32_t permission, uint32_t *ret)
{
    struct uuid id;
    uint32_t unit;

    if (uuid_parse(request_param(r, name), &id) < 0 || tree_count(c->tenant->tree) == 0)
        return call_not_found(c);
    unit = tree_find(c->tenant->tree, id);
    if (unit == TREE_NONE || !subject_may(c->who, c->tenant, permission, unit))
        return call_not_found(c);
    *ret = unit;
    return 0;
}

int api_query_unit(struct call *c, const struct request *r, uint32_t *ret)
{
    struct text name = request_query(r, "unit");
    uint32_t unit = name.ptr ? tree_find_named(c->tenant->tree, name) : 0;

    if (unit >= tree_count(c->tenant->tree) ||
        !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), unit))
        return call_not_found(c);
    *ret = unit;
    return 0;
}

int api_limit(struct call *c, const struct request *r, uint32_t fallback, uint32_t max, uint32_t *ret)
{
    struct text t = request_query(r, "limit");
    int64_t v = fallback;

    if (t.ptr && text_to_i64(t, 1, max, &v) < 0)
        return call_fail_at(c, "limit", "range", arena_printf(c->arena, "limit is 1 to %u.", max),
            arena_printf(c->arena, "limit 为 1 至 %u。", max));
    *ret = (uint32_t)v;
    return 0;
}

static const char *pointer(struct call *c, const char *key)
{
    return arena_printf(c->arena, "/%s", key);
}

static int missing(struct call *c, const char *key)
{
    return call_fail_at(c, pointer(c, key), "required", "This is required.", "必填。");
}

int api_str(struct call *c, const json_t *body, const char *key, bool required, const char **ret)
{
    const json_t *v = json_object_get(body, key);

    if (!v || json_is_null(v)) {
        *ret = NULL;
        return required ? missing(c, key) : 0;
    }
    if (!json_is_string(v))
        return call_fail_at(c, pointer(c, key), "type", "A string is expected.", "应为字符串。");
    *ret = json_string_value(v);
    return 0;
}

int api_uuid(struct call *c, const json_t *body, const char *key, bool required, struct uuid *ret)
{
    const char *s = NULL;
    int r = api_str(c, body, key, required, &s);

    if (r < 0)
        return r;
    *ret = UUID_NIL;
    if (s && (uuid_parse(text_of(s), ret) < 0 || uuid_is_nil(*ret)))
        return call_fail_at(c, pointer(c, key), "uuid", "A UUID is expected.", "应为 UUID。");
    return 0;
}

int api_bool(struct call *c, const json_t *body, const char *key, bool *ret_present, bool *ret)
{
    const json_t *v = json_object_get(body, key);

    *ret_present = v != NULL;
    if (v && !json_is_boolean(v))
        return call_fail_at(c, pointer(c, key), "type", "true or false is expected.", "应为 true 或 false。");
    if (v)
        *ret = json_is_true(v);
    return 0;
}

int api_time(struct call *c, const json_t *body, const char *key, int64_t fallback, int64_t *ret)
{
    const char *s = NULL;
    int r = api_str(c, body, key, false, &s);

    if (r < 0)
        return r;
    *ret = fallback;
    if (s && clock_parse(text_of(s), ret) < 0)
        return call_fail_at(c, pointer(c, key), "time", "A time like 2026-12-31T16:00:00Z is expected.",
            "应为 2026-12-31T16:00:00Z 形式的时间。");
    return 0;
}

int api_body_unit(
    struct call *c, const json_t *body, const char *key, bool required, uint32_t permission, uint32_t *ret)
{
    struct uuid id;
    uint32_t unit;
    int r = api_uuid(c, body, key, required, &id);

    if (r < 0)
        return r;
    *ret = TREE_NONE;
    if (uuid_is_nil(id))
        return 0;
    unit = tree_count(c->tenant->tree) ? tree_find(c->tenant->tree, id) : TREE_NONE;
    if (unit == TREE_NONE || !subject_may(c->who, c->tenant, permission, unit))
        return call_fail_at(c, pointer(c, key), "unknown", "There is no such unit.", "机构不存在。");
    *ret = unit;
    return 0;
}

void jsonw_kuuid(struct jsonw *w, const char *key, struct uuid id)
{
    struct uuid_text t = uuid_format(id);

    jsonw_kstr(w, key, uuid_is_nil(id) ? NULL : t.s);
}

void jsonw_ktime(struct jsonw *w, const char *key, int64_t wall_us)
{
    struct clock_text t = clock_format(wall_us);

    jsonw_kstr(w, key, t.s);
}

static void write_result(struct request *r, int status, struct uuid id, int64_t version)
{
    struct jsonw *w = response_json(r, status);

    api_etag(r, version);
    jsonw_object(w);
    jsonw_kuuid(w, "id", id);
    jsonw_kint(w, "version", version);
    jsonw_object_end(w);
}

static int commit(struct call *c, int status, struct uuid id, int64_t version)
{
    c->result_status = status;
    c->result_id = id;
    c->result_version = version;
    return call_commit(c);
}

int api_created(struct call *c, struct request *r, struct uuid id, int64_t version)
{
    int result = commit(c, 201, id, version);

    if (result < 0)
        return result;
    write_result(r, 201, id, version);
    response_header(r->response, "Location", "%.*s/%s", (int)r->path.len, r->path.ptr, uuid_format(id).s);
    return 0;
}

int api_changed(struct call *c, struct request *r, struct uuid id, int64_t version)
{
    int result = commit(c, 200, id, version);

    if (result == 0)
        write_result(r, 200, id, version);
    return result;
}

int api_done(struct call *c, struct request *r)
{
    int result = commit(c, 204, UUID_NIL, 0);

    if (result == 0)
        response_empty(r);
    return result;
}
