/* Writing and checking audit rows. */
#include "db/audit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "db/pgarray.h"

static const struct keyring *keys;

static const struct db_stmt insert_row = {"audit.insert",
    "INSERT INTO juxin.audit (tenant_id, id, at, actor_kind, actor_id, action, object_kind, object_id, "
    "unit_id, fields,"
    " request_id, result, key_id, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"};
static const struct db_stmt insert_rows = {"audit.insert_many",
    "INSERT INTO juxin.audit (tenant_id, id, at, actor_kind, actor_id, action, object_kind, object_id, "
    "unit_id, fields, "
    "request_id, result, key_id, mac) SELECT $1, x.id, $2, x.actor_kind, x.actor_id, x.action, "
    "x.object_kind, x.object_id, "
    "x.unit_id, x.fields, x.request_id, x.result, $3, x.mac FROM unnest($4::uuid[], $5::text[], $6::uuid[], "
    "$7::text[], "
    "$8::text[], $9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[]) AS x(id, "
    "actor_kind, actor_id, "
    "action, object_kind, object_id, unit_id, fields, request_id, result, mac) RETURNING 1"};
static const struct db_stmt insert_pendings = {"audit.pending_many",
    "INSERT INTO juxin.audit_pending (tenant_id, id) SELECT $1, x.id FROM "
    "unnest($2::uuid[]) AS x(id) RETURNING 1"};
static const struct db_stmt insert_pending = {
    "audit.pending", "INSERT INTO juxin.audit_pending (tenant_id, id) VALUES ($1, $2)"};

void audit_set_keys(const struct keyring *k)
{
    keys = k;
}

/* Length before value, so that no two rows have the same bytes. */
static void add(struct buf *out, struct text value)
{
    buf_addf(out, "%zu:", value.len);
    buf_add_text(out, value);
    buf_addc(out, ',');
}

static struct text or_empty(const char *s)
{
    return s ? text_of(s) : TEXT("");
}

static void add_number(struct buf *out, int64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)n);
    add(out, text_of(text));
}

static void add_id(struct buf *out, struct uuid id)
{
    struct uuid_text t = uuid_format(id);

    add(out, uuid_is_nil(id) ? TEXT("") : text_of(t.s));
}

static int entry_mac(
    const struct audit_entry *e, int32_t tenant, struct uuid id, int64_t at, struct sha256_text *ret)
{
    struct buf data CLEANUP(buf_done) = BUF_INIT;
    struct sha256 mac;
    int r;

    add_number(&data, tenant);
    add_id(&data, id);
    add_number(&data, at);
    add(&data, or_empty(e->actor_kind));
    add_id(&data, e->actor);
    add(&data, or_empty(e->action));
    add(&data, or_empty(e->object_kind));
    add_id(&data, e->object);
    add_id(&data, e->unit);
    add(&data, or_empty(e->fields));
    add(&data, or_empty(e->request_id));
    add(&data, e->result ? text_of(e->result) : TEXT("ok"));
    add(&data, text_of(keyring_current(keys)));
    r = keyring_mac(keys, keyring_current(keys), "audit", buf_text(&data), &mac);
    if (r == 0)
        *ret = sha256_format(&mac);
    return r;
}

int audit_add(struct db_tx *tx, const struct audit_entry *e)
{
    struct db_args row, pending;
    struct db_call calls[] = {{.stmt = insert_row, .args = &row}, {.stmt = insert_pending, .args = &pending}};
    int32_t tenant = db_tx_tenant(tx);
    struct uuid id = uuid_new();
    int64_t at = clock_agreed_us();
    struct sha256_text mac;
    int r = keys ? entry_mac(e, tenant, id, at, &mac) : -ENOKEY;

    if (r < 0)
        return r;
    db_args_reset(&row);
    db_arg_int(&row, tenant);
    db_arg_uuid(&row, id);
    db_arg_time(&row, at);
    db_arg_str(&row, e->actor_kind ? e->actor_kind : "");
    db_arg_uuid_or_null(&row, e->actor);
    db_arg_str(&row, e->action);
    db_arg_str(&row, e->object_kind ? e->object_kind : "");
    db_arg_uuid_or_null(&row, e->object);
    db_arg_uuid_or_null(&row, e->unit);
    db_arg_str(&row, e->fields ? e->fields : "");
    db_arg_str(&row, e->request_id ? e->request_id : "");
    db_arg_str(&row, e->result ? e->result : "ok");
    db_arg_str(&row, keyring_current(keys));
    db_arg_str(&row, mac.s);
    db_args_reset(&pending);
    db_arg_int(&pending, tenant);
    db_arg_uuid(&pending, id);
    r = db_exec_many(tx, calls, ARRAY_LEN(calls));
    db_calls_done(calls, ARRAY_LEN(calls));
    return r;
}

