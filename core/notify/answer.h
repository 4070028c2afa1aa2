/* What an answer over HTTP says about a message. */
#pragma once

#include "fetch/fetch.h"
#include "notify/channel.h"

/* What came of fetch_run (its result r), before anybody reads the body: false when that settles it, with *ret; true for a 2xx. What
 * cannot have been taken may be tried again; what may have been is unknown. */
bool answer_is_good(int r, const struct fetch_answer *answer, struct outcome *ret);
/* The reason of a request that failed, a code. */
const char *answer_reason(int r);
/* What an errcode says. */
struct outcome answer_errcode(struct arena *a, int64_t errcode, int status);
bool answer_is_about_token(int64_t errcode); /* it is not believed (any more) */
/* 0, or -EINVAL: the body as a JSON object; freed with the arena. */
MUSTCHECK int answer_json(struct arena *a, const struct fetch_answer *answer, const json_t **ret);
