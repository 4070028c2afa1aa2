/* Forward-only migrations: files NNNN_name.sql of a directory, each applied once, in order, its SHA-256 kept. Refused
 * when an applied file has changed or is missing, or a new one is numbered below an applied one.
 *
 * Each runs in a transaction of its own with its row in juxin.migration, unless its first line is
 * "-- juxin:no-transaction"; such a file holds one statement (CREATE INDEX CONCURRENTLY IF NOT EXISTS) that may run once
 * more: a server that dies leaves no note of it. Two servers that start at once are safe: an advisory lock lets one
 * through. Blocks; runs as the owner role, before workers start. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "db/admin.h"

enum migrate_step { MIGRATE_WAITING, MIGRATE_BEGIN, MIGRATE_RETRY, MIGRATE_DONE };

struct migrate {
    const char *scope; /* "core", or a plugin's id */
    const char *dir;
    void (*progress)(void *arg, enum migrate_step step, const char *name, int64_t ms); /* may be NULL */
    void *arg;
    /* Filled in: */
    uint32_t applied, total;
    struct buf problem; /* a sentence for people when it failed; the caller frees it with buf_done */
};

/* 0; -EINVAL (refused, see problem), -ENOENT (no such directory), or an error of the database. */
MUSTCHECK int migrate_run(struct admin *a, struct migrate *m);
/* Counts without applying: 0 with the number still to be applied, errors as above. */
MUSTCHECK int migrate_pending(struct admin *a, struct migrate *m, uint32_t *ret);

/* The pure part, for tests: is this a migration's file name? */
bool migrate_is_name(const char *name);

/* Held while anything changes the schema; also by the DDL of declared resources. Polls: a session that waits inside
 * pg_advisory_lock() holds a snapshot, for which CREATE INDEX CONCURRENTLY would wait in turn. */
MUSTCHECK int migrate_lock(struct admin *a, const struct migrate *m);
MUSTCHECK int migrate_unlock(struct admin *a);
/* A concurrent build that was broken off leaves an invalid index under the name, and IF NOT EXISTS would take it for the
 * finished one. Under the lock, before indexes are built. */
void migrate_drop_invalid_indexes(struct admin *a);
