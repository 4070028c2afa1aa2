/* The database and its four roles, made by a superuser once; safe to run again (passwords are then new). */
#pragma once

#include "base/base.h"
#include "base/buf.h"

/* Rights belong to the roles juxin_owner, juxin_app …; the logins are called DATABASE_owner, DATABASE_app … and are
 * members of those (or the same, for a database called juxin).
 * owner: migrations; app: the server, owns nothing; dispatch: finds tenants with work waiting; aggregate: counts above
 * tenants. */
enum bootstrap_role { ROLE_OWNER, ROLE_APP, ROLE_DISPATCH, ROLE_AGGREGATE, BOOTSTRAP_ROLES };

struct bootstrap {
    const char *superuser; /* conninfo */
    const char *database;  /* NULL: juxin */
    bool must_be_new;      /* -EEXIST when the database is there: somebody else's server may be using it */
    /* Filled in: */
    char *conninfo[BOOTSTRAP_ROLES]; /* with the new passwords; place and TLS settings as the superuser's */
    struct buf problem;
};

/* Blocks. 0 or -errno with a sentence in problem. */
MUSTCHECK int bootstrap_run(struct bootstrap *b);
void bootstrap_done(struct bootstrap *b); /* wipes and frees what was filled in */
