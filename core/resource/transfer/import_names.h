/* References as people write them: a record's number, or its name where only one that the importer sees has it; a department's
 * name. Looked up for many rows at once. */
#pragma once

#include "resource/declare/value.h"
#include "resource/transfer/import_batch.h"

struct import_names;

/* What stands in the lines' columns that refer to something. In the call's unit of work; *ret is in its arena. */
MUSTCHECK int import_names_read(struct call *c, const struct import *im, const struct import_line *lines,
    uint32_t count, struct import_names **ret);
/* The id that a trimmed text means for the field. -EINVAL with the fault: none, or several, which it names. */
MUSTCHECK int import_names_find(const struct import_names *n, const struct field *f, struct text t,
    struct uuid *ret, struct value_fault *fault);
/* The field that says what a record is called: the first required text that lists can be filtered by. NULL. */
const struct field *import_name_field(const struct resource *res);
