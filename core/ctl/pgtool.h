/* PostgreSQL's own programs, run with a connection string that never stands in their arguments. */
#pragma once

#include "base/base.h"

/* conninfo with another database; malloc'ed. NULL when it is no connection string. */
char *pgtool_conninfo(const char *conninfo, const char *database);
/* The database a connection string names; malloc'ed, NULL when it names none. */
char *pgtool_database(const char *conninfo);

/* Runs pg_dump or pg_restore, the newest installed; arguments end with NULL. 0; -ENOENT when it is not installed; -EIO
 * when it failed, having said why on standard error. Blocks. */
MUSTCHECK int pgtool_run(const char *program, const char *conninfo, const char *const *arguments);
