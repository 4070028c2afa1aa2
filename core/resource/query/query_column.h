/* Columns of lists, by name. */
#pragma once

#include "resource/query/query.h"

/* As query_column, over another alias; -ENOENT. */
MUSTCHECK int query_column_of(
    struct arena *a, const struct resource *res, struct text name, char alias, struct query_column *ret);
/* Of a unit: level and code, without a column in the database; -ENOENT. */
MUSTCHECK int query_column_of_unit(struct arena *a, struct text name, struct query_column *ret);
/* A column that holds a unit's id. */
struct query_column query_unit_column(struct arena *a, const char *sql);
bool query_is_indexed(const struct field *f); /* so that lists may be in its order */
