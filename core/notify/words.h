/* The words of a notice, in both languages, from its template and parameters as they are now: labels come from the
 * declaration, the unit's name from the tree. */
#pragma once

#include "access/notice.h"
#include "base/json.h"

struct resource;

struct notice_words {
    const char *zh, *en; /* in the arena */
};
/* Not where the plugin whose kind or resource it is is not installed, or not effective at the unit. */
bool notice_is_shown(struct call *c, const char *kind, const char *resource, struct uuid unit);
/* As parameters by name, for templates of others: what, unit, transition, due, number, name, kind, and text, all of it; a new reference.
 * NULL where it is not to be shown. */
json_t *notice_params(struct call *c, const struct notice *n, bool is_zh);
/* A notice as its row has it. False where it is not to be shown: its plugin is not installed, or not effective at the unit. */
bool notice_words(struct call *c, const struct notice *n, struct notice_words *ret);
