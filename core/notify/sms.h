/* SMS over a district's gateway (any that takes HTTP). Who wants something sent:
 *
 *     r = sms_number(c->arena, "138 0000 0000", &number);          // +8613800000000; -EINVAL: no mobile number
 *     r = sms_is_ready(c, "code", &ready);                         // is a gateway on that has this template?
 *     r = sms_add(c, &(struct sms){.number = number, .what = "code", .params = "{\"code\":\"123456\",\"minutes\":\"5\"}",
 *             .until_us = c->now_us + 300 * 1000000}, &id);        // in the call's unit of work, beside what it is about
 *
 * sms_add only writes a row: it takes as long for a number that nobody has, holds no fiber while a gateway hangs, and is gone when the
 * unit of work is. The carrier sends within about a quarter of a second of the commit. What became of it: message_state(c, id) —
 * waiting, sending, accepted, refused, unknown (it may have arrived; never repeated by itself) or dead (too late, or too many
 * attempts, none of which reached the gateway). sms_send waits for that instead.
 *
 * Held to: a rate of the gateway and one of each number (token buckets in the database, of the channel's settings); a message that has to
 * wait for them past until_us is dead. The number and the parameters are sealed until it is sent, and then gone; logs have neither. Limits
 * to who may have something sent (sign-in, probing) are the caller's. */
#pragma once

#include "notify/message.h"

struct sms {
    const char *number;  /* as sms_number made it */
    const char *what;    /* which template of the gateway's settings */
    const char *params;  /* JSON, an object of texts */
    struct uuid account; /* whose number it is, if that is known; nil */
    int64_t until_us;    /* of no use afterwards; 0: a day */
};

/* A mobile number of mainland China (11 digits, with or without +86, blanks and dashes), or another one with + and country code.
 * Normal form in the arena; -EINVAL. */
MUSTCHECK int sms_number(struct arena *a, const char *text, const char **ret);
const char *sms_mask(struct arena *a, const char *number); /* "138****0000", "+85****67" */
MUSTCHECK int sms_is_ready(struct call *c, const char *what, bool *ret);
/* In the call's unit of work. Fault 503 no_sms when no gateway is on that has the template. */
MUSTCHECK int sms_add(struct call *c, const struct sms *m, struct uuid *ret_id);
/* Not within a unit of work; waits for the gateway, at most 10 s. Faults 503 no_sms, 429 rate. Is not tried again by itself. */
MUSTCHECK int sms_send(struct call *c, const struct sms *m, struct outcome *ret);
