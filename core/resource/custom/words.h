/* A tenant's dictionaries, and its words over those of the deployment. Codes are never removed: records hold them. */
#pragma once

#include <jansson.h>

#include "access/call.h"
#include "base/jsonw.h"

/* {"items": [{name, label, source, own, count}]}. From memory: fenced. */
MUSTCHECK int own_dictionary_list_write(struct call *c, struct jsonw *w);
/* {name, label, source, own, entries: [{code, label, parent, valid_from, valid_until, current}]}; 404. */
MUSTCHECK int own_dictionary_write(struct call *c, const char *name, struct jsonw *w);

/* They begin a unit of work; 403, 404, 409, 422. Names begin with x_. */
MUSTCHECK int own_dictionary_create(struct call *c, const char *name, const json_t *label);
MUSTCHECK int own_dictionary_rename(struct call *c, const char *name, const json_t *label);
/* [{"code", "label", "parent", "position", "valid_from", "valid_until"}]: new codes, or new words over codes that are there. */
MUSTCHECK int own_entries_put(struct call *c, const char *name, const json_t *entries);
#define OWN_ENTRIES_MAX 500 /* of one request */
