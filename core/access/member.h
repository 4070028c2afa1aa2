/* Members: accounts made by the person's own act. They have a number, no password and no rights, and sign in by a code. */
#pragma once

#include "access/call.h"

struct member {
    const char *display_name, *phone; /* NULL: without a number */
    struct uuid unit;
};
MUSTCHECK int member_check_name(struct call *c, const char *display_name); /* 422 */
/* In the call's unit of work; who may is the caller's to know. -EEXIST: the number is another account's. */
MUSTCHECK int member_add(struct call *c, const struct member *in, struct uuid *ret_id);

/* The subject's own: name (NULL: as it is) and number (NULL: as it is; proved by the caller). 409 when the number is another's. */
MUSTCHECK int member_correct(struct call *c, const char *display_name, const char *phone);
