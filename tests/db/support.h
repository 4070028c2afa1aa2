/* Tests on a real PostgreSQL: a database of one's own, and test bodies that run in a fiber. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/base.h"
#include "db/db.h"

/* The whole program: skips without JUXIN_TEST_PG, makes a database, runs the tests, drops it. */
int support_main(const struct CMUnitTest *tests, size_t count, const char *schema_sql);

/* Conninfo of the test database; role NULL is the superuser. */
const char *support_conninfo(const char *role);
const char *support_database(void);
/* Roles and the core's migrations in the test database. */
void support_migrate(void);
/* Runs SQL as superuser, blocking; the first column of the first row, or "". Valid until the next call. */
const char *support_sql(const char *sql);

/* Runs fn(arg) in a fiber on a loop of its own and returns when it has ended. */
void support_fiber(void (*fn)(void *arg), void *arg);
struct db *support_open(const char *role, uint32_t fast, uint32_t depth, uint32_t slow);
