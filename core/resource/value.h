/* Values: from JSON to the text form, checked against a field's declaration. */
#pragma once

#include <jansson.h>

#include "resource/record.h"

enum value_source { FROM_CREATE, FROM_UPDATE, FROM_TRANSITION, FROM_HOOK };

/* Takes a body's members into the record; every fault is reported with its pointer, so the caller looks at
 * c->fault.status afterwards. Members named in `also` (NULL-terminated) are the caller's own. t: of a transition. */
void value_take(struct call *c, struct record *rec, const json_t *body, enum value_source source,
    const struct transition *t, const char *const *also);
/* Fills in defaults of absent members. */
void value_defaults(struct record *rec);
/* Reports required fields without a value: of the record, and of the transition when one is given. */
void value_require(struct call *c, const struct record *rec, const struct transition *t);
/* Checks a text form against the field. 0 or -EINVAL; *ret_code, *ret_en and *ret_zh say what is accepted. */
struct value_fault {
    const char *code, *en, *zh;
};
MUSTCHECK int value_check(struct arena *a, const struct field *f, struct text v, struct value_fault *ret);
/* The text form of a JSON value of the field's type; the result is in the arena, NULL for null. */
MUSTCHECK int value_from_json(
    struct arena *a, const struct field *f, const json_t *v, const char **ret, struct value_fault *fault);
/* Does what the changed fields refer to exist, and are unique values free? In the call's unit of work, one round trip. */
MUSTCHECK int value_check_stored(struct call *c, const struct record *rec);
/* A text form as JSON. */
void value_write(struct jsonw *w, const struct field *f, const char *value);
const char *pointer_segment(struct arena *a, const char *key); /* RFC 6901 escapes */
