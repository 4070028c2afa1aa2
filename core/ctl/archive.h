/* A backup is a directory: database.dump (pg_dump, custom format), the configuration, keys and trust, and manifest.json
 * with every file's SHA-256 and every table's row count and digest. The manifest is written last: without one there is
 * no backup. */
#pragma once

#include <jansson.h>

#include "ctl/ctl.h"
#include "db/admin.h"

#define ARCHIVE_FORMAT 1
#define ARCHIVE_DUMP "database.dump"
#define ARCHIVE_MANIFEST "manifest.json"

/* Name, rows and digest of every table of the deployment; the digest does not depend on the order of rows. A new
 * reference: [{"table", "rows", "digest"}]. The connection must not be bound by row-level security. */
MUSTCHECK int archive_tables(struct admin *a, json_t **ret);
/* The tables in which the two differ, as lines; the number of them. */
uint32_t archive_compare(const json_t *saved, const json_t *present, struct buf *out);

/* {"file", "bytes", "sha256"} of a file in the directory; a new reference, NULL when it cannot be read. */
json_t *archive_file(const char *dir, const char *name);
/* 0 when the directory holds the file as described; -ENOENT, -EBADMSG. */
MUSTCHECK int archive_check(const char *dir, const json_t *entry);
/* Copies a file; the copy is readable by its owner only. */
MUSTCHECK int archive_copy(const char *from, const char *to);
