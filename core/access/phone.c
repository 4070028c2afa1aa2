/* Phone numbers. */
#include "access/phone.h"

#include <errno.h>

#include "base/log.h"
#include "db/cipher.h"

#define SECRET "phone"

static phone_send_fn *sender;

static const struct db_stmt read_secret = {
    "phone.secret", "SELECT sealed FROM juxin.tenant_key WHERE tenant_id = $1 AND name = $2"};
static const struct db_stmt add_secret = {"phone.add_secret",
    "INSERT INTO juxin.tenant_key (tenant_id, name, sealed, created_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, name) DO NOTHING"};

/* ---- numbers ---- */

static bool is_digits(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.ptr[i] < '0' || t.ptr[i] > '9')
            return false;
    return true;
}

static bool is_mainland(struct text t)
{
    return t.len == 11 && t.ptr[0] == '1' && t.ptr[1] >= '3' && is_digits(t);
}

int phone_parse(struct text t, struct phone *ret)
{
    struct text rest;
    char digits[24];
    size_t n = 0;

    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] == ' ' || t.ptr[i] == '-')
            continue;
        if (n == sizeof(digits) - 1)
            return -EINVAL;
        digits[n++] = t.ptr[i];
    }
    rest = (struct text){digits, n};
    if (text_has_prefix(rest, "+86") && is_mainland(text_skip(rest, 3)))
        rest = text_skip(rest, 3);
    if (!is_mainland(rest)) {
        if (!text_has_prefix(rest, "+") || rest.len < 8 || rest.len > 16 || rest.ptr[1] == '0' ||
            text_has_prefix(rest, "+86") || !is_digits(text_skip(rest, 1)))
            return -EINVAL;
    }
    memcpy(ret->s, rest.ptr, rest.len);
    ret->s[rest.len] = '\0';
    return 0;
}

const char *phone_masked(struct arena *a, const char *phone)
{
    size_t len = strlen(phone);

    return len < 8 ? "****" : arena_printf(a, "%.3s****%s", phone, phone + len - 4);
}

/* ---- sealed ---- */

static int no_key(struct call *c, const char *what, int error)
{
    log_event(LOG_ERROR, "phone.not_readable", LF_INT("tenant", c->tenant->id), LF_STR("what", what),
        LF_ERR(error));
    return call_fail(c, 503, "not_readable", "A sensitive value cannot be sealed or opened now.",
        "敏感信息暂时无法加密或解密。");
}

static struct text binding(struct call *c, const char *what, struct uuid id)
{
    return text_of(arena_printf(c->arena, "%d|%s|%s", c->tenant->id, what, uuid_format(id).s));
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    buf_done(b);
}

int phone_seal(struct call *c, const char *what, struct uuid id, const char *plain, const char **ret)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT;
    int r = cipher_seal(text_of(plain), binding(c, what, id), &sealed);

    if (r < 0)
        return no_key(c, what, r);
    *ret = arena_dup(c->arena, buf_str(&sealed));
    return 0;
}

int phone_open(struct call *c, const char *what, struct uuid id, const char *sealed, const char **ret)
{
    CLEANUP(wipe) struct buf plain = BUF_INIT;
    int r = cipher_open(text_of(sealed), binding(c, what, id), &plain);

    if (r < 0)
        return no_key(c, what, r);
    *ret = arena_dup(c->arena, buf_str(&plain));
    return 0;
}

/* ---- the tenant's secret ---- */

static int find_secret(struct call *c, const char **ret)
{
    struct db_args a;
    struct db_call call = {.stmt = read_secret, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, SECRET);
    r = call_read(c, &call, 1);
    *ret = r == 0 && db_rows_count(call.rows) ? db_get(call.rows, 0, 0) : NULL;
    return r;
}

/* In a unit of work of its own where none is open: it holds whatever becomes of the call. Who comes second finds the first's. */
static int write_secret(struct call *c, const char *sealed)
{
    struct db_tx *tx = c->tx;
    struct db_args a;
    int r = tx ? 0 : db_begin(c->db, c->tenant->id, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, SECRET);
    db_arg_str(&a, sealed);
    db_arg_time(&a, c->now_us);
    r = db_exec(tx, add_secret, &a, NULL);
    if (c->tx)
        return r;
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

static int make_secret(struct call *c, const char **ret)
{
    CLEANUP(wipe) struct buf hex = BUF_INIT;
    uint8_t bytes[SHA256_LEN];
    const char *sealed;
    int r;

    random_bytes(bytes, sizeof(bytes));
    hex_add(&hex, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    r = phone_seal(c, "tenant_key." SECRET, UUID_NIL, buf_str(&hex), &sealed);
    if (r == 0)
        r = write_secret(c, sealed);
    return r < 0 ? r : find_secret(c, ret);
}

int phone_mac(struct call *c, const char *phone, const char **ret)
{
    const char *sealed, *secret;
    struct sha256 mac;
    int r = find_secret(c, &sealed);

    if (r == 0 && !sealed)
        r = make_secret(c, &sealed);
    if (r == 0 && !sealed)
        r = -EIO;
    if (r == 0)
        r = phone_open(c, "tenant_key." SECRET, UUID_NIL, sealed, &secret);
    if (r < 0)
        return r;
    mac = hmac_sha256(text_of(secret), text_of(phone));
    *ret = arena_dup(c->arena, sha256_format(&mac).s);
    return 0;
}

/* ---- messages ---- */

void phone_set_sender(phone_send_fn *send)
{
    sender = send;
}

int phone_send(struct call *c, const struct phone_message *m)
{
    if (sender)
        return sender(c, m);
    log_event(LOG_WARN, "phone.no_gateway", LF_INT("tenant", c->tenant->id), LF_STR("kind", m->kind));
    return 0;
}
