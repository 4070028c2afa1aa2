/* The signature of a DingTalk robot's request. */
#pragma once

#include "base/buf.h"

/* Appends HMAC-SHA256 of "timestamp\nsecret" under the secret, in base64, encoded for a URL. */
void dingtalk_sign(struct buf *out, const char *secret, int64_t timestamp_ms);
