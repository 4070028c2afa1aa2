/* Posts (leader, seat of a council, duty in a department) and their tenures: who holds one from when until when. What is
 * granted to a post is its holders' for that time: their subjects are compiled with those dates (access.h), so that an end
 * needs nobody to act when it comes.
 *
 * All need core.post.write at the post's unit (404 where core.post.read is missing, too), open the call's unit of work, bump
 * the epoch and leave the commit to the caller. version: the post's as the caller has seen it; another one is -ESTALE. */
#pragma once

#include "access/call.h"

#define POST_SEATS_MAX 500

struct post {
    struct uuid id, council, department;
    uint32_t unit;
    const char *kind, *title; /* leader, council, duty */
    int64_t seats, version;
    bool is_closed;
};

/* One that the subject may see: 404. In the arena. */
MUSTCHECK int post_find(struct call *c, struct uuid id, struct post *ret);

struct post_input {
    const char *kind, *title;
    int64_t seats;
    uint32_t unit;
    struct uuid council, department; /* of those kinds */
};
MUSTCHECK int post_create(struct call *c, const struct post_input *in, struct uuid *ret_id);
/* title NULL, seats 0: unchanged. */
MUSTCHECK int post_update(
    struct call *c, struct uuid id, const char *title, int64_t seats, int64_t version, int64_t *ret_version);
/* Refused while somebody holds it or is to. Ends what was granted to it. */
MUSTCHECK int post_close(struct call *c, struct uuid id, int64_t version, int64_t *ret_version);

struct tenure_input {
    struct uuid account;
    int64_t from, until; /* wall µs; INT64_MAX for none */
    const char *reason;
};
/* Whoever fills a post hands on what the post was granted: it must be within their own rights, or given by delegation. */
MUSTCHECK int post_hold(struct call *c, struct uuid id, const struct tenure_input *in, int64_t version,
    int64_t *ret_version, struct uuid *ret_tenure);
/* until: wall µs, INT64_MAX for now. Only earlier than it would end; one that has not begun by then never does. */
MUSTCHECK int post_end(struct call *c, struct uuid id, struct uuid tenure, int64_t until, const char *reason,
    int64_t version, int64_t *ret_version);

/* All tenures and posts of a unit that is no more end now, and what was granted to them. Rights are the caller's matter. */
MUSTCHECK int post_retire_unit(struct call *c, uint32_t unit);

/* ---- for councils ---- */

/* Is the account one that the subject sees, and active? A fault at the pointer otherwise. */
MUSTCHECK int post_check_account(struct call *c, struct uuid account, const char *pointer);
/* 0, 403 with what is missing, or 404: the permission to change posts at the unit. */
MUSTCHECK int post_need(struct call *c, uint32_t unit);
int post_beyond_own(struct call *c, uint32_t missing);
int post_check_title(struct call *c, const char *pointer, const char *title);
