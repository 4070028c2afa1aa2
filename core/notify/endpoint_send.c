/* What goes out to an endpoint: which events, with which secrets, and what is noted of it. */
#include <errno.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "loop/fiber.h"
#include "notify/endpoint.h"
#include "plugin/policy/policies.h"
#include "resource/declare/resource.h"

static const struct db_stmt read_address = {"endpoint.address",
    "SELECT e.url, e.key_id, e.secret_n, e.old_secret_until > now() FROM juxin.endpoint e WHERE e.tenant_id "
    "= $1"
    " AND e.id = $2"};
static const struct db_stmt take_token = {"endpoint.take_token",
    "UPDATE juxin.endpoint e SET tokens = x.tokens - 1000, tokens_at = now() FROM (SELECT f.id,"
    " least(f.rate_per_minute * 1000::bigint, f.tokens + (extract(epoch FROM now() - f.tokens_at) * 1000"
    " * f.rate_per_minute / 60)::bigint) AS tokens FROM juxin.endpoint f WHERE f.tenant_id = $1 AND f.id = $2"
    " FOR UPDATE) x WHERE e.tenant_id = $1 AND e.id = x.id AND x.tokens >= 1000"};
static const struct db_stmt note = {"endpoint.note",
    "INSERT INTO juxin.delivery (tenant_id, endpoint_id, id, message_id, seq, type, attempt, outcome, "
    "status, reason,"
    " ms, at) VALUES ($1, $2, $3, $4, NULLIF($5::bigint, 0), $6, $7, $8, NULLIF($9::int, 0), $10, $11, $12)"};
static const struct db_stmt read_event = {"endpoint.event",
    "SELECT " ENDPOINT_EVENT_COLUMNS " FROM juxin.delivery d LEFT JOIN juxin.event v ON"
    " v.tenant_id = d.tenant_id AND v.id = d.message_id WHERE d.tenant_id = $1 AND d.endpoint_id = $2 AND "
    "d.id = $3"};
static const struct db_stmt read_choice = {"endpoint.choice",
    "SELECT e.events, e.unit_id, e.created_by, a.is_active FROM juxin.endpoint e JOIN juxin.account a ON"
    " a.tenant_id = e.tenant_id AND a.id = e.created_by WHERE e.tenant_id = $1 AND e.id = $2"};

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

int endpoint_webhook(struct call *c, struct uuid id, struct webhook *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = read_address, .args = a};
    int r;

    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    *ret = (struct webhook){.url = db_get(call.rows, 0, 0)};
    for (int64_t n = db_get_int(call.rows, 0, 2), i = 0; r == 0 && i < 2 && n - i > 0; i++)
        if (i == 0 || db_get_bool(call.rows, 0, 3))
            r = webhook_secret(
                db_get(call.rows, 0, 1), c->tenant->id, id, n - i, &ret->secrets[ret->secret_count++]);
    return r;
}

int endpoint_note(struct call *c, const struct endpoint_attempt *at)
{
    struct db_args a;

    key_args(&a, c, at->endpoint);
    db_arg_uuid(&a, uuid_new());
    db_arg_uuid(&a, at->message);
    db_arg_int(&a, at->seq);
    db_arg_str(&a, at->type);
    db_arg_int(&a, at->attempt);
    db_arg_str(&a, at->outcome);
    db_arg_int(&a, at->result->status);
    db_arg_str(&a, at->result->reason);
    db_arg_int(&a, at->result->ms);
    db_arg_time(&a, clock_agreed_us());
    return db_exec(c->tx, note, &a, NULL);
}

static int take(struct call *c, struct uuid id)
{
    struct db_args a;
    int r = call_begin(c);

    key_args(&a, c, id);
    if (r == 0)
        r = db_exec_expect(c->tx, take_token, &a, 1);
    if (r == -ESTALE) {
        call_rollback(c);
        r = call_fail(c, 429, "rate", "This endpoint's rate is used up; try again in a moment.",
            "该推送地址的频率已用尽，请稍后再试。");
        c->fault.retry_after_s = 5;
        return r;
    }
    return r < 0 ? r : call_commit(c);
}

/* What was sent was sent: nothing that comes of the note makes the caller decide, and send, again. */
static void note_sent(struct call *c, const struct endpoint_attempt *at)
{
    struct db_tx *tx = NULL;
    int r;

    fiber_shield(true);
    r = db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &tx, NULL);
    c->tx = tx;
    if (r == 0)
        r = endpoint_note(c, at);
    c->tx = NULL;
    if (r == 0)
        r = db_commit(tx);
    else
        db_rollback(tx);
    fiber_shield(false);
    if (r < 0)
        log_event(LOG_WARN, "endpoint.not_noted", LF_INT("tenant", c->tenant->id),
            LF_STR("endpoint", uuid_format(at->endpoint).s), LF_ERR(r));
}

