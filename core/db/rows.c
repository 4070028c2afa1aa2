/* Results, and what SQLSTATEs mean to callers. A struct db_rows is libpq's PGresult under another name: one allocation
 * less per statement, and libpq stays out of the header. */
#include <errno.h>

#include "base/clock.h"
#include "db/internal.h"

static const PGresult *result_of(const struct db_rows *r)
{
    return (const PGresult *)(const void *)r;
}

struct db_rows *rows_from(PGresult *take_result)
{
    return (struct db_rows *)(void *)take_result;
}

int db_rows_count(const struct db_rows *r)
{
    return PQntuples(result_of(r));
}

uint64_t db_rows_affected(const struct db_rows *r)
{
    return strtoull(PQcmdTuples((PGresult *)(void *)(uintptr_t)r), NULL, 10);
}

int db_rows_columns(const struct db_rows *r)
{
    return PQnfields(result_of(r));
}

const char *db_get(const struct db_rows *r, int row, int column)
{
    return PQgetisnull(result_of(r), row, column) ? NULL : PQgetvalue(result_of(r), row, column);
}

struct text db_get_text(const struct db_rows *r, int row, int column)
{
    const char *s = db_get(r, row, column);

    return (struct text){s, s ? (size_t)PQgetlength(result_of(r), row, column) : 0};
}

int64_t db_get_int(const struct db_rows *r, int row, int column)
{
    const char *s = db_get(r, row, column);

    return s ? strtoll(s, NULL, 10) : 0;
}

bool db_get_bool(const struct db_rows *r, int row, int column)
{
    const char *s = db_get(r, row, column);

    return s && s[0] == 't';
}

struct uuid db_get_uuid(const struct db_rows *r, int row, int column)
{
    struct uuid id;

    return uuid_parse(db_get_text(r, row, column), &id) == 0 ? id : UUID_NIL;
}

/* "2026-11-23 02:24:58.123456+00" → RFC 3339. Connections run with TimeZone UTC and DateStyle ISO. */
int64_t db_get_time(const struct db_rows *r, int row, int column)
{
    struct text t = db_get_text(r, row, column);
    char copy[48];
    int64_t us;

    if (!t.ptr || text_is(t, "-infinity"))
        return 0;
    if (text_is(t, "infinity"))
        return INT64_MAX;
    if (t.len < 22 || t.len > 40 || t.ptr[t.len - 3] != '+')
        return 0;
    snprintf(copy, sizeof(copy), "%.*s:00", (int)t.len, t.ptr);
    copy[10] = 'T';
    return clock_parse(text_of(copy), &us) == 0 ? us : 0;
}

void db_rows_free(struct db_rows *r)
{
    PQclear((PGresult *)(void *)r);
}

void db_rows_freep(struct db_rows **r)
{
    db_rows_free(*r);
}

static const struct {
    const char *prefix;
    int status;
} meanings[] = {
    {"23505", -EEXIST},
    {"23503", -ENOLINK},
    {"40001", -EDEADLK},
    {"40P01", -EDEADLK},
    {"57014", -ETIMEDOUT},
    {"55P03", -ETIMEDOUT},
    {"53100", -ENOSPC},
    {"53200", -EAGAIN},
    {"53300", -EAGAIN},
    {"57P0", -ECONNRESET},
    {"25P03", -ECONNRESET},
    {"08", -ECONNRESET},
};

int error_from_result(const PGresult *result, struct db_error *ret)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    snprintf(ret->sqlstate, sizeof(ret->sqlstate), "%s", state ? state : "");
    snprintf(ret->message, sizeof(ret->message), "%s", message ? message : PQresultErrorMessage(result));
    if (!state)
        return -ECONNRESET;
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (strncmp(state, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
            return meanings[i].status;
    return -EIO;
}
