/* Making the database. Passwords leave this process only as SCRAM verifiers, so that no statement log holds them. */
#include "db/bootstrap.h"

#include <errno.h>

#include "base/digest.h"
#include "db/admin.h"
#include "db/internal.h"

static const char *const role_names[BOOTSTRAP_ROLES] = {
    [ROLE_OWNER] = "juxin_owner",
    [ROLE_APP] = "juxin_app",
    [ROLE_DISPATCH] = "juxin_dispatch",
    [ROLE_AGGREGATE] = "juxin_aggregate",
};

static int fail(struct bootstrap *b, struct admin *a, const char *what, int r)
{
    buf_clear(&b->problem);
    buf_addf(&b->problem, "%s: %s", what, admin_error(a)->message);
    return r;
}

#define ROLE_OPTIONS "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"

static void add_create_role(struct buf *sql, const char *name)
{
    buf_addf(sql,
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') THEN CREATE ROLE %s; END IF; "
        "END$$; ALTER ROLE %s " ROLE_OPTIONS ";",
        name, name, name);
}

/* The rights belong to juxin_app and so on, whatever the database's name, and each database's logins have passwords of
 * their own: several deployments can live in one cluster. */
static int make_role(
    struct bootstrap *b, struct admin *a, enum bootstrap_role role, const char *login, const char *password)
{
    const char *group = role_names[role];
    struct buf sql CLEANUP(buf_done) = BUF_INIT;
    int r;

    add_create_role(&sql, group);
    if (strcmp(login, group) != 0) {
        add_create_role(&sql, login);
        buf_addf(&sql, "GRANT %s TO %s;", group, login);
        if (role == ROLE_OWNER)
            buf_addf(&sql, "ALTER ROLE %s SET role = '%s';", login, group);
    }
    buf_addf(&sql, "ALTER ROLE %s LOGIN", login);
    r = admin_script(a, buf_str(&sql));
    if (r == 0)
        r = admin_set_password(a, login, password);
    return r < 0 ? fail(b, a, login, r) : 0;
}

/* 1 when the database is there, 0 when not. */
static int is_there(struct bootstrap *b, struct admin *a, const char *database)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args args;
    int r;

    db_args_reset(&args);
    db_arg_str(&args, database);
    r = admin_query(a, "SELECT FROM pg_database WHERE datname = $1", &args, &rows);
    return r < 0 ? fail(b, a, "pg_database", r) : db_rows_count(rows) > 0;
}

static int make_database(struct bootstrap *b, struct admin *a, const char *database)
{
    struct buf sql CLEANUP(buf_done) = BUF_INIT;
    int r = is_there(b, a, database);

    if (r != 0)
        return r < 0 ? r : 0;
    buf_adds(&sql, "CREATE DATABASE ");
    sql_add_name(&sql, database);
    buf_addf(&sql, " OWNER %s TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'", role_names[ROLE_OWNER]);
    r = admin_script(a, buf_str(&sql));
    return r < 0 ? fail(b, a, database, r) : 0;
}

static void add_option(struct buf *out, const char *keyword, const char *value)
{
    buf_addf(out, "%s%s='", out->len ? " " : "", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *value);
    }
    buf_addc(out, '\'');
}

/* The superuser's conninfo with another user, password and database. */
static int derive(
    const char *conninfo, const char *user, const char *password, const char *database, char **ret)
{
    static const char *const replaced[] = {"user", "password", "dbname", "passfile", "options", "service"};
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    struct buf out = BUF_INIT;

    if (!options)
        return -EINVAL;
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        bool keep = o->val && o->val[0];

        for (size_t i = 0; keep && i < ARRAY_LEN(replaced); i++)
            keep = strcmp(o->keyword, replaced[i]) != 0;
        if (keep)
            add_option(&out, o->keyword, o->val);
    }
    PQconninfoFree(options);
    add_option(&out, "dbname", database);
    add_option(&out, "user", user);
    if (password)
        add_option(&out, "password", password);
    *ret = buf_take(&out);
    return 0;
}

