/* Notices into messages. */
#include "notify/spread.h"

#include <errno.h>

#include "access/notice.h"
#include "base/json.h"
#include "db/cipher.h"
#include "db/pgarray.h"
#include "notify/contact.h"
#include "notify/message.h"
#include "notify/news.h"

#define BATCH 50
#define IDLE_GAP 500 /* so far the cursor stays behind where there is nothing for it */
#define ATTEMPTS 4

static const struct db_stmt read_cursor = {"spread.cursor",
    "SELECT c.after_seq, h.n FROM juxin.channel_cursor c JOIN juxin.event_head h ON h.tenant_id = "
    "c.tenant_id WHERE c.tenant_id = $1 AND"
    " h.tenant_id = $1"};
static const struct db_stmt read_events = {"spread.events",
    "SELECT v.seq, v.payload FROM juxin.event v WHERE v.tenant_id = $1 AND v.seq > $2 AND "
    "v.topic = 'notice' ORDER BY v.seq LIMIT $3"};
static const struct db_stmt move = {
    "spread.move", "UPDATE juxin.channel_cursor SET after_seq = $3 WHERE tenant_id = $1 AND after_seq = $2"};
static const struct db_stmt read_robots = {"spread.robots",
    "SELECT h.id, h.unit_id, h.config FROM juxin.channel h WHERE h.tenant_id = $1 AND h.state = 'on' AND "
    "h.kind IN ('wecom_robot',"
    " 'dingtalk_robot') ORDER BY h.id"};
static const struct db_stmt read_people = {"spread.people",
    "SELECT x.account_id, x.id, t.kind, h.id, t.address, t.masked, coalesce(e.how, d.how), o.quiet_from, "
    "o.quiet_until, o.digest_at,"
    " o.language FROM unnest($2::uuid[], $3::uuid[]) AS x(account_id, id) JOIN juxin.contact t ON "
    "t.tenant_id = $1 AND t.account_id ="
    " x.account_id JOIN juxin.account a ON a.tenant_id = $1 AND a.id = x.account_id JOIN juxin.channel h ON "
    "h.tenant_id = $1 AND h.kind ="
    " t.kind LEFT JOIN juxin.contact_wish e ON e.tenant_id = $1 AND e.account_id = x.account_id AND "
    "e.channel = t.kind AND e.kind = $4"
    " LEFT JOIN juxin.contact_wish d ON d.tenant_id = $1 AND d.account_id = x.account_id AND d.channel = "
    "t.kind AND d.kind = '*' LEFT"
    " JOIN juxin.contact_hours o ON o.tenant_id = $1 AND o.account_id = x.account_id WHERE t.confirmed_at IS "
    "NOT NULL AND a.is_active AND"
    " h.state = 'on' AND coalesce(e.how, d.how, 'off') <> 'off' ORDER BY x.id, t.kind"};

/* ---- people ---- */

static struct contact_hours hours_of(const struct db_rows *rows, int i)
{
    if (!db_get(rows, i, 7))
        return CONTACT_HOURS;
    return (struct contact_hours){(int32_t)db_get_int(rows, i, 7), (int32_t)db_get_int(rows, i, 8),
        (int32_t)db_get_int(rows, i, 9), db_get(rows, i, 10)};
}

/* An address that cannot be opened any more is passed over: it is told in the log of what failed, and confirmed anew. */
static int to_person(struct call *c, const struct db_rows *rows, int i, const struct notice_kind *kind)
{
    struct uuid account = db_get_uuid(rows, i, 0), notice = db_get_uuid(rows, i, 1), id;
    bool is_digest = strcmp(db_get(rows, i, 6), "digest") == 0;
    struct contact_hours hours = hours_of(rows, i);
    CLEANUP(buf_done) struct buf to = BUF_INIT;
    struct message m = {.channel = db_get_uuid(rows, i, 3), .account = account, .masked = db_get(rows, i, 5)};

    if (cipher_open(db_get_text(rows, i, 4), contact_binding(c, account, db_get(rows, i, 2)), &to) < 0)
        return 0;
    m.to = buf_str(&to);
    m.what = is_digest ? "digest" : kind->name;
    m.due_us =
        is_digest ? contact_digest_time(&hours, c->now_us) : contact_time(&hours, c->now_us, kind->is_urgent);
    m.until_us = m.due_us + MESSAGE_DAY_US;
    m.params = is_digest ? news_of_digest(c, account, notice, db_get(rows, i, 2), hours.language)
                         : news_of_notice(c, account, notice, hours.language);
    return message_add(c, &m, &id);
}

static int ids_of(struct call *c, const json_t *list, const char **ret)
{
    struct pgarray a = PGARRAY_INIT;
    const json_t *one;
    struct uuid id;
    size_t i;
    int r = 0;

    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one) || uuid_parse(text_of(json_string_value(one)), &id) < 0)
            r = -EINVAL;
        else
            pgarray_uuid(&a, id);
    }
    *ret = arena_dup(c->arena, pgarray_end(&a));
    pgarray_done(&a);
    return r;
}

static int to_people(struct call *c, const json_t *event, const struct notice_kind *kind)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = read_people, .args = a};
    const char *accounts, *notices;
    int r = ids_of(c, json_object_get(event, "accounts"), &accounts);

    if (r == 0)
        r = ids_of(c, json_object_get(event, "notices"), &notices);
    if (r < 0)
        return r == -EINVAL ? 0 : r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, accounts);
    db_arg_str(a, notices);
    db_arg_str(a, kind->name);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        r = to_person(c, call.rows, i, kind);
    return r;
}

