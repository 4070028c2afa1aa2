/* Contents that rows name: the row of a content in the database (schemas/migrations/0007_files.sql). */
#pragma once

#include "access/call.h"
#include "base/digest.h"
#include "blob/blob.h"

/* In the call's unit of work, before the row that names the content: writes the content's own row, which stays locked until
 * the commit, then gives the content its name. */
MUSTCHECK int file_keep(
    struct call *c, struct blob_writer *finished, const struct sha256 *digest, uint64_t size);
const char *file_hex(struct arena *a, const struct sha256 *digest);
