/* What tells a record again: the fields that its declaration names as "import_key", as one token. It stands in juxin.search
 * beside the tokens of full text, written, built anew and dropped with them; its first character is none that a question has.
 * A MAC under the server's key: sealed values are compared without being stored in another form that can be read, and who has
 * the database alone cannot try phone numbers. */
#pragma once

#include "resource/record/record.h"

/* The token of these values, one per field, plain or sealed; NULL where one of the key's has none. In the arena. -EINVAL with the
 * fault 503 when a value cannot be opened. */
MUSTCHECK int key_token(
    struct call *c, const struct record *rec, const char *const *values, const char **ret);
/* What tokens depend on besides values: the names of the fields, and the key they are made with. "" where there is none. */
const char *key_spec(struct arena *a, const struct resource *res);
