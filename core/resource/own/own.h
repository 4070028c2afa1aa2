/* What is held about a person who signs in, in sections: the core's (account, sessions, rights, what they wrote and did) and
 * one for each resource that is about persons. Whatever plugin policy says: what is off at a unit is held all the same. */
#pragma once

#include "base/jsonw.h"
#include "resource/record/record.h"

#define OWN_EXPORT_RESOURCE "core.own_data" /* what their exports are filed under */
#define OWN_SECTIONS_MAX 256

enum own_kind { OWN_TEXT, OWN_TIME, OWN_NUMBER, OWN_BOOLEAN };
struct own_column {
    const char *name;
    struct label label;
    enum own_kind kind;
};

struct own_section {
    const char *name; /* "account", "works.person" */
    struct label label;
    const struct resource *res; /* NULL: the core's */
    struct db_stmt
        stmt; /* of the core's: $1 tenant, $2 account, $3 behind this id, $4 how many; column 0 is the id */
    const struct own_column *columns; /* from column 1 on; ends with a NULL name */
};

/* All of them, always in the same order; in the arena. */
const struct own_section *own_sections(struct call *c, uint32_t *ret_count);
const struct own_section *own_section_find(struct call *c, struct text name); /* NULL */

/* A page of a section in the order of ids. */
struct own_page {
    const struct own_section *section;
    uint32_t count;
    const struct db_rows *rows; /* of the core's */
    struct record **records;    /* of a resource's, unmasked */
    struct uuid next;           /* read on behind this; nil: that was all */
};
MUSTCHECK int own_read(struct call *c, struct uuid account, const struct own_section *s, struct uuid after,
    uint32_t limit, struct own_page *ret);
/* One item as an object. */
void own_item_write(struct call *c, const struct own_page *p, uint32_t i, struct jsonw *w);
/* "fields" of a resource's section: what each is for, how long it is kept, how it is corrected. */
void own_fields_write(struct jsonw *w, const struct own_section *s);

/* For who erases: what is held of a person in deleted records is held, too. The ids behind one, in order; and a record, locked, of
 * that person or (nil) of whomever. 404. */
MUSTCHECK int own_list_held(struct call *c, const struct resource *res, struct uuid account,
    struct uuid after, uint32_t limit, struct uuid **ret, uint32_t *ret_count);
MUSTCHECK int own_find_held(struct call *c, const struct resource *res, struct uuid account, struct uuid id,
    struct record **ret, bool *ret_deleted);
/* The records' own person. */
MUSTCHECK int own_find(struct call *c, const struct resource *res, struct uuid account, struct uuid id,
    bool lock, struct record **ret); /* 404 */
