/* Dictionaries: lists of codes with labels that fields of type enum choose from. Those of the deployment are read once for all
 * tenants of a process, and again when its epoch moves; a tenant's own words over them are in its edition (edition.h). */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "db/db.h"
#include "resource/declare/declaration.h"

#define DICTIONARY_ENTRIES_MAX 2000

struct dictionary {
    const char *name;
    struct label label;
    const char *source; /* "" for none */
    struct enum_value *values;
    uint32_t count;
    bool is_own; /* the tenant's */
};

/* What the deployment has, at one epoch. */
struct shelf {
    struct arena *arena;
    int64_t epoch;
    struct dictionary *items;
    uint32_t count, refs;
};
/* Inside a snapshot's unit of work; the reference is the caller's. */
MUSTCHECK int shelf_read(struct db_tx *tx, int64_t epoch, struct shelf **ret);
void shelf_unref(struct shelf *s); /* NULL is fine */
const struct dictionary *dictionary_find(
    const struct dictionary *list, uint32_t count, const char *name); /* NULL */

/* One of its codes; NULL. */
struct enum_value *dictionary_value(struct enum_value *values, uint32_t count, struct text code);
/* The next in order, of rows: dictionary, code, zh, en, parent, position, from, until. */
void dictionary_fill(struct arena *a, struct enum_value *v, const struct db_rows *rows, int row);
void dictionary_sort(struct enum_value *values, uint32_t count);
/* May it be chosen on that day? */
bool enum_value_is_current(const struct enum_value *v, int32_t day);
bool dictionary_is_code(struct text t); /* 1 to 40 of A-Z a-z 0-9 . _ - */

/* A file as `juxinctl dictionary import` takes it. -EINVAL with the reason. */
MUSTCHECK int dictionary_check(const json_t *file, char ret_why[200]);
/* Brings it in, in the deployment's unit of work: new codes and labels; a code that is not in the file any more may not be chosen
 * from `today` on, but stays. */
MUSTCHECK int dictionary_store(struct db_tx *tx, const json_t *file, int32_t today);
