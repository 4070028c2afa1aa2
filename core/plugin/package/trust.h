/* Which shared objects this server's owner trusts: a file of SHA-256 digests, written by `juxinctl plugin trust`. It is no
 * secret, and workers read it as a user of their own. */
#pragma once

#include "base/base.h"
#include "base/digest.h"

/* 0 when the digest is listed, -EACCES when it is not or there is no file, -EINVAL for a damaged file. */
MUSTCHECK int trust_check(const char *trust_file, const struct sha256 *digest);
/* Adds a digest with what it is for; 0 also when it is there already. A damaged file is left alone: -EINVAL.
 * -EAGAIN when somebody else is at the file. */
MUSTCHECK int trust_add(
    const char *trust_file, const struct sha256 *digest, const char *plugin, const char *file);
