/* Values: from JSON to the text form, checked against a field's declaration. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "resource/declare/declaration.h"

/* What is wrong with a value: what is accepted, in both languages. */
struct value_fault {
    const char *code, *en, *zh;
};
/* Is it a text form of the field's? 0 or -EINVAL. Not empty, which is no value. */
MUSTCHECK int value_check(struct arena *a, const struct field *f, struct text v, struct value_fault *ret);
/* Can it be compared with what the column holds? Unlike value_check it asks for nothing that a later declaration may ask
 * for and a stored value need not meet: bounds, patterns, listed values. */
bool value_is_of_type(struct arena *a, const struct field *f, struct text v);
/* The text form of a JSON value of the field's type; the result is in the arena, NULL for null. */
MUSTCHECK int value_from_json(
    struct arena *a, const struct field *f, const json_t *v, const char **ret, struct value_fault *fault);
/* As value_from_json of a text form, however it is written; an empty one is no value. */
MUSTCHECK int value_from_text(
    struct arena *a, const struct field *f, struct text v, const char **ret, struct value_fault *fault);
/* A text form as JSON. */
void value_write(struct jsonw *w, const struct field *f, const char *value);
