/* libcurl's multi interface on the loop: transfers that others set up are run to their end. */
#pragma once

#include <curl/curl.h>

#include "base/base.h"

MUSTCHECK int multi_init(uint32_t side_by_side);
void multi_done(void);
/* Runs the transfer and suspends the fiber until it is over. 0 with curl's result; -ECANCELED, -ETIMEDOUT (the deadline, on
 * clock_mono_ms, which is a net under curl's own); -EBUSY when there are too many. The handle stays the caller's. */
MUSTCHECK int multi_run(CURL *easy, int64_t deadline_ms, CURLcode *ret);
