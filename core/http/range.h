/* Which part of a content a client wants, and whether it has it already (RFC 9110 §13, §14). */
#pragma once

#include "base/base.h"
#include "base/text.h"

enum range { RANGE_WHOLE, RANGE_PART, RANGE_NOWHERE };

/* Of a content of `size` bytes. A Range that is malformed, in other units or of several parts counts as none, as §14.2
 * allows; RANGE_NOWHERE: it begins behind the end (416). */
enum range range_of(struct text range, uint64_t size, uint64_t *ret_first, uint64_t *ret_len);

/* Is the tag (with its quotes) among those of an If-None-Match field, or is that "*"? Weak comparison. */
bool etag_is_among(struct text list, const char *etag);
