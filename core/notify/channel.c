/* Channels: made, changed, removed, opened. */
#include "notify/channel.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "base/clock.h"
#include "db/cipher.h"
#include "notify/kinds.h"

#define CONFIG_MAX 16384 /* bytes */
#define RATE_MAX 6000
#define RECEIVER_RATE 10
#define SECRETS_MAX 20

static const struct db_stmt count_all = {
    "channel.count", "SELECT count(*) FROM juxin.channel WHERE tenant_id = $1"};
static const struct db_stmt insert = {"channel.insert",
    "INSERT INTO juxin.channel (tenant_id, id, name, kind, unit_id, state, config, secrets, rate_per_minute,"
    " receiver_per_hour, version, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'off', $6, "
    "$7, $8,"
    " $9, 1, $10, $11::timestamptz, $11::timestamptz)"};
static const struct db_stmt find = {
    "channel.find", "SELECT " CHANNEL_COLUMNS " FROM juxin.channel h WHERE h.tenant_id = $1 AND h.id = $2"};
static const struct db_stmt others_off = {"channel.others_off",
    "UPDATE juxin.channel SET state = 'off', version = version + 1, updated_at = $4::timestamptz"
    " WHERE tenant_id = $1 AND id <> $2 AND kind = $3 AND state = 'on'"};
/* What is told from now on becomes messages, not what was. */
static const struct db_stmt begin_cursor = {"channel.begin_cursor",
    "INSERT INTO juxin.channel_cursor (tenant_id, after_seq) SELECT $1, coalesce((SELECT h.n FROM "
    "juxin.event_head h WHERE h.tenant_id ="
    " $1), 0) ON CONFLICT (tenant_id) DO NOTHING"};
static const struct db_stmt update = {"channel.update",
    "UPDATE juxin.channel SET name = $4, config = $5, secrets = $6, unit_id = $7, rate_per_minute = $8,"
    " receiver_per_hour = $9, state = $10, reason = NULL, blocked_until = NULL, failing_since = NULL,"
    " version = version + 1, updated_at = $11::timestamptz WHERE tenant_id = $1 AND id = $2 AND version = "
    "$3"};
static const struct db_stmt drop_messages = {
    "channel.drop_messages", "DELETE FROM juxin.message WHERE tenant_id = $1 AND channel_id = $2"};
static const struct db_stmt drop_buckets = {
    "channel.drop_buckets", "DELETE FROM juxin.channel_bucket WHERE tenant_id = $1 AND channel_id = $2"};
static const struct db_stmt drop_token = {
    "channel.drop_token", "DELETE FROM juxin.channel_token WHERE tenant_id = $1 AND channel_id = $2"};
static const struct db_stmt drop = {
    "channel.drop", "DELETE FROM juxin.channel WHERE tenant_id = $1 AND id = $2"};

static const struct channel_kind *const kinds[] = {&channel_sms, &channel_email, &channel_wecom_robot,
    &channel_wecom_app, &channel_dingtalk, &channel_wechat};

const struct channel_kind *channel_kind_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(name, kinds[i]->name) == 0)
            return kinds[i];
    return NULL;
}

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

bool channel_may_manage(const struct call *c, struct uuid unit)
{
    uint32_t at = tree_find(c->tenant->tree, unit);

    return at != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_CHANNEL_MANAGE), at);
}

/* ---- JSON and secrets ---- */

static void free_json(void *value)
{
    json_decref(value);
}

static int parse(struct call *c, struct text in, const json_t **ret)
{
    json_t *value;
    int r = json_parse(in, JSON_LIMITS, &value, NULL);

    if (r < 0 || !json_is_object(value))
        return r < 0 ? r : -EINVAL;
    arena_defer(c->arena, free_json, value);
    *ret = value;
    return 0;
}

static const char *dump(struct call *c, const json_t *value)
{
    char *s = json_dumps(value, JSON_COMPACT);
    const char *out = s ? arena_dup(c->arena, s) : NULL;

    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
    return out;
}

