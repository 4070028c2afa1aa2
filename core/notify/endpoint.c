/* Endpoints: made, changed, given new secrets, removed. */
#include "notify/endpoint.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "base/clock.h"
#include "fetch/fetch.h"
#include "resource/declare/resource.h"

#define OLD_SECRET_US (INT64_C(86400) * 1000000)
#define RATE_MAX 6000

static const struct db_stmt count_all = {
    "endpoint.count", "SELECT count(*) FROM juxin.endpoint WHERE tenant_id = $1"};
static const struct db_stmt insert = {"endpoint.insert",
    "INSERT INTO juxin.endpoint (tenant_id, id, name, url, events, unit_id, state, rate_per_minute, key_id, "
    "secret_n,"
    " after_seq, attempts, next_at, tokens, tokens_at, version, created_by, created_at, updated_at)"
    " SELECT $1, $2, $3, $4, $5, $6::uuid, 'on', $7::int, $8, 1, coalesce((SELECT h.n FROM juxin.event_head h"
    " WHERE h.tenant_id = $1), 0), 0, now(), $7::bigint * 1000, now(), 1, $9::uuid, $10::timestamptz,"
    " $10::timestamptz RETURNING id"};
static const struct db_stmt find = {"endpoint.find",
    "SELECT " ENDPOINT_COLUMNS " FROM juxin.endpoint e WHERE e.tenant_id = $1 AND e.id = $2"};
/* What failed begins anew when it is turned on; so does the count of attempts where something was changed. $11: whose rights it
 * has from now on. */
static const struct db_stmt update = {"endpoint.update",
    "UPDATE juxin.endpoint SET name = coalesce($4, name), url = coalesce($5, url), events = coalesce($6, "
    "events),"
    " unit_id = coalesce($7::uuid, unit_id), rate_per_minute = coalesce($8::int, rate_per_minute),"
    " state = coalesce($9, state), reason = CASE WHEN $9 IS NULL THEN reason END, attempts = 0,"
    " failing_since = NULL, next_at = now(), version = version + 1, updated_at = $10::timestamptz,"
    " created_by = coalesce($11::uuid, created_by) WHERE tenant_id = $1 AND id = $2 AND version = $3"};
static const struct db_stmt rotate = {"endpoint.rotate",
    "UPDATE juxin.endpoint SET secret_n = secret_n + 1, old_secret_until = $3::timestamptz, version = "
    "version + 1,"
    " next_at = now(), updated_at = $4::timestamptz WHERE tenant_id = $1 AND id = $2 RETURNING key_id, "
    "secret_n"};
static const struct db_stmt drop_deliveries = {
    "endpoint.drop_deliveries", "DELETE FROM juxin.delivery WHERE tenant_id = $1 AND endpoint_id = $2"};
static const struct db_stmt drop = {
    "endpoint.drop", "DELETE FROM juxin.endpoint WHERE tenant_id = $1 AND id = $2"};

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

/* ---- input ---- */

static bool is_word(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!(t.ptr[i] >= 'a' && t.ptr[i] <= 'z') && !(t.ptr[i] >= '0' && t.ptr[i] <= '9') && t.ptr[i] != '_')
            return false;
    return t.len > 0;
}

/* "*", "works.item" or "works.item.assign". */
static bool is_event(struct text t)
{
    struct text rest = t, plugin = text_split(&rest, '.'), name, action;

    if (text_is(t, "*"))
        return true;
    name = text_split(&rest, '.');
    action = rest;
    return plugin.ptr && name.ptr && resource_find_in(plugin, name) && (!action.ptr || is_word(action));
}

const char *endpoint_events(struct call *c, const char *pointer, const json_t *list)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    const json_t *v;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > ENDPOINT_EVENTS_MAX) {
        (void)call_fail_at(c, pointer, "type",
            "A list of 1 to 50: \"*\", \"plugin.resource\" or "
            "\"plugin.resource.action\".",
            "应为 1 至 50 项的列表：“*”、“插件.资源”或“插件.资源.动作”。");
        return NULL;
    }
    json_array_foreach(list, i, v)
    {
        const char *s = json_string_value(v);

        if (!s || !is_event(text_of(s)))
            (void)call_fail_at(c, arena_printf(c->arena, "%s/%zu", pointer, i), "unknown",
                "\"*\", a resource (plugin.resource), or one with an action (plugin.resource.action).",
                "应为“*”、资源名（插件.资源）或带动作的资源名（插件.资源.动作）。");
        else
            buf_addf(&b, "%s%s", i ? "," : "", s);
    }
    return c->fault.status ? NULL : arena_dup(c->arena, buf_str(&b));
}

