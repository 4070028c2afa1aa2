/* The blocking connection of the migrator and of juxinctl. */
#include "db/admin.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "db/internal.h"

struct admin {
    PGconn *pg;
    struct db_error error;
    int position;
};

static int keep(struct admin *a, const PGresult *result)
{
    const char *at = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    int64_t position = 0;

    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
        a->error = (struct db_error){.sqlstate = ""};
        return 0;
    default:
        if (at && text_to_i64(text_of(at), 0, INT32_MAX, &position) < 0)
            position = 0;
        a->position = (int)position;
        return error_from_result(result, &a->error);
    }
}

static void no_notice(void *arg, const char *message)
{
}

static bool is_transient(const PGconn *pg)
{
    /* "starting up" and "no such socket" come without a usable SQLSTATE from PQconnectdb. */
    return PQstatus(pg) == CONNECTION_BAD && !PQconnectionNeedsPassword(pg);
}

int admin_open(const char *conninfo, int64_t wait_ms, struct admin **ret, struct db_error *error)
{
    int64_t deadline = clock_mono_ms() + wait_ms;
    struct admin *a = mem_zalloc(sizeof(*a));

    for (;;) {
        struct timespec pause = {.tv_nsec = 50000000};

        a->pg = PQconnectdb(conninfo);
        if (PQstatus(a->pg) == CONNECTION_OK)
            break;
        if (!is_transient(a->pg) || clock_mono_ms() >= deadline) {
            if (error)
                snprintf(error->message, sizeof(error->message), "%s", PQerrorMessage(a->pg));
            admin_close(a);
            return -ECONNREFUSED;
        }
        PQfinish(a->pg);
        nanosleep(&pause, NULL);
    }
    PQsetNoticeProcessor(a->pg, no_notice, NULL);
    if (admin_script(a, "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'") <
        0) {
        if (error)
            *error = a->error;
        admin_close(a);
        return -EIO;
    }
    *ret = a;
    return 0;
}

void admin_close(struct admin *a)
{
    if (!a)
        return;
    PQfinish(a->pg);
    free(a);
}

void admin_freep(struct admin **a)
{
    admin_close(*a);
}

int admin_script(struct admin *a, const char *sql)
{
    PGresult *result = PQexec(a->pg, sql);
    int r = keep(a, result);

    PQclear(result);
    return r;
}

int admin_query(struct admin *a, const char *sql, const struct db_args *args, struct db_rows **ret)
{
    PGresult *result =
        PQexecParams(a->pg, sql, args ? (int)args->count : 0, NULL, args ? args->value : NULL, NULL, NULL, 0);
    int r = keep(a, result);

    if (r == 0 && ret)
        *ret = rows_from(result);
    else
        PQclear(result);
    return r;
}

static void add_literal(struct buf *out, const char *value)
{
    /* E'' reads backslashes the same way whatever standard_conforming_strings says. */
    buf_adds(out, " E'");
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_addc(out, *value);
        buf_addc(out, *value);
    }
    buf_addc(out, '\'');
}

int admin_set_password(struct admin *a, const char *role, const char *password)
{
    char *verifier = PQencryptPasswordConn(a->pg, password, role, "scram-sha-256");
    struct buf sql = BUF_INIT;
    int r;

    if (!verifier) {
        snprintf(a->error.message, sizeof(a->error.message), "%s", PQerrorMessage(a->pg));
        return -EIO;
    }
    buf_adds(&sql, "ALTER ROLE ");
    sql_add_name(&sql, role);
    buf_adds(&sql, " PASSWORD");
    add_literal(&sql, verifier);
    r = admin_script(a, buf_str(&sql));
    buf_done(&sql);
    PQfreemem(verifier);
    return r;
}

const struct db_error *admin_error(const struct admin *a)
{
    return &a->error;
}

bool admin_is_lost(const struct admin *a)
{
    return PQstatus(a->pg) == CONNECTION_BAD;
}

int admin_error_position(const struct admin *a)
{
    return a->position;
}

void sql_add_name(struct buf *out, const char *name)
{
    buf_addc(out, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_addc(out, '"');
        buf_addc(out, *name);
    }
    buf_addc(out, '"');
}
