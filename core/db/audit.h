/* The audit trail: ids, actions and field names, never values. A row carries a MAC under a server key and is written in
 * the change's own unit of work: no audit, no change. Sealing comes after the commit (seal.h). */
#pragma once

#include "base/base.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/keyring.h"

struct audit_entry {
    const char *actor_kind;   /* "account", "operator", "system", "plugin" … */
    struct uuid actor;        /* nil for none */
    const char *action;       /* "unit.rename" */
    const char *object_kind;  /* "unit"; NULL for none */
    struct uuid object, unit; /* nil for none */
    const char *fields;       /* comma-separated names; NULL for none */
    const char *request_id;   /* NULL for none */
    const char *result;       /* NULL: "ok"; "denied", "failed" */
};

/* The process's key ring, borrowed until the process ends. Set once at start. */
void audit_set_keys(const struct keyring *k);

/* One round trip, in the unit of work of the change. -ENOKEY when no keys were set. */
MUSTCHECK int audit_add(struct db_tx *tx, const struct audit_entry *e);

/* Many in one round trip. */
MUSTCHECK int audit_add_many(struct db_tx *tx, const struct audit_entry *entries, size_t count);

/* A stored row as text, in this order of columns: what MACs are computed over. */
#define AUDIT_COLUMNS                                                                                        \
    "a.id, a.at, a.actor_kind, a.actor_id, a.action, a.object_kind, a.object_id, a.unit_id, a.fields, "      \
    "a.request_id, "                                                                                         \
    "a.result, a.key_id, a.mac"
enum audit_column {
    AUDIT_ID,
    AUDIT_AT,
    AUDIT_ACTOR_KIND,
    AUDIT_ACTOR,
    AUDIT_ACTION,
    AUDIT_OBJECT_KIND,
    AUDIT_OBJECT,
    AUDIT_UNIT,
    AUDIT_FIELDS,
    AUDIT_REQUEST,
    AUDIT_RESULT,
    AUDIT_KEY,
    AUDIT_MAC,
    AUDIT_COLUMN_COUNT
};
/* Does the MAC of a row read with AUDIT_COLUMNS, beginning at column `at`, hold? -EBADMSG when not, -ENOKEY. */
MUSTCHECK int audit_check_row(
    const struct keyring *k, int32_t tenant, const struct db_rows *rows, int row, int at);
