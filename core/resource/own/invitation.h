/* Invitations: a worker invites a number, or prints a code. What the invited person does with it (accept.h) makes the account. */
#pragma once

#include "base/jsonw.h"
#include "resource/own/accept.h"

#define INVITATION_DAYS 14
#define INVITATION_DAYS_MAX 30

struct invitation_input {
    uint32_t unit;       /* where the caller may invite */
    const char *purpose; /* of a notice that there is */
    const char *phone;   /* NULL: printed */
    int64_t days;        /* 0: INVITATION_DAYS */
};
/* In the call's unit of work. ret_token: of a printed one, said once; that of a number goes to the number only. The answer is the same
 * whoever the number belongs to. 422, 429. */
MUSTCHECK int invitation_create(struct call *c, const struct invitation_input *in, struct uuid *ret_id,
    struct invitation_token *ret_token);
MUSTCHECK int invitation_revoke(struct call *c, struct uuid id); /* 404; 409 when it has ended */

struct invitation_filter {
    uint32_t unit;     /* TREE_NONE: wherever the caller may invite */
    const char *state; /* open, used, revoked, expired; NULL */
    struct uuid before;
    uint32_t limit;
};
MUSTCHECK int invitations_write(struct call *c, const struct invitation_filter *f, struct jsonw *w);
MUSTCHECK int invitation_write(struct call *c, struct uuid id, struct jsonw *w); /* 404 */

void invitation_register(void);                                      /* the kind of job */
MUSTCHECK int invitation_purge(struct call *c, uint32_t *ret_count); /* what is over; in the unit of work */