static void check(struct call *c, const struct endpoint_input *in)
{
    struct text host;
    int r = in->url ? fetch_check_url(c->arena, in->url, &host) : 0;

    if (in->name && (!in->name[0] || text_chars(text_of(in->name)) > 100))
        (void)call_fail_at(c, "/name", "text", "1 to 100 characters.", "1 至 100 个字符。");
    if (r == -EACCES)
        (void)call_fail_at(c, "/url", "not_allowed",
            "This address is not a public one, or not https; the operator can allow it (outgoing.allow).",
            "该地址不是公网地址，或不是 https；可由系统管理员在 outgoing.allow 中允许。");
    else if (r < 0)
        (void)call_fail_at(c, "/url", "url", "An https address without user and password.",
            "应为不含用户名和口令的 https 地址。");
    if (in->rate_per_minute < 0 || in->rate_per_minute > RATE_MAX)
        (void)call_fail_at(c, "/rate_per_minute", "range", "1 to 6000.", "应为 1 至 6000。");
}

/* ---- services ---- */

bool endpoint_may_manage(const struct call *c, struct uuid unit)
{
    uint32_t at = tree_find(c->tenant->tree, unit);

    return at != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_ENDPOINT_MANAGE), at);
}

static void free_rows(void *rows)
{
    db_rows_free(rows);
}

int endpoint_find(struct call *c, struct uuid id, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r;

    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0 || !endpoint_may_manage(c, db_get_uuid(call.rows, 0, 4)))
        return call_not_found(c);
    *ret = call.rows;
    return 0;
}

static int count(struct call *c, int64_t *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    r = db_exec(c->tx, count_all, &a, &rows);
    *ret = r == 0 ? db_get_int(rows, 0, 0) : 0;
    return r;
}

static int tell_secret(struct call *c, const char *key_id, struct uuid id, int64_t n, const char **ret_secret)
{
    struct sha256 secret;
    int r = webhook_secret(key_id, c->tenant->id, id, n, &secret);

    if (r == 0)
        *ret_secret = webhook_secret_text(c->arena, &secret);
    return r;
}

int endpoint_create(
    struct call *c, const struct endpoint_input *in, struct uuid *ret_id, const char **ret_secret)
{
    struct uuid id = uuid_new(), unit = tree_unit(c->tenant->tree, in->unit).id;
    const char *key_id = webhook_key_id();
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int64_t n = 0;
    int r;

    check(c, in);
    r = c->fault.status ? -EINVAL : key_id ? call_begin(c) : -ENOKEY;
    if (r == 0)
        r = count(c, &n);
    if (r < 0)
        return r;
    if (n >= ENDPOINTS_MAX)
        return call_fail(c, 409, "too_many", "There are 50 endpoints already.", "推送地址已达 50 个上限。");
    key_args(&a, c, id);
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->url);
    db_arg_str(&a, in->events);
    db_arg_uuid(&a, unit);
    db_arg_int(&a, in->rate_per_minute ? in->rate_per_minute : ENDPOINT_RATE);
    db_arg_str(&a, key_id);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, insert, &a, &rows);
    if (r == 0)
        r = call_audit(c, "endpoint.create", "endpoint", id, unit, "name,url,events,unit");
    if (r == 0)
        r = tell_secret(c, key_id, id, 1, ret_secret);
    *ret_id = id;
    return r;
}

/* Who says where it goes, what it is told or that it is on has it told with their own rights, never with another's. */
static bool takes_over(const struct endpoint_input *in)
{
    return in->url || in->events || in->unit != TREE_NONE || (in->has_active && in->is_active);
}

