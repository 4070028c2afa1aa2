/* A cell of a table as a member of a record's body: what people write in spreadsheets, as JSON that take_values takes. */
#pragma once

#include "resource/declare/value.h"
#include "resource/transfer/columns.h"

/* Where a column goes. */
struct import_column {
    const char *header;
    const struct field *field; /* NULL: the unit, or nowhere */
    bool is_unit;
};

/* *ret is NULL for an empty cell; the caller's otherwise. 0 or -EINVAL with the fault, whose texts are in the arena. */
MUSTCHECK int import_cell(struct call *c, const struct import_column *to, const struct sheet_cell *cell,
    json_t **ret, struct value_fault *fault);
/* The unit that a text names, by id, code or a name that only one open unit has. TREE_NONE. */
uint32_t import_unit(const struct call *c, struct text t);
