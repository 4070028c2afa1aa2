/* Making tenants. */
#include "tenant/tenants.h"

#include <errno.h>

#include "base/clock.h"

static const struct db_stmt next_id = {
    "tenant.next_id", "SELECT nextval(pg_get_serial_sequence('juxin.tenant', 'id'))"};
static const struct db_stmt insert_tenant = {"tenant.insert",
    "INSERT INTO juxin.tenant (id, slug, name, created_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)"};
static const struct db_stmt insert_epoch = {
    "tenant.insert_epoch", "INSERT INTO juxin.epoch (tenant_id, n) VALUES ($1, 1)"};

static tenant_created_fn *hooks[8];
static unsigned hook_count;

void tenant_created_hook(tenant_created_fn *fn)
{
    if (hook_count == ARRAY_LEN(hooks))
        abort();
    hooks[hook_count++] = fn;
}

bool tenant_slug_is_valid(struct text slug)
{
    if (slug.len < 2 || slug.len > 63 || slug.ptr[0] < 'a' || slug.ptr[0] > 'z')
        return false;
    for (size_t i = 0; i < slug.len; i++) {
        char c = slug.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

bool tenant_name_is_valid(struct text name)
{
    return name.len > 0 && text_is_utf8(name) && text_chars(name) <= 100;
}

static int take_id(struct db *db, int32_t *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_tx *tx;
    int r = db_begin(db, 0, DB_WRITE, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = db_exec(tx, next_id, NULL, &rows);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    *ret = (int32_t)db_get_int(rows, 0, 0);
    return db_commit(tx);
}

static int insert(struct db_tx *tx, int32_t id, const char *slug, const char *name, int64_t now)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, id);
    db_arg_str(&a, slug);
    db_arg_str(&a, name);
    db_arg_time(&a, now);
    r = db_exec_expect(tx, insert_tenant, &a, 1);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, id);
    r = db_exec_expect(tx, insert_epoch, &a, 1);
    for (unsigned i = 0; i < hook_count && r == 0; i++)
        r = hooks[i](tx, id, now);
    return r;
}

int tenant_create(
    struct db *db, const char *slug, const char *name, tenant_fill_fn *fill, void *arg, int32_t *ret_id)
{
    int64_t now = clock_wall_us();
    struct db_tx *tx;
    int32_t id;
    int r;

    if (!tenant_slug_is_valid(text_of(slug)) || !tenant_name_is_valid(text_of(name)))
        return -EINVAL;
    r = take_id(db, &id);
    if (r < 0)
        return r;
    r = db_begin(db, id, DB_WRITE, NULL, &tx, NULL);
    if (r < 0)
        return r;
    r = insert(tx, id, slug, name, now);
    if (r == 0 && fill)
        r = fill(tx, id, now, arg);
    if (r < 0) {
        db_rollback(tx);
        return r;
    }
    r = db_commit(tx);
    if (r == 0)
        *ret_id = id;
    return r;
}