enum list {
    LIST_ID,
    LIST_KIND,
    LIST_ACTOR,
    LIST_ACTION,
    LIST_OBJECT_KIND,
    LIST_OBJECT,
    LIST_UNIT,
    LIST_FIELDS,
    LIST_REQUEST,
    LIST_RESULT,
    LIST_MAC,
    LISTS
};

static void add_row(struct pgarray lists[LISTS], const struct audit_entry *e, struct uuid id, const char *mac)
{
    pgarray_uuid(&lists[LIST_ID], id);
    pgarray_str(&lists[LIST_KIND], e->actor_kind ? e->actor_kind : "");
    pgarray_uuid(&lists[LIST_ACTOR], e->actor);
    pgarray_str(&lists[LIST_ACTION], e->action);
    pgarray_str(&lists[LIST_OBJECT_KIND], e->object_kind ? e->object_kind : "");
    pgarray_uuid(&lists[LIST_OBJECT], e->object);
    pgarray_uuid(&lists[LIST_UNIT], e->unit);
    pgarray_str(&lists[LIST_FIELDS], e->fields ? e->fields : "");
    pgarray_str(&lists[LIST_REQUEST], e->request_id ? e->request_id : "");
    pgarray_str(&lists[LIST_RESULT], e->result ? e->result : "ok");
    pgarray_str(&lists[LIST_MAC], mac);
}

static int send_many(struct db_tx *tx, struct pgarray lists[LISTS], int64_t at, size_t count)
{
    struct db_args rows, pending;
    int r;

    db_args_reset(&rows);
    db_arg_int(&rows, db_tx_tenant(tx));
    db_arg_time(&rows, at);
    db_arg_str(&rows, keyring_current(keys));
    for (int i = 0; i < LISTS; i++)
        db_arg_str(&rows, pgarray_end(&lists[i]));
    db_args_reset(&pending);
    db_arg_int(&pending, db_tx_tenant(tx));
    db_arg_str(&pending, buf_str(&lists[LIST_ID].b)); /* closed above */
    r = db_post(tx, insert_rows, &rows, count);
    return r < 0 ? r : db_post(tx, insert_pendings, &pending, count);
}

int audit_add_many(struct db_tx *tx, const struct audit_entry *entries, size_t count)
{
    struct pgarray lists[LISTS] = {0};
    int64_t at = clock_agreed_us();
    int r = keys ? 0 : -ENOKEY;

    for (size_t i = 0; i < count && r == 0; i++) {
        struct uuid id = uuid_new();
        struct sha256_text mac;

        r = entry_mac(&entries[i], db_tx_tenant(tx), id, at, &mac);
        if (r == 0)
            add_row(lists, &entries[i], id, mac.s);
    }
    if (r == 0 && count)
        r = send_many(tx, lists, at, count);
    for (int i = 0; i < LISTS; i++)
        pgarray_done(&lists[i]);
    return r;
}

int audit_check_row(const struct keyring *k, int32_t tenant, const struct db_rows *rows, int row, int at)
{
    struct buf data CLEANUP(buf_done) = BUF_INIT;
    struct sha256 mac, stored;
    int r;

    add_number(&data, tenant);
    for (int c = AUDIT_ID; c <= AUDIT_KEY; c++) {
        struct text value = db_get_text(rows, row, at + c);

        if (c == AUDIT_AT)
            add_number(&data, db_get_time(rows, row, at + c));
        else
            add(&data, value.ptr ? value : TEXT(""));
    }
    if (!db_get(rows, row, at + AUDIT_KEY) ||
        hex_parse(db_get_text(rows, row, at + AUDIT_MAC), stored.b, SHA256_LEN) < 0)
        return -EBADMSG;
    r = keyring_mac(k, db_get(rows, row, at + AUDIT_KEY), "audit", buf_text(&data), &mac);
    if (r < 0)
        return r;
    return secret_eq(mac.b, stored.b, SHA256_LEN) ? 0 : -EBADMSG;
}
