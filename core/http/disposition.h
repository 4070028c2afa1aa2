/* Content-Disposition (RFC 6266): the name of a file that is sent, with characters beyond ASCII as RFC 8187 has them. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/text.h"

/* The name in a field that a client sent: filename* (UTF-8) before filename, as it stands there, so that it may hold
 * anything but ill-formed UTF-8 and NUL. -EINVAL when it is not such a field, -ENOENT when there is no name in it. */
MUSTCHECK int disposition_parse(struct arena *a, struct text value, const char **ret_name);
/* The value for a name, which is UTF-8 without control characters. */
void disposition_add(struct buf *out, bool is_inline, const char *name);
