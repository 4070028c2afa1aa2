/* Texts with places in them, as the settings of a channel have: {to}, {template}, {id}, {timestamp}, {timestamp_ms}, {params}
 * (all parameters as the text of a JSON object), {param.NAME}, {secret.NAME}. "{{" is a brace. What is filled in is escaped by what
 * it is filled into: a JSON value takes it as a string's content, a form as one value of it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

struct filling {
    const char *to, *template, *id;
    int64_t now_us;
    const json_t *params;  /* object of texts */
    const json_t *secrets; /* object of texts */
    bool is_check;         /* nothing is sent: any name of a parameter is fine */
};

/* -EINVAL: a place that there is not, or a brace that is not closed. */
MUSTCHECK int fill_text(const struct filling *f, const char *text, struct buf *out);
/* A new reference: the value with every text in it filled. A text that is exactly "{params:object}" or "{params:list}" becomes the
 * parameters as an object, or their values in order. */
MUSTCHECK int fill_json(const struct filling *f, const json_t *value, json_t **ret);
/* An object of texts as application/x-www-form-urlencoded. */
MUSTCHECK int fill_form(const struct filling *f, const json_t *object, struct buf *out);
/* One value of a URL or a form, with all but unreserved characters as %XX. */
void fill_urlencode(struct buf *out, struct text value);

/* What a JSON Pointer leads to; NULL. Borrowed. */
const json_t *json_at(const json_t *value, const char *pointer);
