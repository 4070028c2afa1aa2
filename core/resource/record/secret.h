/* Sensitive values: in the database, in history and in memory as they are read, they are sealed (db/cipher.h), each bound to its
 * tenant, resource, record and field. What a body brings is plain until it is written, so that plugins may check it. */
#pragma once

#include "resource/record/record.h"

/* Before the record is written: what is plain of its sensitive values is sealed. -EINVAL with the fault 503 when there is no key. */
MUSTCHECK int secret_seal(struct call *c, struct record *rec);
/* Opens its sensitive values, for the one answer that shows them; the record is not written afterwards. What cannot be opened is left
 * out and told: -EINVAL with the fault 503. */
MUSTCHECK int secret_open(struct call *c, struct record *rec);
/* One value, as it is stored, of the record. As above. */
MUSTCHECK int secret_open_value(
    struct call *c, const struct record *rec, const struct field *f, const char *value, struct buf *ret);
void secret_wipe(struct buf *b); /* frees it without leaving the value in memory */
bool secret_has_any(const struct resource *res);

/* One of the record's values shown on request. */
struct secret_reveal {
    const char *fields; /* names, comma-separated; NULL: all that are sensitive or masked */
    const char *reason;
};
/* Opens the record for one who may see it unmasked, or whom it is about; leaves a row that the person sees, and one in the audit trail.
 * In the call's unit of work. *ret_names: which were opened. 403, 422. */
MUSTCHECK int secret_reveal(
    struct call *c, struct record *rec, const struct secret_reveal *in, const char **ret_names);
