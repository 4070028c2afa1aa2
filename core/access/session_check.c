/* Are credentials still good? Asked for many at once. */
#include "access/digest_arg.h"
#include "access/session.h"
#include "db/pgarray.h"

#define AT_ONCE 500u /* nobody's reads wait long behind these */

/* By the index on token_hash, whatever is known of the tables' sizes. */
static const struct db_stmt open_sessions = {"session.check",
    "SELECT s.token_hash FROM juxin.session s JOIN juxin.account a ON a.tenant_id = $1 AND a.id = "
    "s.account_id"
    " WHERE s.tenant_id = $1 AND s.token_hash = ANY($2::text[]) AND s.ended_at IS NULL"
    " AND s.absolute_until > $3 AND s.idle_until > $3 AND a.is_active AND NOT a.must_change_password"};
static const struct db_stmt open_tokens = {"session.check_tokens",
    "SELECT t.token_hash FROM juxin.api_token t JOIN juxin.account a ON a.tenant_id = $1 AND a.id = "
    "t.account_id WHERE t.tenant_id = $1 AND t.token_hash = ANY($2::text[]) AND t.revoked_at IS NULL"
    " AND (t.expires_at IS NULL OR t.expires_at > $3) AND a.is_active AND NOT a.must_change_password"};

static int by_hash(const void *a, const void *b)
{
    return memcmp(
        ((const struct session_check *)a)->hash.b, ((const struct session_check *)b)->hash.b, SHA256_LEN);
}

struct session_check *session_check_find(struct session_check *list, size_t count, const struct sha256 *hash)
{
    struct session_check key = {.hash = *hash};

    return count ? bsearch(&key, list, count, sizeof(key), by_hash) : NULL;
}

/* Of `count` ones that are of one kind or the other. */
static int check(
    struct call *c, struct db_stmt stmt, bool is_bearer, struct session_check *list, size_t count)
{
    struct pgarray hashes = PGARRAY_INIT;
    struct db_args a;
    struct db_call call = {.stmt = stmt, .args = &a};
    bool any = false;
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        if (list[i].is_bearer != is_bearer)
            continue;
        any = true;
        pgarray_str(&hashes, digest_arg(c->arena, &list[i].hash));
    }
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, pgarray_end(&hashes));
    db_arg_time(&a, c->now_us);
    if (any)
        r = call_read(c, &call, 1);
    for (int i = 0; any && r == 0 && i < db_rows_count(call.rows); i++) {
        struct sha256 hash;
        struct session_check *found = hex_parse(db_get_text(call.rows, i, 0), hash.b, SHA256_LEN) == 0
                                          ? session_check_find(list, count, &hash)
                                          : NULL;

        if (found)
            found->is_open = true;
    }
    pgarray_done(&hashes);
    return r;
}

int session_check(struct call *c, struct session_check *list, size_t *count)
{
    size_t n = 0;
    int r = 0;

    qsort(list, *count, sizeof(*list), by_hash);
    for (size_t i = 0; i < *count; i++) { /* one browser's streams have one session */
        if (n > 0 && by_hash(&list[n - 1], &list[i]) == 0)
            continue;
        list[n] = list[i];
        list[n++].is_open = false;
    }
    *count = n;
    for (size_t at = 0; r == 0 && at < n; at += AT_ONCE) {
        r = check(c, open_sessions, false, list + at, MIN(n - at, (size_t)AT_ONCE));
        if (r == 0)
            r = check(c, open_tokens, true, list + at, MIN(n - at, (size_t)AT_ONCE));
    }
    return r;
}
