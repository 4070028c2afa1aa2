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

struct import_names; /* import_names.h */

/* names: what references were found to mean. *ret is NULL for an empty cell; the caller's otherwise. 0 or -EINVAL with the fault, whose texts are in the arena. */
MUSTCHECK int import_cell(struct call *c, const struct resource *res, const struct import_column *to,
    const struct sheet_cell *cell, const struct import_names *names, json_t **ret, struct value_fault *fault);
/* The unit that a text names, by id, code or a name that only one has of the open units that are seen. TREE_NONE with the fault,
 * which names the codes of several. */
uint32_t import_unit(struct call *c, const struct resource *res, struct text t, struct value_fault *fault);
