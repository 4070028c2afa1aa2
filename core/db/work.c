/* Finding the tenants that have work waiting: as the dispatch role, which sees just enough columns of every tenant. */
#include "base/mem.h"
#include "db/background.h"

static const struct db_stmt sequence = {"work.sequence",
    "SELECT DISTINCT tenant_id FROM juxin.outbox WHERE seq IS NULL UNION"
    " SELECT DISTINCT tenant_id FROM juxin.event WHERE seq IS NULL LIMIT 5000"};
static const struct db_stmt deliver = {"work.deliver",
    "SELECT DISTINCT tenant_id FROM juxin.outbox WHERE state = 'pending' AND seq IS NOT NULL "
    "AND next_at <= now() LIMIT 5000"};
static const struct db_stmt seal = {
    "work.seal", "SELECT DISTINCT tenant_id FROM juxin.audit_pending LIMIT 5000"};
static const struct db_stmt more_tenants = {
    "work.more_tenants", "SELECT id FROM juxin.tenant WHERE is_active AND id > $1 ORDER BY id LIMIT 5000"};

static void take(const struct db_rows *rows, int32_t **ret, size_t *ret_count)
{
    *ret_count = (size_t)db_rows_count(rows);
    *ret = mem_zarray(MAX(*ret_count, 1u), sizeof(**ret));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (int32_t)db_get_int(rows, (int)i, 0);
}

/* Nobody says who has work: all have. */
static int suspect_all(const struct background *b, struct work *ret)
{
    int r = 0;

    for (int k = 0; k < WORK_KINDS && r == 0; k++)
        r = work_tenants(b, &ret->tenant[k], &ret->count[k]);
    if (r < 0)
        work_done(ret);
    return r;
}

int work_find(const struct background *b, struct work *ret)
{
    struct db_call by_kind[WORK_KINDS] = {{.stmt = sequence}, {.stmt = deliver}, {.stmt = seal}};
    int r;

    if (!b->dispatch)
        return suspect_all(b, ret);
    r = db_read(b->dispatch, 0, by_kind, WORK_KINDS, NULL, NULL);
    for (int k = 0; r == 0 && k < WORK_KINDS; k++)
        take(by_kind[k].rows, &ret->tenant[k], &ret->count[k]);
    db_calls_done(by_kind, WORK_KINDS);
    return r;
}

int work_tenants(const struct background *b, int32_t **ret, size_t *ret_count)
{
    int32_t *list = mem_zarray(1, sizeof(*list)); /* the deployment, 0 */
    size_t count = 1;
    int got;

    do {
        struct db_args args;
        struct db_call more = {.stmt = more_tenants, .args = &args};
        int r;

        db_args_reset(&args);
        db_arg_int(&args, list[count - 1]);
        r = db_read(b->db, 0, &more, 1, NULL, NULL);
        if (r < 0) {
            free(list);
            return r;
        }
        got = db_rows_count(more.rows);
        list = mem_resize(list, count + (size_t)got, sizeof(*list));
        for (int i = 0; i < got; i++)
            list[count++] = (int32_t)db_get_int(more.rows, i, 0);
        db_calls_done(&more, 1);
    } while (got > 0);
    *ret = list;
    *ret_count = count;
    return 0;
}

void work_done(struct work *w)
{
    for (int k = 0; k < WORK_KINDS; k++)
        free(w->tenant[k]);
    *w = (struct work){.count = {0}};
}
