/* Messages over channels: written in the unit of work of what they are about, sent by the carrier (notify/carrier.h) soon after. A
 * message is claimed before its first byte leaves and settled when its outcome is known; one that may have arrived is never sent
 * again by itself. To whom and with which words is sealed in between, and gone afterwards. */
#pragma once

#include "db/keyring.h"
#include "notify/channel.h"

void message_set_keys(const struct keyring *keys);
/* A keyed hash, for what has to be recognised and not read. -ENOKEY. */
MUSTCHECK int message_mac(const char *purpose, struct text data, struct sha256 *ret);

#define MESSAGE_DAY_US (INT64_C(86400) * 1000000)

struct message {
    struct uuid channel;
    const char *what;         /* one of the channel's templates, or a notice's kind */
    struct uuid account;      /* whom it is for; nil */
    const char *to;           /* as struct parcel has it */
    const char *masked;       /* for people and logs: "138****0000" */
    const char *params;       /* JSON, an object of texts; NULL: none */
    int64_t due_us, until_us; /* 0: at once, a day */
};
/* In the call's unit of work. */
MUSTCHECK int message_add(struct call *c, const struct message *m, struct uuid *ret_id);

/* Sends one that is due, and notes what came of it. Not within a unit of work. is_now: also one that waits for its time, over a channel
 * that is turned off, and it is not tried again. *ret_sent false: it is not to be sent now, since somebody else has it, or the rate
 * is used up; *ret_wait_s then says how long. 0; -ECANCELED; an error of the database, before anything was sent. */
MUSTCHECK int message_carry(
    struct call *c, struct uuid id, bool is_now, struct outcome *ret, bool *ret_sent, int64_t *ret_wait_s);
/* One to somebody, to see whether the channel works; it is not tried again. Not within a unit of work. Faults 404, 422, 429 rate. */
struct trial {
    struct uuid channel;
    const char *to, *what, *params;
};
MUSTCHECK int message_try(struct call *c, const struct trial *t, struct outcome *ret);
/* What became of it: the state as in the table, in the arena; a 404 fault. */
MUSTCHECK int message_state(struct call *c, struct uuid id, const char **ret_state, const char **ret_reason);
/* In the tenant: those that were under way and whose carrier is gone are unknown, those that nobody has use for any more are dead. */
MUSTCHECK int message_clear(struct db *db, int32_t tenant);