int endpoint_send_now(
    struct call *c, struct uuid id, const struct webhook_event *e, struct webhook_result *ret)
{
    struct endpoint_attempt at = {
        .endpoint = id, .message = e->id, .seq = e->seq, .attempt = 1, .type = e->type, .result = ret};
    struct webhook w;
    int r = endpoint_webhook(c, id, &w);

    if (r == 0)
        r = take(c, id);
    if (r < 0)
        return r;
    w.message = e->id;
    w.body = webhook_body(c->arena, e);
    r = webhook_send(c->arena, &w, ret);
    if (r < 0)
        return r;
    at.outcome = ret->is_delivered ? "delivered" : "dead"; /* it is not tried again by itself */
    note_sent(c, &at);
    return 0;
}

/* ---- events ---- */

static bool is_chosen(const char *events, const char *resource, const char *action)
{
    struct text rest = text_of(events);
    size_t len = strlen(resource);

    while (rest.ptr) {
        struct text one = text_split(&rest, ',');

        if (text_is(one, "*") || text_is(one, resource))
            return true;
        if (text_has_prefix(one, resource) && one.len > len && one.ptr[len] == '.' &&
            text_is(text_skip(one, len + 1), action))
            return true;
    }
    return false;
}

static uint32_t unit_of(const struct call *c, const json_t *payload)
{
    const char *s = json_str(payload, "unit");
    struct uuid id;

    return s && uuid_parse(text_of(s), &id) == 0 ? tree_find(c->tenant->tree, id) : TREE_NONE;
}

static bool may_go(struct call *c, const struct endpoint_choice *choice, const json_t *payload)
{
    const struct resource *res = resource_find(json_str_or(payload, "resource", ""));
    uint32_t unit = unit_of(c, payload), within = tree_find(c->tenant->tree, choice->unit);

    return res && unit != TREE_NONE && within != TREE_NONE &&
           tree_contains(unit, within, tree_end(c->tenant->tree, within)) &&
           is_chosen(choice->events, res->full_name, json_str_or(payload, "action", "")) &&
           policy_is_on(c, res->plugin, unit) &&
           subject_may(
               access_subject(c->tenant, choice->owner), c->tenant, res->permissions[ACTION_READ], unit);
}

bool endpoint_takes(struct call *c, const struct endpoint_choice *choice, const struct db_rows *events,
    int row, struct webhook_event *ret)
{
    json_t *payload = NULL;
    bool takes = false;
    char *data;

    if (strcmp(db_get(events, row, 2), "record") != 0 ||
        json_parse(db_get_text(events, row, 3), JSON_LIMITS, &payload, NULL) < 0)
        return false;
    if (may_go(c, choice, payload)) {
        json_object_del(payload, "created_by");
        data = json_dumps(payload, JSON_COMPACT);
        *ret = (struct webhook_event){.id = db_get_uuid(events, row, 0),
            .tenant = c->tenant->slug,
            .type =
                arena_printf(c->arena, "%s.%s", json_str(payload, "resource"), json_str(payload, "action")),
            .subject = arena_dup(c->arena, json_str(payload, "id")),
            .time_us = db_get_time(events, row, 4),
            .seq = db_get_int(events, row, 1),
            .data = arena_dup(c->arena, data)};
        free(data);
        takes = ret->data != NULL;
    }
    json_decref(payload);
    return takes;
}

int endpoint_event_of(struct call *c, struct uuid endpoint, struct uuid delivery, struct webhook_event *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a)), *own = arena_alloc(c->arena, sizeof(*own));
    struct db_call calls[] = {{.stmt = read_event, .args = a}, {.stmt = read_choice, .args = own}};
    struct endpoint_choice choice;
    int r;

    key_args(a, c, endpoint);
    db_arg_uuid(a, delivery);
    key_args(own, c, endpoint);
    r = call_read(c, calls, ARRAY_LEN(calls));
    if (r < 0)
        return r;
    if (db_rows_count(calls[0].rows) == 0 || db_rows_count(calls[1].rows) == 0)
        return call_not_found(c);
    choice = (struct endpoint_choice){
        db_get(calls[1].rows, 0, 0), db_get_uuid(calls[1].rows, 0, 1), db_get_uuid(calls[1].rows, 0, 2)};
    if (!db_get(calls[0].rows, 0, 0) || !db_get_bool(calls[1].rows, 0, 3) ||
        !endpoint_takes(c, &choice, calls[0].rows, 0, ret))
        return call_fail(c, 410, "gone",
            "This event is not kept any more, or not for this endpoint any more.",
            "该事件已不再保存，或已不属于该推送地址的范围。");
    return 0;
}
