/* Are credentials still good? Asked for many at once. */
#include "access/digest_arg.h"
#include "access/session.h"
#include "tenant/pgarray.h"

static const struct db_stmt open_sessions = {"session.check",
    "SELECT x.i FROM unnest($2::bigint[], $3::text[]) AS x(i, hash)"
    " JOIN juxin.session s ON s.tenant_id = $1 AND s.token_hash = x.hash"
    " JOIN juxin.account a ON a.tenant_id = $1 AND a.id = s.account_id WHERE s.ended_at IS NULL"
    " AND s.absolute_until > $4 AND s.idle_until > $4 AND a.is_active AND NOT a.must_change_password"};
static const struct db_stmt open_tokens = {"session.check_tokens",
    "SELECT x.i FROM unnest($2::bigint[], $3::text[]) AS x(i, hash)"
    " JOIN juxin.api_token t ON t.tenant_id = $1 AND t.token_hash = x.hash"
    " JOIN juxin.account a ON a.tenant_id = $1 AND a.id = t.account_id WHERE t.revoked_at IS NULL"
    " AND (t.expires_at IS NULL OR t.expires_at > $4) AND a.is_active AND NOT a.must_change_password"};

static int check(
    struct call *c, struct db_stmt stmt, bool is_bearer, struct session_check *list, size_t count)
{
    struct pgarray index = PGARRAY_INIT, hash = PGARRAY_INIT;
    struct db_args a;
    struct db_call call = {.stmt = stmt, .args = &a};
    int r;

    for (size_t i = 0; i < count; i++) {
        if (list[i].is_bearer != is_bearer)
            continue;
        list[i].is_open = false;
        pgarray_int(&index, (int64_t)i);
        pgarray_str(&hash, digest_arg(c->arena, &list[i].hash));
    }
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, pgarray_end(&index));
    db_arg_str(&a, pgarray_end(&hash));
    db_arg_time(&a, c->now_us);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        list[db_get_int(call.rows, i, 0)].is_open = true;
    pgarray_done(&index);
    pgarray_done(&hash);
    return r;
}

int session_check(struct call *c, struct session_check *list, size_t count)
{
    int r = check(c, open_sessions, false, list, count);

    return r < 0 ? r : check(c, open_tokens, true, list, count);
}
