/* Rows of which there is a record already: told by the declaration's import key. Only records that the importer may see count:
 * that somebody is in the register must not be found out by sending a table. */
#pragma once

#include "resource/record/create.h"
#include "resource/transfer/import.h"

struct import_match {
    uint32_t count; /* of records that have the row's key; the first ones are named */
    struct uuid id;
    const char *names; /* numbers or ids, for the one who mends the table */
    bool is_of_this;   /* an earlier row of this import made or changed it */
    const char *token; /* NULL: the row has no whole key */
};

/* One for each item, by what was taken of the row; faulty ones too. In the call's unit of work. */
MUSTCHECK int import_match_many(struct call *c, const struct import *im, const struct create_item *items,
    uint32_t count, struct import_match *out);
/* Brings the record to the row: as an update by the importer. What is wrong goes to the fault, and nothing of it is done; is_dry:
 * neither otherwise. *ret_changed: whether there was anything to change. */
MUSTCHECK int import_update(struct call *c, const struct import *im, struct uuid id, json_t *body,
    bool is_dry, struct call_fault *fault, bool *ret_changed);
/* "Name, Phone": the key's fields, for people. */
const char *import_key_labels(struct arena *a, const struct resource *res, bool is_english);
