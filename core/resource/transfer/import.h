/* Imports: a table that somebody sent, looked at, checked, brought in, and taken back. The file is kept as it came; what is
 * done with it is a job in steps, each a unit of work of some hundred rows that also says how far it is. An import is its
 * maker's alone; rows become records with the rights its maker has at that moment, `P.R.import` and `P.R.create` at the unit. */
#pragma once

#include "base/digest.h"
#include "base/jsonw.h"
#include "blob/blob.h"
#include "resource/transfer/import_cell.h"
#include "resource/transfer/import_headers.h"

#define IMPORT_DAYS 30 /* how long one can be undone */

struct import_input {
    const char *name;
    struct sha256 digest;
    uint64_t size;
    struct blob_writer *writer; /* finished */
    const struct import_headers *headers;
};
/* Within call_begin … call_commit: 403, or 422 for headers that are not to be understood. */
MUSTCHECK int import_create(
    struct call *c, const struct resource *res, const struct import_input *in, struct uuid *ret);
/* Whether anything may be brought in at all: 403 with the fault. Does not suspend. */
MUSTCHECK int import_may(struct call *c, const struct resource *res);

/* What is done with a row whose key is there already. An update takes the declaration's import key. */
enum import_duplicates { DUPLICATES_REFUSE, DUPLICATES_SKIP, DUPLICATES_UPDATE };
extern const char *const import_duplicates_names[]; /* refuse, skip, update; NULL at the end */

struct import_settings {
    const json_t *mapping; /* {"header": "field"}; NULL: as it is */
    const char *unit;      /* for rows that name none; NULL: none */
    const char *
        key; /* a unique field that tells a row again; NULL: the declaration's import key, if its fields are there */
    enum import_duplicates duplicates;
};
/* Each queues a job; in the call's unit of work. 404; 409 while another one works on it; 422. */
MUSTCHECK int import_check(
    struct call *c, const struct resource *res, struct uuid id, const struct import_settings *s);
MUSTCHECK int import_run(struct call *c, const struct resource *res, struct uuid id, bool all_or_nothing);
/* rows: a JSON list of numbers of rows that came in; NULL: all of it. */
MUSTCHECK int import_undo(struct call *c, const struct resource *res, struct uuid id, const json_t *rows);

/* The caller's newest 100 that are not over. */
MUSTCHECK int import_list_write(struct call *c, const struct resource *res, struct jsonw *w);
MUSTCHECK int import_write(struct call *c, const struct resource *res, struct uuid id, struct jsonw *w);
/* {"items": [{row, header, code, en, zh}], "next"}: behind a row, and whole rows: there may be some more than the limit. */
MUSTCHECK int import_faults_write(struct call *c, const struct resource *res, struct uuid id, int64_t behind,
    uint32_t limit, struct jsonw *w);
/* The table of bad rows; 404 when there is none. */
MUSTCHECK int import_errors(struct call *c, const struct resource *res, struct uuid id,
    struct sha256 *ret_digest, uint64_t *ret_size, const char **ret_name);

/* At start, the kinds of jobs: import.check, import.run, import.undo and the end of what is too old. */
void import_register(void);

/* ---- for the jobs ---- */

struct import {
    struct uuid id;
    const struct resource *res;
    const char *state, *name;
    struct sha256 digest;
    struct import_column *columns;
    uint32_t column_count;
    uint32_t unit;           /* for rows that name none; TREE_NONE */
    const struct field *key; /* a unique field; NULL */
    bool has_key;            /* the declaration's import key */
    enum import_duplicates duplicates;
    bool is_all;
    int64_t bad;
};
/* Whatever its maker's; locked in an open unit of work. *ret_found false: it is gone. Texts are in a. */
MUSTCHECK int import_load(
    struct call *c, struct arena *a, struct uuid id, struct import *ret, bool *ret_found);
