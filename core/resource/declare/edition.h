/* A tenant's edition of what plugins declare: with its own labels and fields, and with the values of dictionaries in place. It is
 * read with the tenant's snapshot and lives as long: whoever needs one for longer holds the snapshot. */
#pragma once

#include "resource/declare/dictionary.h"
#include "tenant/tenant.h"

void edition_register(void); /* once, at start */

/* The tenant's edition of a declared resource; the declaration's own where the tenant has nothing to add. An edition may be
 * given as well. NULL for NULL. */
const struct resource *edition_of(const struct tenant *t, const struct resource *res);
const struct resource *edition_find(const struct tenant *t, const char *full_name); /* NULL */
/* As edition_of, for as long as the arena: of jobs, whose steps have a snapshot each. */
const struct resource *edition_keep(struct arena *a, struct tenant *t, const struct resource *res);
/* Does any resource of the tenant's differ from its declaration in labels or fields? */
bool edition_is_own(const struct tenant *t);

/* The dictionary of that name, with the tenant's own words; NULL. */
const struct dictionary *edition_dictionary(const struct tenant *t, const char *name);
/* Dictionaries by number, until NULL. */
const struct dictionary *edition_dictionary_at(const struct tenant *t, uint32_t i);

/* ---- pure; edition_copy.c ---- */

/* A copy that may be changed, with room for more fields behind those declared. The base outlives it. */
struct resource *resource_copy(struct arena *a, const struct resource *base, uint32_t more);
/* Where a pointer into the declaration says: "", "/fields/topic", "/fields/topic/values/law", "/states/new",
 * "/transitions/accept". NULL: there is no such label. */
struct label *resource_label(struct resource *res, struct text place);
