/* Values: from JSON to the text form, checked against a field's declaration. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "resource/declare/declaration.h"

/* Checks a text form against the field. 0 or -EINVAL; *ret_code, *ret_en and *ret_zh say what is accepted. */
struct value_fault {
    const char *code, *en, *zh;
};
MUSTCHECK int value_check(struct arena *a, const struct field *f, struct text v, struct value_fault *ret);
/* The text form of a JSON value of the field's type; the result is in the arena, NULL for null. */
MUSTCHECK int value_from_json(
    struct arena *a, const struct field *f, const json_t *v, const char **ret, struct value_fault *fault);
/* A text form as JSON. */
void value_write(struct jsonw *w, const struct field *f, const char *value);
const char *pointer_segment(struct arena *a, const char *key); /* RFC 6901 escapes */
