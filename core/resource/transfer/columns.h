/* Records as rows of a table: which columns there are, and what stands in them, in the words people read. */
#pragma once

#include "resource/record/record.h"
#include "sheet/sheet.h"

#define COLUMNS_MAX (ALL_FIELDS_MAX + 8)

/* A field, or a member that every record has. */
struct column {
    const char *name;
    const struct field *field; /* NULL: a standard member */
    struct label label;
};

/* The standard members that a table may show, then the fields; those that the resource has. */
uint32_t columns_of(const struct resource *res, struct column out[COLUMNS_MAX]);
/* -ENOENT. */
MUSTCHECK int column_find(const struct resource *res, struct text name, struct column *ret);

/* What the record's reader may see of it: masked, hidden as in lists. The text is in the arena or the record's. Enumerations and yes or no in Chinese, or in English; moments at UTC+8; money in yuan. */
struct sheet_cell column_cell(
    struct call *c, const struct record *rec, const struct column *column, bool is_english);