static int open_in(struct bootstrap *b, const char *database, struct admin **ret)
{
    struct db_error error = {.sqlstate = ""};
    char *info = NULL;
    struct buf joined CLEANUP(buf_done) = BUF_INIT;
    int r;

    /* dbname behind the rest wins; a URI takes it as a parameter. */
    if (!database)
        buf_adds(&joined, b->superuser);
    else if (strstr(b->superuser, "://"))
        buf_addf(&joined, "%s%cdbname=%s", b->superuser, strchr(b->superuser, '?') ? '&' : '?', database);
    else
        buf_addf(&joined, "%s dbname='%s'", b->superuser, database);
    info = buf_take(&joined);
    r = admin_open(info, 30000, ret, &error);
    free(info);
    if (r < 0)
        buf_addf(&b->problem, "cannot connect as superuser: %s", error.message);
    return r;
}

static int open_up(struct bootstrap *b, struct admin *a, const char *database)
{
    struct buf sql CLEANUP(buf_done) = BUF_INIT;
    int r;

    buf_addf(&sql, "ALTER DATABASE %s OWNER TO juxin_owner; REVOKE ALL ON DATABASE %s FROM PUBLIC;", database,
        database);
    for (int i = 0; i < BOOTSTRAP_ROLES; i++)
        buf_addf(
            &sql, "GRANT CONNECT ON DATABASE %s TO %s%s;", database, database, strchr(role_names[i], '_'));
    buf_adds(&sql, "REVOKE ALL ON SCHEMA public FROM PUBLIC;"
                   "CREATE SCHEMA IF NOT EXISTS juxin AUTHORIZATION juxin_owner;"
                   "GRANT USAGE ON SCHEMA juxin TO juxin_app, juxin_dispatch, juxin_aggregate");
    r = admin_script(a, buf_str(&sql));
    return r < 0 ? fail(b, a, database, r) : 0;
}

static void new_password(char *out, size_t size)
{
    struct buf text = BUF_INIT;
    uint8_t random[24];

    random_bytes(random, sizeof(random));
    base64url_add(&text, random, sizeof(random));
    snprintf(out, size, "%s", buf_str(&text));
    buf_done(&text);
}

static int make_roles(struct bootstrap *b, struct admin *server, const char *database)
{
    int r = admin_query(server, "SELECT pg_advisory_lock(7310868735422002)", NULL, NULL);

    if (r < 0)
        return fail(b, server, "lock", r);
    for (int i = 0; r == 0 && i < BOOTSTRAP_ROLES; i++) {
        char password[64], login[80];

        new_password(password, sizeof(password));
        snprintf(login, sizeof(login), "%s%s", database, strchr(role_names[i], '_'));
        r = make_role(b, server, (enum bootstrap_role)i, login, password);
        if (r == 0)
            r = derive(b->superuser, login, password, database, &b->conninfo[i]);
        explicit_bzero(password, sizeof(password));
    }
    return r;
}

int bootstrap_run(struct bootstrap *b)
{
    const char *database = b->database ? b->database : "juxin";
    struct admin *server CLEANUP(admin_freep) = NULL, *inside CLEANUP(admin_freep) = NULL;
    int r;

    /* Role names made from it must fit 63 bytes, and the name stands in SQL unquoted. */
    if (database[0] < 'a' || database[0] > 'z' || strlen(database) > 40 ||
        database[strspn(database, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        buf_adds(&b->problem, "the database's name may hold a-z, 0-9 and _, and begins with a letter");
        return -EINVAL;
    }
    r = open_in(b, NULL, &server);
    if (r == 0 && b->must_be_new)
        r = is_there(b, server, database);
    if (r > 0)
        return -EEXIST;
    if (r == 0)
        r = make_roles(b, server, database);
    if (r == 0)
        r = make_database(b, server, database);
    if (r == 0)
        r = open_in(b, database, &inside);
    return r == 0 ? open_up(b, inside, database) : r;
}

void bootstrap_done(struct bootstrap *b)
{
    for (int i = 0; i < BOOTSTRAP_ROLES; i++) {
        if (b->conninfo[i])
            explicit_bzero(b->conninfo[i], strlen(b->conninfo[i]));
        free(b->conninfo[i]);
        b->conninfo[i] = NULL;
    }
    buf_done(&b->problem);
}
