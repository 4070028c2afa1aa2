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
static const struct db_stmt every_tenant = {"work.every_tenant",
    "SELECT 0 UNION ALL SELECT id FROM juxin.tenant WHERE is_active ORDER BY 1 LIMIT 5000"};

static void take(const struct db_rows *rows, int32_t **ret, size_t *ret_count)
{
    *ret_count = (size_t)db_rows_count(rows);
    *ret = mem_zarray(MAX(*ret_count, 1u), sizeof(**ret));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (int32_t)db_get_int(rows, (int)i, 0);
}

int work_find(const struct background *b, struct work *ret)
{
    struct db_call by_kind[WORK_KINDS] = {{.stmt = sequence}, {.stmt = deliver}, {.stmt = seal}};
    struct db_call all = {.stmt = every_tenant};
    int r;

    r = b->dispatch ? db_read(b->dispatch, 0, by_kind, WORK_KINDS, NULL, NULL)
                    : db_read(b->db, 0, &all, 1, NULL, NULL);
    for (int k = 0; r == 0 && k < WORK_KINDS; k++)
        take(b->dispatch ? by_kind[k].rows : all.rows, &ret->tenant[k], &ret->count[k]);
    db_calls_done(by_kind, WORK_KINDS);
    db_calls_done(&all, 1);
    return r;
}

int work_tenants(const struct background *b, int32_t **ret, size_t *ret_count)
{
    struct db_call all = {.stmt = every_tenant};
    int r = db_read(b->db, 0, &all, 1, NULL, NULL);

    if (r == 0)
        take(all.rows, ret, ret_count);
    db_calls_done(&all, 1);
    return r;
}

void work_done(struct work *w)
{
    for (int k = 0; k < WORK_KINDS; k++)
        free(w->tenant[k]);
    *w = (struct work){.count = {0}};
}
