/* Spans in days, both included, as people write them; inside they are moments at which days begin in the district. */
#pragma once

#include "api/dispatch.h"

/* "from": "2026-03-01": that day's beginning, `add` days on. An absent or null one is the fallback. */
MUSTCHECK int days_take(
    struct call *c, const json_t *body, const char *key, int64_t fallback, int32_t add, int64_t *ret);
/* "from" and "until" (null without an end), and "ended_at" where it is over in the middle of a day. */
void days_write(struct jsonw *w, int64_t from, int64_t until);
/* "reason", "" when absent; at most 500 characters. */
MUSTCHECK int days_reason(struct call *c, const json_t *body, const char **ret);
