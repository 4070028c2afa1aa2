/* Verifying the audit trail: every row's MAC, every batch's root, the chain of heads, and that nothing is missing. */
#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/audit.h"
#include "db/seal.h"

static const struct db_stmt seals = {"verify.seals",
    "SELECT n, count, first_id, last_id, root, previous, head, at, key_id, signature FROM juxin.audit_seal"
    " WHERE tenant_id = $1 AND n > $2 ORDER BY n LIMIT 100"};
static const struct db_stmt members = {"verify.members",
    "SELECT m.audit_id, " AUDIT_COLUMNS
    " FROM juxin.audit_member m LEFT JOIN juxin.audit a ON a.tenant_id = $1"
    " AND a.id = m.audit_id WHERE m.tenant_id = $1 AND m.n = $2 ORDER BY m.position"};
static const struct db_stmt pending = {"verify.pending",
    "SELECT p.id, " AUDIT_COLUMNS " FROM juxin.audit_pending p LEFT JOIN juxin.audit a ON a.tenant_id = $1"
    " AND a.id = p.id WHERE p.tenant_id = $1 AND p.id > $2 ORDER BY p.id LIMIT 1000"};
static const struct db_stmt loose = {"verify.loose",
    "SELECT a.id FROM juxin.audit a WHERE a.tenant_id = $1"
    " AND NOT EXISTS (SELECT FROM juxin.audit_member m WHERE m.tenant_id = $1 AND m.audit_id = a.id)"
    " AND NOT EXISTS (SELECT FROM juxin.audit_pending p WHERE p.tenant_id = $1 AND p.id = a.id)"
    " ORDER BY a.id LIMIT 1000"};
static const struct db_stmt stray_members = {"verify.stray_members",
    "SELECT m.n, m.audit_id FROM juxin.audit_member m WHERE m.tenant_id = $1"
    " AND NOT EXISTS (SELECT FROM juxin.audit_seal s WHERE s.tenant_id = $1 AND s.n = m.n) ORDER BY m.n "
    "LIMIT 1000"};

enum seal_column { S_N, S_COUNT, S_FIRST, S_LAST, S_ROOT, S_PREVIOUS, S_HEAD, S_AT, S_KEY, S_SIGNATURE };

struct run {
    struct db_tx *tx;
    int32_t tenant;
    const struct keyring *k;
    struct verify *v;
    bool head_seen;
};

const char *verify_kind_name(enum verify_kind k)
{
    static const char *const names[] = {"altered", "deleted", "reordered", "seal_altered", "seal_missing",
        "unsealed", "truncated", "unknown_key"};

    return names[k];
}

static void found(struct run *run, enum verify_kind kind, int64_t n, struct uuid id)
{
    run->v->faults++;
    if (run->v->found)
        run->v->found(run->v->arg, kind, n, id);
}

static void check_row(struct run *run, const struct db_rows *rows, int row, int64_t n)
{
    struct uuid id = db_get_uuid(rows, row, 0);
    int r;

    if (!db_get(rows, row, 1 + AUDIT_ID)) {
        found(run, VERIFY_DELETED, n, id);
        return;
    }
    run->v->rows++;
    r = audit_check_row(run->k, run->tenant, rows, row, 1);
    if (r < 0)
        found(run, r == -ENOKEY ? VERIFY_UNKNOWN_KEY : VERIFY_ALTERED, n, id);
}

static int check_members(struct run *run, int64_t n, int64_t count, struct text root)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct sha256 *leaves, digest, stored;
    struct db_args a;
    uint64_t before = run->v->faults;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, run->tenant);
    db_arg_int(&a, n);
    r = db_exec(run->tx, members, &a, &rows);
    if (r < 0)
        return r;
    leaves = mem_zarray((size_t)MAX(db_rows_count(rows), 1), sizeof(*leaves));
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct text mac = db_get_text(rows, i, 1 + AUDIT_MAC);

        check_row(run, rows, i, n);
        leaves[i] = seal_leaf(db_get_uuid(rows, i, 0), mac.ptr ? mac : TEXT(""));
    }
    digest = seal_root(leaves, (size_t)db_rows_count(rows));
    free(leaves);
    if (before == run->v->faults &&
        (db_rows_count(rows) != count || hex_parse(root, stored.b, SHA256_LEN) < 0 ||
            !secret_eq(digest.b, stored.b, SHA256_LEN)))
        found(run, VERIFY_REORDERED, n, UUID_NIL);
    return 0;
}

