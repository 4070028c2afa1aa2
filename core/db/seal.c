/* Ordering and chaining committed audit rows. */
#include "db/seal.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "db/pgarray.h"

static const struct db_stmt last_seal = {
    "seal.last", "SELECT n, head FROM juxin.audit_seal WHERE tenant_id = $1 ORDER BY n DESC LIMIT 1"};
/* Each waiting row is looked up by its key, however little there was when the plan was made: as a plain join it was kept with
 * the whole trail outside, or with every pair compared. In the order of ids, which only the key has: asked for the one that is
 * equal, another index of the tenant was taken and read through for each. */
static const struct db_stmt pending_rows = {"seal.pending",
    "WITH p AS MATERIALIZED (SELECT id FROM juxin.audit_pending WHERE tenant_id = $1 ORDER BY id LIMIT $2"
    " FOR UPDATE SKIP LOCKED) SELECT a.id, a.mac FROM p CROSS JOIN LATERAL"
    " (SELECT x.id, x.mac FROM juxin.audit x WHERE x.tenant_id = $1 AND x.id >= p.id ORDER BY x.id LIMIT 1) a"
    " WHERE a.id = p.id ORDER BY a.id"};
static const struct db_stmt insert_seal = {"seal.insert",
    "INSERT INTO juxin.audit_seal (tenant_id, n, count, first_id, last_id, root, previous, head, at, key_id, "
    "signature)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
static const struct db_stmt insert_members = {"seal.members",
    "INSERT INTO juxin.audit_member (tenant_id, n, position, audit_id)"
    " SELECT $1, $2, x.position, x.id FROM unnest($3::uuid[]) WITH ORDINALITY AS x(id, position) RETURNING "
    "position"};
/* From the first to the last of them: by the list alone all that waits was compared with it. */
static const struct db_stmt delete_pending = {"seal.delete_pending",
    "DELETE FROM juxin.audit_pending WHERE tenant_id = $1 AND id >= $3 AND id <= $4 "
    "AND id = ANY ($2::uuid[])"};
/* Ids are in the order of time. */
static const struct db_stmt tail = {"seal.tail",
    "SELECT (SELECT count(*) FROM juxin.audit_pending WHERE tenant_id = $1), (SELECT a.at FROM"
    " (SELECT id FROM juxin.audit_pending WHERE tenant_id = $1 ORDER BY id LIMIT 1) p CROSS JOIN LATERAL"
    " (SELECT x.at FROM juxin.audit x WHERE x.tenant_id = $1 AND x.id = p.id LIMIT 1) a)"};

static const char no_head[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void to_hex(const struct sha256 *digest, char out[static SEAL_HEX])
{
    memcpy(out, sha256_format(digest).s, SEAL_HEX);
}

struct sha256 seal_leaf(struct uuid id, struct text mac_hex)
{
    struct buf data CLEANUP(buf_done) = BUF_INIT;

    buf_addc(&data, '\0');
    buf_add(&data, id.b, sizeof(id.b));
    buf_add_text(&data, mac_hex);
    return sha256_of(buf_text(&data));
}

struct sha256 seal_root(struct sha256 *leaves, size_t count)
{
    struct {
        char one;
        struct sha256 pair[2];
    } node = {.one = 1};

    if (count == 0)
        return sha256_of(TEXT(""));
    while (count > 1) {
        size_t next = 0;

        for (size_t i = 0; i + 1 < count; i += 2) {
            node.pair[0] = leaves[i];
            node.pair[1] = leaves[i + 1];
            leaves[next++] = sha256_of((struct text){(const char *)&node, sizeof(node)});
        }
        if (count % 2)
            leaves[next++] = leaves[count - 1];
        count = next;
    }
    return leaves[0];
}

void seal_head(const struct seal_fields *f, char out[static SEAL_HEX])
{
    struct buf data CLEANUP(buf_done) = BUF_INIT;
    struct sha256 digest;

    buf_addf(&data, "juxin seal 1\n%d\n%lld\n%lld\n%lld\n", f->tenant, (long long)f->n, (long long)f->at_us,
        (long long)f->count);
    buf_addf(
        &data, "%.*s\n%.*s\n", (int)f->first_id.len, f->first_id.ptr, (int)f->last_id.len, f->last_id.ptr);
    buf_addf(&data, "%.*s\n%.*s\n", (int)f->root.len, f->root.ptr, (int)f->previous.len, f->previous.ptr);
    buf_addf(&data, "%.*s\n", (int)f->key_id.len, f->key_id.ptr);
    digest = sha256_of(buf_text(&data));
    to_hex(&digest, out);
}

int seal_sign(
    const struct keyring *k, const struct seal_fields *f, const char *head, char out[static SEAL_HEX])
{
    char id[KEY_ID_MAX + 1];
    struct sha256 mac;
    int r;

    if (f->key_id.len > KEY_ID_MAX)
        return -ENOKEY;
    snprintf(id, sizeof(id), "%.*s", (int)f->key_id.len, f->key_id.ptr);
    r = keyring_mac(k, id, "seal", text_of(head), &mac);
    if (r == 0)
        to_hex(&mac, out);
    return r;
}

/* Writes the seal, its members, and takes them off the pending list. */
static int store(struct db_tx *tx, const struct seal_fields *f, const struct db_rows *rows, const char *head,
    const char *signature)
{
    struct pgarray ids CLEANUP(pgarray_done) = PGARRAY_INIT;
    const char *list;
    char root[SEAL_HEX], previous[SEAL_HEX], first[UUID_TEXT_LEN + 1], last[UUID_TEXT_LEN + 1];
    struct db_args a;
    int count = db_rows_count(rows), r;

    snprintf(root, sizeof(root), "%.*s", (int)f->root.len, f->root.ptr);
    snprintf(previous, sizeof(previous), "%.*s", (int)f->previous.len, f->previous.ptr);
    snprintf(first, sizeof(first), "%s", db_get(rows, 0, 0));
    snprintf(last, sizeof(last), "%s", db_get(rows, count - 1, 0));
    db_args_reset(&a);
    db_arg_int(&a, f->tenant);
    db_arg_int(&a, f->n);
    db_arg_int(&a, count);
    db_arg_str(&a, first);
    db_arg_str(&a, last);
    db_arg_str(&a, root);
    db_arg_str(&a, previous);
    db_arg_str(&a, head);
    db_arg_time(&a, f->at_us);
    db_arg_str(&a, f->key_id.ptr);
    db_arg_str(&a, signature);
    r = db_exec_expect(tx, insert_seal, &a, 1);
    if (r < 0)
        return r;
    for (int i = 0; i < count; i++)
        pgarray_uuid(&ids, db_get_uuid(rows, i, 0));
    list = pgarray_end(&ids);
    db_args_reset(&a);
    db_arg_int(&a, f->tenant);
    db_arg_int(&a, f->n);
    db_arg_str(&a, list);
    r = db_exec_expect(tx, insert_members, &a, (uint64_t)count);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, f->tenant);
    db_arg_str(&a, list);
    db_arg_str(&a, first);
    db_arg_str(&a, last);
    return db_exec_expect(tx, delete_pending, &a, (uint64_t)count);
}

static int seal_in(struct db_tx *tx, int32_t tenant, const struct keyring *k, struct seal *ret)
{
    struct db_rows *before CLEANUP(db_rows_freep) = NULL, *rows CLEANUP(db_rows_freep) = NULL;
    struct seal_fields f = {.tenant = tenant, .at_us = clock_agreed_us()};
    char root[SEAL_HEX], head[SEAL_HEX], signature[SEAL_HEX];
    struct sha256 *leaves, digest;
    struct db_args a;
    int r, count;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    r = db_exec(tx, last_seal, &a, &before);
    if (r < 0)
        return r;
    db_arg_int(&a, SEAL_BATCH_MAX);
    r = db_exec(tx, pending_rows, &a, &rows);
    if (r < 0)
        return r;
    count = db_rows_count(rows);
    *ret = (struct seal){.tenant = tenant};
    if (count == 0)
        return 0;
    leaves = mem_zarray((size_t)count, sizeof(*leaves));
    for (int i = 0; i < count; i++)
        leaves[i] = seal_leaf(db_get_uuid(rows, i, 0), db_get_text(rows, i, 1));
    digest = seal_root(leaves, (size_t)count);
    free(leaves);
    to_hex(&digest, root);
    f.n = db_rows_count(before) ? db_get_int(before, 0, 0) + 1 : 1;
    f.previous = db_rows_count(before) ? db_get_text(before, 0, 1) : text_of(no_head);
    f.count = count;
    f.first_id = db_get_text(rows, 0, 0);
    f.last_id = db_get_text(rows, count - 1, 0);
    f.root = text_of(root);
    f.key_id = text_of(keyring_current(k));
    seal_head(&f, head);
    r = seal_sign(k, &f, head, signature);
    if (r == 0)
        r = store(tx, &f, rows, head, signature);
    if (r < 0)
        return r;
    ret->n = f.n;
    ret->count = (uint32_t)count;
    memcpy(ret->head, head, sizeof(ret->head));
    return 0;
}

int seal_batch(struct db *db, int32_t tenant, const struct keyring *k, struct seal *ret)
{
    struct db_tx *tx;
    struct seal sealed;
    int r = db_begin(db, tenant, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = seal_in(tx, tenant, k, &sealed);
    if (r < 0 || sealed.count == 0)
        db_rollback(tx);
    else
        r = db_commit(tx);
    if (r == 0)
        *ret = sealed;
    return r;
}

int seal_tail(struct db *db, int32_t tenant, uint64_t *ret_rows, int64_t *ret_age_us)
{
    struct db_args a;
    struct db_call call = {.stmt = tail, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, tenant);
    r = db_read(db, tenant, &call, 1, NULL, NULL);
    if (r == 0) {
        *ret_rows = (uint64_t)db_get_int(call.rows, 0, 0);
        *ret_age_us = db_get(call.rows, 0, 1) ? MAX(clock_agreed_us() - db_get_time(call.rows, 0, 1), 0) : 0;
    }
    db_calls_done(&call, 1);
    return r;
}