static struct text binding(struct call *c, struct uuid id)
{
    return text_of(arena_printf(c->arena, "%d|channel|%s|secrets", c->tenant->id, uuid_format(id).s));
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    buf_done(b);
}

static int open_secrets(struct call *c, struct uuid id, const char *sealed, const json_t **ret)
{
    CLEANUP(wipe) struct buf plain = BUF_INIT;
    int r = sealed ? cipher_open(text_of(sealed), binding(c, id), &plain) : 0;

    if (r < 0)
        return r;
    return parse(c, sealed ? buf_text(&plain) : TEXT("{}"), ret);
}

static int seal_secrets(struct call *c, struct uuid id, const json_t *secrets, const char **ret)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT;
    const char *plain = dump(c, secrets);
    int r = plain ? cipher_seal(text_of(plain), binding(c, id), &sealed) : -ENOMEM;

    if (r == 0)
        *ret = arena_dup(c->arena, buf_str(&sealed));
    return r;
}

int channel_of(struct call *c, const struct db_rows *rows, int row, struct channel *ret)
{
    int r;

    *ret = (struct channel){.id = db_get_uuid(rows, row, 0),
        .tenant = c->tenant->id,
        .name = db_get(rows, row, 1),
        .kind = channel_kind_find(db_get(rows, row, 2)),
        .unit = db_get_uuid(rows, row, 3),
        .state = db_get(rows, row, 4),
        .rate_per_minute = db_get_int(rows, row, 8),
        .receiver_per_hour = db_get_int(rows, row, 9),
        .version = db_get_int(rows, row, 12),
        .created_by = db_get_uuid(rows, row, 13)};
    r = ret->kind ? parse(c, db_get_text(rows, row, 6), &ret->config) : -ENOTSUP;
    return r < 0 ? r : open_secrets(c, ret->id, db_get(rows, row, 7), &ret->secrets);
}

/* ---- input ---- */

static void check_common(struct call *c, const struct channel *ch)
{
    const char *config = dump(c, ch->config), *key;
    json_t *value;

    if (!ch->name[0] || text_chars(text_of(ch->name)) > 100)
        (void)call_fail_at(c, "/name", "text", "1 to 100 characters.", "1 至 100 个字符。");
    if (!config || strlen(config) > CONFIG_MAX)
        (void)call_fail_at(c, "/config", "too_long", "At most 16 KiB.", "最多 16 KiB。");
    if (ch->rate_per_minute < 1 || ch->rate_per_minute > RATE_MAX)
        (void)call_fail_at(c, "/rate_per_minute", "range", "1 to 6000.", "应为 1 至 6000。");
    if (ch->receiver_per_hour < 1 || ch->receiver_per_hour > RATE_MAX)
        (void)call_fail_at(c, "/receiver_per_hour", "range", "1 to 6000.", "应为 1 至 6000。");
    if (json_object_size(ch->secrets) > SECRETS_MAX)
        (void)call_fail_at(c, "/secrets", "too_many", "At most 20.", "最多 20 项。");
    json_object_foreach((json_t *)ch->secrets, key, value)
    {
        if (!json_is_string(value) || json_string_length(value) > 1000)
            (void)call_fail_at(c, arena_printf(c->arena, "/secrets%s", json_pointer(c->arena, key)), "type",
                "A text of at most 1000 bytes.", "应为不超过 1000 字节的文本。");
    }
    if (!ch->kind->is_robot && !uuid_eq(ch->unit, tree_unit(c->tenant->tree, 0).id))
        (void)call_fail_at(c, "/unit", "root_only", "A channel that reaches single people is the root's.",
            "面向个人的消息通道只能设在区县本级。");
}

/* The settings as they are with what the input changes. Secrets stay with the address they were given for: who may change settings
 * has never seen them, and does not get to by sending them somewhere else. */
