/* What a list is asked for of each record: fields=title,state,due_at. Other members are neither fetched nor written, which is
 * most of a page's work. */
#pragma once

#include "access/call.h"
#include "resource/declare/declaration.h"

/* Members that every record has, besides id and version, which are always written. */
enum record_member {
    MEMBER_STATE,
    MEMBER_STATE_SINCE,
    MEMBER_DUE_AT,
    MEMBER_NUMBER,
    MEMBER_UNIT_ID,
    MEMBER_UNIT_NAME,
    MEMBER_ORIGIN_UNIT_ID,
    MEMBER_CREATED_AT,
    MEMBER_CREATED_BY,
    MEMBER_UPDATED_AT,
    MEMBER_UPDATED_BY,
    MEMBERS
};

struct choice {
    bool members[MEMBERS];
    bool *shown;   /* by field */
    bool *fetched; /* what is needed to show these, too */
};

/* NULL is everything. */
static inline bool choice_has(const struct choice *c, enum record_member m)
{
    return !c || c->members[m];
}

static inline bool choice_shows(const struct choice *c, const struct field *f)
{
    return !c || c->shown[f->index];
}

static inline bool choice_fetches(const struct choice *c, const struct field *f)
{
    return !c || c->fetched[f->index];
}

/* From the names, comma-separated. -ENOENT with the name that no record has. */
MUSTCHECK int choice_parse(
    struct call *c, const struct resource *res, struct text names, struct choice **ret, struct text *ret_bad);
