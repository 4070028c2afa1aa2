/* Duplicates as rows: which record another was merged into, and how many were merged into one. */
#pragma once

#include "resource/record/record.h"

/* The record that this one was merged into; false when it was not. */
bool merged_into(const struct record *rec, struct uuid *ret);
/* How many were merged into the record. In the call's unit of work, where there is one. */
MUSTCHECK int merged_count(struct call *c, const struct record *rec, int64_t *ret);
/* Those merged into the record $2, of tenant $1, in the state $3: behind the columns, in the order of their ids. */
struct db_stmt merged_select(
    struct arena *a, const struct resource *res, const char *columns, struct text tail);
void merged_args(struct db_args *a, const struct call *c, const struct record *into);
