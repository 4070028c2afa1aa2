/* Phone numbers: their one form, the keyed digest that finds them without keeping them, and what carries messages to them. */
#pragma once

#include "access/call.h"
#include "base/digest.h"

/* Eleven digits of the mainland's, or + and 7 to 15 digits of elsewhere. */
struct phone {
    char s[20];
};
/* Takes blanks, dashes and +86 away. -EINVAL. */
MUSTCHECK int phone_parse(struct text t, struct phone *ret);
const char *phone_masked(struct arena *a, const char *phone); /* 139****0021 */

/* The number's digest under a secret of the tenant's own, in hex. The secret is made the first time it is asked for, and stays the
 * same when the server's keys are replaced. 503 when there is no key. */
MUSTCHECK int phone_mac(struct call *c, const char *phone, const char **ret);

/* Sealed (db/cipher.h) as a value of the row with that id. 503. */
MUSTCHECK int phone_seal(
    struct call *c, const char *what, struct uuid id, const char *plain, const char **ret);
MUSTCHECK int phone_open(
    struct call *c, const char *what, struct uuid id, const char *sealed, const char **ret);

/* A message: which template, and what it says. Never put in a log. */
struct phone_message {
    const char *phone;
    const char *kind;    /* "code", "invitation" */
    const char *params;  /* JSON, an object of texts */
    struct uuid id;      /* the same for the same message */
    struct uuid account; /* whom it is for; nil */
    int64_t until_us;    /* of no use afterwards */
};
/* What carries them, set at start by the floor that knows how: hands the message over in the call's unit of work. Without one, or
 * where the district has no gateway, the message is dropped and the log says so. */
typedef int phone_send_fn(struct call *c, const struct phone_message *m);
void phone_set_sender(phone_send_fn *send);
MUSTCHECK int phone_send(struct call *c, const struct phone_message *m);
