/* What a message says. Most are notices: their words are made when the message goes out, of what is stored in the notice, so that both
 * languages are right, and nobody is told what they have read meanwhile, or of a plugin that was turned off. */
#pragma once

#include "notify/channel.h"

/* Parameters of a message about a notice, and of one about all that came since. */
const char *news_of_notice(struct call *c, struct uuid account, struct uuid notice, const char *language);
const char *news_of_digest(
    struct call *c, struct uuid account, struct uuid first, const char *channel_kind, const char *language);

/* Completes the parcel, from the parameters in it. *ret_gone: why there is nothing to be said any more, a code; NULL. */
MUSTCHECK int news_fill(struct call *c, const struct channel *ch, struct parcel *p, const char **ret_gone);