static int apply(struct call *c, const struct channel_input *in, struct channel *ch)
{
    bool is_moved = in->config && ch->config &&
                    !json_equal(json_object_get(in->config, "url"), json_object_get(ch->config, "url"));
    json_t *secrets = is_moved ? json_object() : json_copy((json_t *)ch->secrets), *value;
    const char *key;

    if (!secrets)
        return -ENOMEM;
    arena_defer(c->arena, free_json, secrets);
    if (in->secrets) {
        json_object_foreach((json_t *)in->secrets, key, value)
        {
            if (json_is_null(value))
                json_object_del(secrets, key);
            else
                json_object_set(secrets, key, value);
        }
    }
    ch->secrets = secrets;
    ch->config = in->config ? in->config : ch->config;
    ch->name = in->name ? in->name : ch->name;
    if (in->unit != TREE_NONE)
        ch->unit = tree_unit(c->tenant->tree, in->unit).id;
    ch->rate_per_minute = in->rate_per_minute ? in->rate_per_minute : ch->rate_per_minute;
    ch->receiver_per_hour = in->receiver_per_hour ? in->receiver_per_hour : ch->receiver_per_hour;
    if (in->has_active)
        ch->state = in->is_active ? "on" : "off";
    check_common(c, ch);
    if (!c->fault.status)
        ch->kind->check(c, ch);
    return c->fault.status ? -EINVAL : 0;
}

/* ---- services ---- */

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

static int write_new(struct call *c, const struct channel *ch, const char *sealed)
{
    struct db_args a;

    key_args(&a, c, ch->id);
    db_arg_str(&a, ch->name);
    db_arg_str(&a, ch->kind->name);
    db_arg_uuid(&a, ch->unit);
    db_arg_str(&a, dump(c, ch->config));
    db_arg_str(&a, sealed);
    db_arg_int(&a, ch->rate_per_minute);
    db_arg_int(&a, ch->receiver_per_hour);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, insert, &a, 1);
}

int channel_create(struct call *c, const struct channel_input *in, struct uuid *ret_id)
{
    const struct channel_kind *kind = channel_kind_find(in->kind);
    struct channel ch = {.id = uuid_new(), .kind = kind, .state = "off", .tenant = c->tenant->id};
    const char *sealed = NULL;
    int64_t n = 0;
    int r;

    if (!kind)
        return call_fail_at(c, "/kind", "not_one_of",
            "sms, email, wecom_robot, wecom_app, dingtalk_robot or wechat.",
            "应为 sms、email、wecom_robot、wecom_app、dingtalk_robot 或 wechat。");
    ch.unit = tree_unit(c->tenant->tree, 0).id;
    ch.rate_per_minute = kind->rate_per_minute;
    ch.receiver_per_hour = RECEIVER_RATE;
    r = parse(c, TEXT("{}"), &ch.secrets);
    if (r == 0)
        r = apply(c, in, &ch);
    if (r == 0)
        r = seal_secrets(c, ch.id, ch.secrets, &sealed);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = count(c, &n);
    if (r == 0 && n >= CHANNELS_MAX)
        return call_fail(c, 409, "too_many", "There are 50 channels already.", "消息通道已达 50 个上限。");
    if (r == 0)
        r = write_new(c, &ch, sealed);
    if (r == 0)
        r = call_audit(c, "channel.create", "channel", ch.id, ch.unit, "name,kind,unit,config,secrets");
    *ret_id = ch.id;
    c->result_status = 201;
    c->result_id = ch.id;
    c->result_version = 1;
    return r;
}

int channel_find(struct call *c, struct uuid id, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r;

    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0 || !channel_may_manage(c, db_get_uuid(call.rows, 0, 3)))
        return call_not_found(c);
    *ret = call.rows;
    return 0;
}

