/* The token that WeCom and WeChat want with every request: got for a secret, good for two hours, and each new one may end the one before.
 * So one is kept for the channel, sealed in the database, and where it is missing or not believed any more one of all who find that out
 * gets the next, while the others wait for it. */
#pragma once

#include "notify/channel.h"

/* In a fiber, not within a unit of work. url: what the token is got from, with the secret in it. refused: the token that was not believed;
 * NULL at first. 0 with the token in the arena; 1 with *fate, why there is none; -ECANCELED, an error of the database. */
MUSTCHECK int access_token_get(struct call *c, const struct channel *ch, const char *url, const char *refused,
    const char **ret, struct outcome *fate);
