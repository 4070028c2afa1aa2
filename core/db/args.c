/* Parameters in text form, and names for built statements. */
#include "db/db.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/digest.h"

static char *next_scratch(struct db_args *a)
{
    if (a->count >= DB_ARGS_MAX)
        abort();
    a->value[a->count] = a->scratch[a->count];
    return a->scratch[a->count++];
}

void db_args_reset(struct db_args *a)
{
    a->count = 0;
}

void db_arg_str(struct db_args *a, const char *s)
{
    if (a->count >= DB_ARGS_MAX)
        abort();
    a->value[a->count++] = s;
}

void db_arg_int(struct db_args *a, int64_t v)
{
    snprintf(next_scratch(a), sizeof(a->scratch[0]), "%lld", (long long)v);
}

void db_arg_bool(struct db_args *a, bool v)
{
    db_arg_str(a, v ? "t" : "f");
}

void db_arg_uuid(struct db_args *a, struct uuid id)
{
    struct uuid_text t = uuid_format(id);

    memcpy(next_scratch(a), t.s, sizeof(t.s));
}

void db_arg_uuid_or_null(struct db_args *a, struct uuid id)
{
    if (uuid_is_nil(id))
        db_arg_str(a, NULL);
    else
        db_arg_uuid(a, id);
}

void db_arg_time(struct db_args *a, int64_t wall_us)
{
    struct clock_text t = clock_format(wall_us);

    memcpy(next_scratch(a), t.s, sizeof(t.s));
}

void db_arg_date(struct db_args *a, int32_t days)
{
    struct clock_text t = date_format(days);

    memcpy(next_scratch(a), t.s, sizeof(t.s));
}

struct db_stmt db_stmt_built(struct arena *a, const char *sql)
{
    struct sha256 digest = sha256_of(text_of(sql));

    return (struct db_stmt){
        .name = arena_printf(a, "~%.32s", sha256_format(&digest).s), .sql = arena_dup(a, sql)};
}