static int write_changed(struct call *c, const struct channel *ch, int64_t version, const char *sealed)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    r = db_exec(c->tx, begin_cursor, &a, NULL);
    if (r == 0 && !ch->kind->is_robot && strcmp(ch->state, "on") == 0) {
        key_args(&a, c, ch->id);
        db_arg_str(&a, ch->kind->name);
        db_arg_time(&a, c->now_us);
        r = db_exec(c->tx, others_off, &a, NULL);
    }
    key_args(&a, c, ch->id);
    db_arg_int(&a, version);
    db_arg_str(&a, ch->name);
    db_arg_str(&a, dump(c, ch->config));
    db_arg_str(&a, sealed);
    db_arg_uuid(&a, ch->unit);
    db_arg_int(&a, ch->rate_per_minute);
    db_arg_int(&a, ch->receiver_per_hour);
    db_arg_str(&a, ch->state);
    db_arg_time(&a, c->now_us);
    return r < 0 ? r : db_exec_expect(c->tx, update, &a, 1);
}

int channel_update(
    struct call *c, struct uuid id, int64_t version, const struct channel_input *in, int64_t *ret_version)
{
    const struct db_rows *rows;
    const char *sealed = NULL;
    struct channel ch;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = channel_find(c, id, &rows);
    if (r == 0)
        r = channel_of(c, rows, 0, &ch);
    if (r == 0)
        r = apply(c, in, &ch);
    if (r == 0)
        r = seal_secrets(c, id, ch.secrets, &sealed);
    if (r == 0)
        r = write_changed(c, &ch, version, sealed);
    if (r == -ESTALE)
        return call_fail(
            c, 412, "stale", "This is not the current version. Read it again.", "版本已变化，请重新读取。");
    if (r == 0)
        r = call_audit(c, "channel.update", "channel", id, ch.unit, in->secrets ? "secrets" : NULL);
    *ret_version = c->result_version = version + 1;
    c->result_status = 200;
    c->result_id = id;
    return r;
}

int channel_delete(struct call *c, struct uuid id)
{
    const struct db_rows *rows;
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = channel_find(c, id, &rows);
    if (r < 0)
        return r;
    key_args(&a, c, id);
    r = db_exec(c->tx, drop_messages, &a, NULL);
    if (r == 0)
        r = db_exec(c->tx, drop_buckets, &a, NULL);
    if (r == 0)
        r = db_exec(c->tx, drop_token, &a, NULL);
    if (r == 0)
        r = db_exec_expect(c->tx, drop, &a, 1);
    if (r == 0)
        r = call_audit(c, "channel.delete", "channel", id, db_get_uuid(rows, 0, 3), NULL);
    c->result_status = 204;
    return r;
}

/* ---- writing ---- */

static void time_or_null(struct jsonw *w, const char *key, const struct db_rows *rows, int row, int column)
{
    jsonw_kstr(w, key, db_get(rows, row, column) ? clock_format(db_get_time(rows, row, column)).s : NULL);
}

int channel_write(struct call *c, struct jsonw *w, const struct db_rows *rows, int row)
{
    struct channel ch;
    const char *key;
    json_t *value;
    int r = channel_of(c, rows, row, &ch);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "name", ch.name);
    jsonw_kstr(w, "kind", ch.kind->name);
    jsonw_kstr(w, "unit", db_get(rows, row, 3));
    jsonw_kstr(w, "state", ch.state);
    jsonw_kstr(w, "reason", db_get(rows, row, 5));
    jsonw_key(w, "config");
    jsonw_value(w, ch.config);
    jsonw_key(w, "secrets");
    jsonw_array(w);
    json_object_foreach((json_t *)ch.secrets, key, value) jsonw_str(w, key);
    jsonw_array_end(w);
    jsonw_kint(w, "rate_per_minute", ch.rate_per_minute);
    jsonw_kint(w, "receiver_per_hour", ch.receiver_per_hour);
    time_or_null(w, "blocked_until", rows, row, 10);
    time_or_null(w, "failing_since", rows, row, 11);
    jsonw_kint(w, "version", ch.version);
    jsonw_kstr(w, "created_by", db_get(rows, row, 13));
    time_or_null(w, "created_at", rows, row, 14);
    time_or_null(w, "updated_at", rows, row, 15);
    jsonw_object_end(w);
    return 0;
}