/* ---- robots ---- */

static bool is_chosen(const json_t *kinds, const char *kind)
{
    const json_t *one;
    size_t i;

    json_array_foreach(kinds, i, one)
    {
        if (strcmp(json_string_value(one), "*") == 0 || strcmp(json_string_value(one), kind) == 0)
            return true;
    }
    return false;
}

static bool is_below(const struct call *c, struct uuid unit, struct uuid top)
{
    uint32_t at = tree_find(c->tenant->tree, unit), within = tree_find(c->tenant->tree, top);

    return at != TREE_NONE && within != TREE_NONE &&
           tree_contains(at, within, tree_end(c->tenant->tree, within));
}

static int to_robot(
    struct call *c, const struct db_rows *robots, int i, const json_t *event, const struct notice_kind *kind)
{
    struct message m = {.channel = db_get_uuid(robots, i, 0), .what = kind->name};
    struct uuid unit = UUID_NIL, account = UUID_NIL, notice = UUID_NIL, id;
    json_t *config;
    int r = 0;

    (void)!uuid_parse(text_of(json_str_or(event, "unit", "")), &unit);
    (void)!uuid_parse(
        text_of(json_string_value(json_array_get(json_object_get(event, "accounts"), 0))), &account);
    (void)!uuid_parse(
        text_of(json_string_value(json_array_get(json_object_get(event, "notices"), 0))), &notice);
    if (!is_below(c, unit, db_get_uuid(robots, i, 1)) ||
        json_parse(db_get_text(robots, i, 2), JSON_LIMITS, &config, NULL) < 0)
        return 0;
    if (is_chosen(json_object_get(config, "kinds"), kind->name)) {
        m.params = news_of_notice(c, account, notice, json_str_or(config, "language", "zh-CN"));
        r = message_add(c, &m, &id);
    }
    json_decref(config);
    return r;
}

/* ---- a batch ---- */

static int spread_one(struct call *c, struct text payload, const struct db_rows *robots)
{
    const struct notice_kind *kind;
    json_t *event;
    int r = 0;

    if (json_parse(payload, JSON_LIMITS, &event, NULL) < 0)
        return 0;
    kind = notice_kind_find(text_of(json_str_or(event, "kind", "")));
    if (kind)
        r = to_people(c, event, kind);
    for (int i = 0; r == 0 && kind && i < db_rows_count(robots); i++)
        r = to_robot(c, robots, i, event, kind);
    json_decref(event);
    return r;
}

static int read_batch(struct call *c, int64_t *ret_after, int64_t *ret_head, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a)), *b = arena_alloc(c->arena, sizeof(*b));
    struct db_call cursor = {.stmt = read_cursor, .args = a}, events = {.stmt = read_events, .args = b};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    r = call_read(c, &cursor, 1);
    if (r < 0)
        return r;
    *ret_after = db_rows_count(cursor.rows) ? db_get_int(cursor.rows, 0, 0) : 0;
    *ret_head = db_rows_count(cursor.rows) ? db_get_int(cursor.rows, 0, 1) : 0;
    db_args_reset(b);
    db_arg_int(b, c->tenant->id);
    db_arg_int(b, *ret_after);
    db_arg_int(b, BATCH);
    r = call_read(c, &events, 1);
    *ret = events.rows;
    return r;
}

static int spread_in(struct call *c)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call robots = {.stmt = read_robots, .args = a};
    const struct db_rows *events;
    int64_t after, head, to;
    int r = read_batch(c, &after, &head, &events), n = r == 0 ? db_rows_count(events) : 0;

    if (r < 0 || (n == 0 && head - after < IDLE_GAP))
        return r;
    to = n ? db_get_int(events, n - 1, 0) : head;
    if (n < BATCH)
        to = MAX(to, head);
    r = call_begin(c);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    if (r == 0)
        r = call_read(c, &robots, 1);
    for (int i = 0; r == 0 && i < n; i++)
        r = spread_one(c, db_get_text(events, i, 1), robots.rows);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_int(a, after);
    db_arg_int(a, to);
    if (r == 0)
        r = db_exec_expect(c->tx, move, a, 1);
    return r < 0 ? r : call_commit(c);
}

int spread_notices(struct db *db, int32_t tenant)
{
    static const struct subject system = {.kind = SUBJECT_SYSTEM};
    struct arena *arena = arena_new();
    struct tenant *t = NULL, *fresh;
    struct call c;
    int r = tenant_get_by_id(db, tenant, &t);

    call_init(&c, db, arena);
    c.who = &system;
    if (r == 0)
        call_use(&c, t);
    for (int i = 0; r == 0 && i < ATTEMPTS; i++) {
        r = spread_in(&c);
        if (r != -EREMCHG)
            break;
        call_rollback(&c);
        if (tenant_refresh(db, tenant, c.seen_epoch, &fresh) < 0)
            break;
        tenant_unref(t);
        t = fresh;
        call_again(&c, t, &system);
        r = 0;
    }
    call_done(&c);
    tenant_unref(t);
    arena_free(arena);
    return r == -ESTALE || r == -EREMCHG ? 0 : r; /* somebody else was faster; again soon */
}