int endpoint_update(
    struct call *c, struct uuid id, int64_t version, const struct endpoint_input *in, int64_t *ret_version)
{
    const struct db_rows *rows;
    struct db_args a;
    int r;

    check(c, in);
    r = c->fault.status ? -EINVAL : call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = endpoint_find(c, id, &rows);
    if (r < 0)
        return r;
    key_args(&a, c, id);
    db_arg_int(&a, version);
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->url);
    db_arg_str(&a, in->events);
    db_arg_uuid_or_null(&a, in->unit == TREE_NONE ? UUID_NIL : tree_unit(c->tenant->tree, in->unit).id);
    if (in->rate_per_minute)
        db_arg_int(&a, in->rate_per_minute);
    else
        db_arg_str(&a, NULL);
    db_arg_str(&a, !in->has_active ? NULL : in->is_active ? "on" : "off");
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, takes_over(in) ? c->who->account : UUID_NIL);
    r = db_exec_expect(c->tx, update, &a, 1);
    if (r == -ESTALE)
        return call_fail(
            c, 412, "stale", "This is not the current version. Read it again.", "版本已变化，请重新读取。");
    if (r == 0)
        r = call_audit(c, "endpoint.update", "endpoint", id, db_get_uuid(rows, 0, 4), NULL);
    *ret_version = c->result_version = version + 1;
    c->result_status = 200;
    c->result_id = id;
    return r;
}

int endpoint_rotate(struct call *c, struct uuid id, const char **ret_secret)
{
    const struct db_rows *found;
    struct db_rows *rows = NULL;
    struct db_args a;
    int r = call_begin(c);

    if (r == 0)
        r = endpoint_find(c, id, &found);
    if (r < 0)
        return r;
    key_args(&a, c, id);
    db_arg_time(&a, c->now_us + OLD_SECRET_US);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, rotate, &a, &rows);
    if (r < 0)
        return r;
    arena_defer(c->arena, free_rows, rows);
    r = call_audit(c, "endpoint.rotate_secret", "endpoint", id, db_get_uuid(found, 0, 4), NULL);
    return r < 0 ? r : tell_secret(c, db_get(rows, 0, 0), id, db_get_int(rows, 0, 1), ret_secret);
}

int endpoint_delete(struct call *c, struct uuid id)
{
    const struct db_rows *rows;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = endpoint_find(c, id, &rows);
    if (r < 0)
        return r;
    key_args(&a, c, id);
    r = db_exec(c->tx, drop_deliveries, &a, NULL);
    if (r == 0)
        r = db_exec_expect(c->tx, drop, &a, 1);
    if (r == 0)
        r = call_audit(c, "endpoint.delete", "endpoint", id, db_get_uuid(rows, 0, 4), NULL);
    c->result_status = 204;
    return r;
}

/* ---- writing ---- */

static void time_or_null(struct jsonw *w, const char *key, const struct db_rows *rows, int row, int column)
{
    jsonw_kstr(w, key, db_get(rows, row, column) ? clock_format(db_get_time(rows, row, column)).s : NULL);
}

void endpoint_write(struct jsonw *w, const struct db_rows *rows, int row)
{
    struct text rest = text_of(db_get(rows, row, 3));

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "name", db_get(rows, row, 1));
    jsonw_kstr(w, "url", db_get(rows, row, 2));
    jsonw_key(w, "events");
    jsonw_array(w);
    while (rest.ptr)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
    jsonw_kstr(w, "unit", db_get(rows, row, 4));
    jsonw_kstr(w, "state", db_get(rows, row, 5));
    jsonw_kstr(w, "reason", db_get(rows, row, 6));
    jsonw_kint(w, "rate_per_minute", db_get_int(rows, row, 7));
    jsonw_kint(w, "attempts", db_get_int(rows, row, 8));
    time_or_null(w, "failing_since", rows, row, 9);
    time_or_null(w, "old_secret_until", rows, row, 10);
    jsonw_kint(w, "version", db_get_int(rows, row, 11));
    jsonw_kstr(w, "created_by", db_get(rows, row, 12));
    time_or_null(w, "created_at", rows, row, 13);
    time_or_null(w, "updated_at", rows, row, 14);
    jsonw_object_end(w);
}
