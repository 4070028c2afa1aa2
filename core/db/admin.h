/* A blocking connection for what runs without a loop and before workers exist: bootstrap, migrations, DDL.
 * Never in a worker. */
#pragma once

#include "base/base.h"
#include "db/db.h"

struct admin;

/* conninfo may name hosts: waiting is fine here. Retries for up to wait_ms while the server starts. */
MUSTCHECK int admin_open(const char *conninfo, int64_t wait_ms, struct admin **ret, struct db_error *error);
void admin_close(struct admin *a);
void admin_freep(struct admin **a); /* for CLEANUP() */

/* A script of several statements; one transaction unless it says otherwise. Errors as in db.h, -EIO for most. */
MUSTCHECK int admin_script(struct admin *a, const char *sql);
/* One statement with parameters in text form; ret may be NULL. */
MUSTCHECK int admin_query(struct admin *a, const char *sql, const struct db_args *args, struct db_rows **ret);
/* ALTER ROLE … PASSWORD with a SCRAM verifier made here: the password itself is not sent. */
MUSTCHECK int admin_set_password(struct admin *a, const char *role, const char *password);
const struct db_error *admin_error(const struct admin *a);
bool admin_is_lost(
    const struct admin *a); /* the connection broke: what was under way is undone or done, not half */
/* Position of the error in the script, counted in characters from 1; 0 when unknown. */
int admin_error_position(const struct admin *a);

/* "name" as it may stand in SQL, for statements that take no parameters (CREATE ROLE). Names come from our own constants
 * and configuration. */
struct buf;
void sql_add_name(struct buf *out, const char *name);
