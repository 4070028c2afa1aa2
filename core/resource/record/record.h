/* A record in memory, and the operations on records. Services take a call and work in its unit of work; the caller
 * commits. Values are in text form: UTF-8, decimal integers, YYYY-MM-DD, RFC 3339, true/false, UUIDs, JSON. */
#pragma once

#include <jansson.h>

#include "access/call.h"
#include "base/jsonw.h"
#include "plugin/host/engine.h"
#include "resource/declare/row.h"

struct record {
    const struct resource *res;
    struct uuid id, unit_id, origin_unit_id, created_by, updated_by;
    struct uuid batch; /* of a new one: the import that brings it */
    uint32_t unit;     /* preorder index; TREE_NONE when the unit is unknown */
    int64_t version;
    uint32_t state;
    const char *state_since, *due, *number, *created_at, *updated_at;
    const char **values, **old;  /* one per field; NULL is no value */
    bool *hidden;                /* one per field: left out, and said to be */
    const struct choice *choice; /* what was asked for; NULL: everything */
    bool is_new;
    bool hides_submitter; /* the viewer may not know who submitted */
    bool is_own;          /* it is about its reader */
    bool is_open;         /* its sensitive values are plain (secret.h) */
    const struct record
        *follows; /* of a duplicate: the public part of what it was merged into; NULL: not asked for */
};

struct record *record_new(struct arena *a, const struct resource *res);
/* Points the record at a result row of its choice's columns, which must outlive it. */
void record_fill(
    struct record *rec, struct arena *a, const struct tenant *t, const struct db_rows *rows, int row);
const char *record_value(const struct record *rec, const char *name); /* a field or a standard member; NULL */
bool record_is_changed(const struct record *rec, const struct field *f);
/* The names of the changed fields, comma-separated. */
const char *record_changed_names(struct arena *a, const struct record *rec);

/* The members of the record as its reader may see it, into an open object. may_unmask: the reader holds the permission at
 * the record's unit. */
void record_write_members(struct jsonw *w, const struct record *rec, const struct tenant *t, bool may_unmask);
/* Does the field look masked to a reader who may, or may not, unmask? */
bool record_masks(const struct record *rec, const struct field *f, bool may_unmask);
void record_write_masked(struct jsonw *w, enum field_mask mask, const char *v);
/* The masked form of a value. */
void record_mask(enum field_mask mask, const char *v, char *out, size_t size);
/* Fills `hidden` with what anonymity hides, when the viewer is one it hides from. */
void record_hide_submitter(struct record *rec);
/* Masks and hidden submitters of a reader with full access do not apply to plugins and jobs. */
bool record_may_unmask(const struct call *c, const struct record *rec);

/* ---- operations ---- */

/* Runs the serialise filters, one call per unit. */
MUSTCHECK int records_serialise(struct call *c, struct record **records, uint32_t count);
/* -EINVAL with a fault: 404 when there is none or it may not be seen, 403 plugin_disabled where the plugin does not run. */
MUSTCHECK int record_read(struct call *c, const struct resource *res, struct uuid id, struct record **ret);

/* Where a version is expected, 0 means any (plugins and jobs); over HTTP it comes from If-Match. */
MUSTCHECK int record_create(struct call *c, const struct resource *res, json_t *body, struct record **ret);
MUSTCHECK int record_update(struct call *c, const struct resource *res, struct uuid id, int64_t version,
    json_t *patch, struct record **ret);
MUSTCHECK int record_delete(struct call *c, const struct resource *res, struct uuid id, int64_t version);
MUSTCHECK int record_transition(struct call *c, const struct resource *res, struct uuid id, int64_t version,
    const char *name, json_t *body, struct record **ret);
/* Writes what was changed in a locked record, with hooks, history, search and audit: the last part of an update, for who
 * has made sure of the right to it. */
MUSTCHECK int record_store_update(struct call *c, struct record *rec);
/* The same under another name in the history. */
MUSTCHECK int record_store_as(struct call *c, struct record *rec, const char *action);
/* As record_read without serialise filters, and the transitions that the subject may take now, as a bit per transition. */
MUSTCHECK int record_fetch_legal(
    struct call *c, const struct resource *res, struct uuid id, struct record **ret, uint64_t *ret_legal);

void record_engine_init(void); /* engine_ops_set */
