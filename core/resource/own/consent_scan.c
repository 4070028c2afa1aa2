/* Scans of papers. */
#include "resource/own/consent_scan.h"

#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "resource/beside/file.h"

static const struct db_stmt find = {"consent_scan.find",
    "SELECT account_id, how, scan_sha256, scan_name, scan_type, scan_size FROM "
    "juxin.consent WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt set = {"consent_scan.set",
    "UPDATE juxin.consent SET scan_sha256 = $3, scan_name = $4, scan_type = $5, scan_size = $6 WHERE "
    "tenant_id = $1 AND id = $2 "
    "AND how = 'paper' AND scan_sha256 IS NULL"};
static const struct db_stmt drop = {"consent_scan.drop",
    "UPDATE juxin.consent SET scan_sha256 = NULL, scan_name = NULL, scan_type = NULL, scan_size = NULL WHERE "
    "tenant_id = $1 AND "
    "account_id = $2 AND scan_sha256 IS NOT NULL"};

static int read_consent(struct call *c, struct uuid id, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 0)
        r = call_not_found(c);
    *ret = call.rows;
    return r;
}

/* Who may not record consent there does not learn that there is one. */
static int read_recorded(struct call *c, struct uuid id, const struct db_rows **ret)
{
    uint32_t unit;
    int r = read_consent(c, id, ret);

    if (r == 0 && account_unit(c, db_get_uuid(*ret, 0, 0), CORE_CONSENT_RECORD, &unit) < 0)
        r = c->fault.status ? call_not_found(c) : -EIO;
    return r;
}

static int refuse(struct call *c)
{
    return call_fail(c, 409, "no_scan", "This consent is on no paper, or its scan is here already.",
        "该同意不是纸质同意，或已有扫描件。");
}

int consent_scan_may_add(struct call *c, struct uuid consent)
{
    const struct db_rows *rows;
    int r = read_recorded(c, consent, &rows);

    return r == 0 && strcmp(db_get(rows, 0, 1), "paper") != 0 ? refuse(c) : r;
}

int consent_scan_add(
    struct call *c, struct uuid consent, const struct consent_scan *in, struct blob_writer *content)
{
    struct db_args a;
    int r = consent_scan_may_add(c, consent);

    if (r == 0)
        r = file_keep(c, content, &in->digest, in->size);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, consent);
    db_arg_str(&a, file_hex(c->arena, &in->digest));
    db_arg_str(&a, in->name);
    db_arg_str(&a, in->type->media);
    db_arg_int(&a, (int64_t)in->size);
    r = db_exec_expect(c->tx, set, &a, 1);
    if (r == -ESTALE)
        return refuse(c);
    c->result_status = 204;
    c->result_id = consent;
    return r < 0 ? r : call_audit(c, "consent.scan", "consent", consent, UUID_NIL, "scan");
}

int consent_scan_find(struct call *c, struct uuid consent, bool is_own, struct consent_scan *ret)
{
    const struct db_rows *rows;
    int r = is_own ? read_consent(c, consent, &rows) : read_recorded(c, consent, &rows);

    if (r == 0 && is_own && !uuid_eq(db_get_uuid(rows, 0, 0), c->who->account))
        r = call_not_found(c);
    if (r == 0 && !db_get(rows, 0, 2))
        r = call_not_found(c);
    if (r < 0)
        return r;
    *ret = (struct consent_scan){.name = db_get(rows, 0, 3),
        .type = file_type_find(db_get(rows, 0, 4)),
        .size = (uint64_t)db_get_int(rows, 0, 5)};
    return hex_parse(db_get_text(rows, 0, 2), ret->digest.b, SHA256_LEN) < 0 ? -EIO : 0;
}

int consent_scan_drop_all(struct call *c, struct uuid account)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, account);
    return db_exec(c->tx, drop, &a, NULL);
}
