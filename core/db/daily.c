/* Making and checking daily digests. */
#include "db/daily.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define TITLE "juxin audit digest 1"

static const struct db_stmt last_seal = {
    "daily.last_seal", "SELECT n, head FROM juxin.audit_seal WHERE tenant_id = $1 ORDER BY n DESC LIMIT 1"};
static const struct db_stmt one_seal = {
    "daily.one_seal", "SELECT head FROM juxin.audit_seal WHERE tenant_id = $1 AND n = $2"};
static const struct db_stmt find = {"daily.find", "SELECT document FROM juxin.audit_digest WHERE day = $1"};
static const struct db_stmt store = {"daily.store",
    "INSERT INTO juxin.audit_digest (day, document) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING"};

static int find_stored(struct db *db, int32_t day, struct buf *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_date(&a, day);
    r = db_read(db, 0, &call, 1, NULL, NULL);
    if (r == 0 && db_rows_count(call.rows) > 0)
        buf_add_text(ret, db_get_text(call.rows, 0, 0));
    db_calls_done(&call, 1);
    return r;
}

static int add_tenant(struct db *db, int32_t tenant, struct buf *out)
{
    struct db_args a;
    struct db_call call = {.stmt = last_seal, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    r = db_read(db, tenant, &call, 1, NULL, NULL);
    if (r == 0 && db_rows_count(call.rows) > 0)
        buf_addf(out, "%d %s %s\n", tenant, db_get(call.rows, 0, 0), db_get(call.rows, 0, 1));
    db_calls_done(&call, 1);
    return r;
}

static int sign(const struct keyring *k, struct buf *out)
{
    uint8_t public_key[KEY_PUBLIC_LEN], signature[KEY_SIGNATURE_LEN];
    int r = keyring_public(k, keyring_current(k), "digest", public_key);

    if (r < 0)
        return r;
    buf_addf(out, "key %s\npublic ", keyring_current(k));
    base64url_add(out, public_key, sizeof(public_key));
    buf_addc(out, '\n');
    r = keyring_sign(k, keyring_current(k), "digest", buf_text(out), signature);
    if (r < 0)
        return r;
    buf_adds(out, "signature ");
    base64url_add(out, signature, sizeof(signature));
    buf_addc(out, '\n');
    return 0;
}

static int store_new(struct db *db, int32_t day, const struct buf *document, bool *ret_stored)
{
    struct db_rows *rows = NULL;
    struct db_args a;
    struct db_tx *tx;
    int r = db_begin(db, 0, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_date(&a, day);
    db_arg_str(&a, buf_str(document));
    r = db_exec(tx, store, &a, &rows);
    *ret_stored = r == 0 && db_rows_affected(rows) == 1;
    db_rows_free(rows);
    if (r == 0)
        return db_commit(tx);
    db_rollback(tx);
    return r;
}

int daily_digest(struct db *db, const int32_t *tenants, size_t count, int32_t day, const struct keyring *k,
    struct buf *ret, bool *ret_is_new)
{
    struct buf document CLEANUP(buf_done) = BUF_INIT;
    bool stored = false;
    int r = find_stored(db, day, &document);

    if (r == 0 && document.len == 0) {
        buf_addf(&document, TITLE "\n%s\n", date_format(day).s);
        for (size_t i = 0; r == 0 && i < count; i++)
            r = add_tenant(db, tenants[i], &document);
        if (r == 0)
            r = sign(k, &document);
        if (r == 0)
            r = store_new(db, day, &document, &stored);
        if (r == 0 && !stored) { /* another server was faster */
            buf_clear(&document);
            r = find_stored(db, day, &document);
        }
    }
    if (r < 0)
        return r;
    buf_add_text(ret, buf_text(&document));
    *ret_is_new = stored;
    return 0;
}

int daily_write(const char *path, struct text document)
{
    return access(path, F_OK) == 0 ? 0 : file_replace(path, document, 0640);
}

/* "word rest" */
static bool take_word(struct text line, const char *word, struct text *ret)
{
    if (!text_has_prefix(line, word) || line.len <= strlen(word) || line.ptr[strlen(word)] != ' ')
        return false;
    *ret = text_skip(line, strlen(word) + 1);
    return true;
}

static int check_signature(const struct keyring *k, struct text signed_part, struct text id,
    struct text public_key, struct text signature)
{
    struct buf public_raw CLEANUP(buf_done) = BUF_INIT, raw CLEANUP(buf_done) = BUF_INIT;
    uint8_t expected[KEY_PUBLIC_LEN];
    char name[KEY_ID_MAX + 1];
    int r;

    if (id.len > KEY_ID_MAX || base64url_parse(public_key, &public_raw) < 0 ||
        base64url_parse(signature, &raw) < 0 || public_raw.len != KEY_PUBLIC_LEN ||
        raw.len != KEY_SIGNATURE_LEN)
        return -EINVAL;
    snprintf(name, sizeof(name), "%.*s", (int)id.len, id.ptr);
    r = keyring_public(k, name, "digest", expected);
    if (r < 0)
        return r;
    if (!secret_eq(expected, public_raw.data, KEY_PUBLIC_LEN))
        return -EBADMSG;
    return key_verify((const uint8_t *)public_raw.data, signed_part, (const uint8_t *)raw.data) ? 0
                                                                                                : -EBADMSG;
}

static int compare_line(struct db *db, struct text line, struct daily_check *check)
{
    struct text rest = line, tenant_text = text_split(&rest, ' '), n_text = text_split(&rest, ' ');
    int64_t tenant, n;
    struct db_args a;
    struct db_call call = {.stmt = one_seal, .args = &a};
    bool same;
    int r;

    if (text_to_i64(tenant_text, 0, INT32_MAX, &tenant) < 0 || text_to_i64(n_text, 1, INT64_MAX, &n) < 0)
        return -EINVAL;
    db_args_reset(&a);
    db_arg_int(&a, tenant);
    db_arg_int(&a, n);
    r = db_read(db, (int32_t)tenant, &call, 1, NULL, NULL);
    if (r < 0)
        return r;
    same = db_rows_count(call.rows) == 1 && text_eq(db_get_text(call.rows, 0, 0), rest);
    db_calls_done(&call, 1);
    check->checked++;
    check->faults += !same;
    if (!same && check->missing)
        check->missing(check->arg, (int32_t)tenant, n);
    return 0;
}

int daily_compare(struct db *db, struct text document, const struct keyring *k, struct daily_check *check)
{
    struct text rest = document, line, id = {NULL, 0}, public_key = {NULL, 0}, signature = {NULL, 0};
    int32_t day;
    int r = 0;

    check->checked = check->faults = 0;
    if (!text_is(text_split(&rest, '\n'), TITLE) || date_parse(text_split(&rest, '\n'), &day) < 0)
        return -EINVAL;
    for (struct text at = rest; at.ptr && !signature.ptr;) {
        line = text_split(&at, '\n');
        if (take_word(line, "signature", &signature))
            r = check_signature(
                k, (struct text){document.ptr, (size_t)(line.ptr - document.ptr)}, id, public_key, signature);
        else if (!take_word(line, "key", &id))
            take_word(line, "public", &public_key);
    }
    if (r < 0 || !signature.ptr)
        return r < 0 ? r : -EINVAL;
    while (r == 0 && rest.ptr) {
        line = text_split(&rest, '\n');
        if (text_has_prefix(line, "key "))
            break;
        r = compare_line(db, line, check);
    }
    return r;
}