static int check_seal(struct run *run, const struct db_rows *rows, int row)
{
    struct verify *v = run->v;
    struct seal_fields f = {
        .tenant = run->tenant,
        .n = db_get_int(rows, row, S_N),
        .at_us = db_get_time(rows, row, S_AT),
        .count = db_get_int(rows, row, S_COUNT),
        .first_id = db_get_text(rows, row, S_FIRST),
        .last_id = db_get_text(rows, row, S_LAST),
        .root = db_get_text(rows, row, S_ROOT),
        .previous = db_get_text(rows, row, S_PREVIOUS),
        .key_id = db_get_text(rows, row, S_KEY),
    };
    char head[SEAL_HEX], signature[SEAL_HEX] = "";
    int r;

    seal_head(&f, head);
    r = seal_sign(run->k, &f, head, signature);
    if (r == -ENOKEY)
        found(run, VERIFY_UNKNOWN_KEY, f.n, UUID_NIL);
    else if (!text_is(db_get_text(rows, row, S_HEAD), head) ||
             !text_is(db_get_text(rows, row, S_SIGNATURE), signature))
        found(run, VERIFY_SEAL_ALTERED, f.n, UUID_NIL);
    if (f.n != v->batches + 1 || (v->head[0] && !text_is(f.previous, v->head)))
        found(run, VERIFY_SEAL_MISSING, f.n, UUID_NIL);
    if (v->expect_head && strcmp(v->expect_head, head) == 0)
        run->head_seen = true;
    v->batches = f.n;
    memcpy(v->head, head, sizeof(v->head));
    return check_members(run, f.n, f.count, f.root);
}

static int check_seals(struct run *run)
{
    for (;;) {
        struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
        struct db_args a;
        int r;

        db_args_reset(&a);
        db_arg_int(&a, run->tenant);
        db_arg_int(&a, run->v->batches);
        r = db_exec(run->tx, seals, &a, &rows);
        if (r < 0 || db_rows_count(rows) == 0)
            return r;
        for (int i = 0; i < db_rows_count(rows); i++) {
            r = check_seal(run, rows, i);
            if (r < 0)
                return r;
        }
    }
}

static int check_pending(struct run *run)
{
    struct uuid last = UUID_NIL;

    for (;;) {
        struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
        struct db_args a;
        int r;

        db_args_reset(&a);
        db_arg_int(&a, run->tenant);
        db_arg_uuid(&a, last);
        r = db_exec(run->tx, pending, &a, &rows);
        if (r < 0 || db_rows_count(rows) == 0)
            return r;
        for (int i = 0; i < db_rows_count(rows); i++)
            check_row(run, rows, i, 0);
        run->v->pending += (uint64_t)db_rows_count(rows);
        last = db_get_uuid(rows, db_rows_count(rows) - 1, 0);
    }
}

static int check_loose(struct run *run)
{
    struct db_args a;
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL, *stray CLEANUP(db_rows_freep) = NULL;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, run->tenant);
    r = db_exec(run->tx, loose, &a, &rows);
    for (int i = 0; r == 0 && i < db_rows_count(rows); i++)
        found(run, VERIFY_UNSEALED, 0, db_get_uuid(rows, i, 0));
    if (r == 0)
        r = db_exec(run->tx, stray_members, &a, &stray);
    for (int i = 0; r == 0 && i < db_rows_count(stray); i++)
        found(run, VERIFY_SEAL_MISSING, db_get_int(stray, i, 0), db_get_uuid(stray, i, 1));
    return r;
}

int seal_verify(struct db *db, int32_t tenant, const struct keyring *k, struct verify *v)
{
    struct run run = {.tenant = tenant, .k = k, .v = v};
    int r = db_begin(db, tenant, DB_SNAPSHOT, NULL, &run.tx, NULL);

    v->rows = v->pending = v->faults = 0;
    v->batches = 0;
    v->head[0] = '\0';
    if (r < 0)
        return r;
    r = check_seals(&run);
    if (r == 0)
        r = check_pending(&run);
    if (r == 0)
        r = check_loose(&run);
    db_rollback(run.tx);
    if (r == 0 && v->expect_head && !run.head_seen)
        found(&run, VERIFY_TRUNCATED, v->batches, UUID_NIL);
    return r;
}
