/* Values from a body into a record, and whether they are what the declaration asks for. */
#pragma once

#include <jansson.h>

#include "resource/record/record.h"

enum take_source { FROM_CREATE, FROM_UPDATE, FROM_TRANSITION, FROM_HOOK };

/* Takes a body's members into the record; every fault is reported with its pointer, so the caller looks at
 * c->fault.status afterwards. Members named in `also` (NULL-terminated) are the caller's own. t: of a transition. */
void take_values(struct call *c, struct record *rec, const json_t *body, enum take_source source,
    const struct transition *t, const char *const *also);
/* Fills in defaults of absent members. */
void take_defaults(struct record *rec);
/* Reports required fields without a value: of the record, and of the transition when one is given. */
void take_require(struct call *c, const struct record *rec, const struct transition *t);
/* Does what the changed fields refer to exist, and are unique values free? In the call's unit of work, one round trip. */
MUSTCHECK int take_check_stored(struct call *c, const struct record *rec);
