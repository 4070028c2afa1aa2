/* Secrets as the database keeps them. */
#pragma once

#include "access/session.h"
#include "base/arena.h"
#include "base/digest.h"

const char *digest_arg(struct arena *a, const struct sha256 *h); /* lower-case hex */
void token_random(char out[SESSION_TOKEN_LEN + 1]);
