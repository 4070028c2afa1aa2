/* Named statements. */
#include <errno.h>

#include "plugin/host/host.h"
#include "plugin/package/statements.h"

static const struct statement *find(const struct plugin *p, const char *name)
{
    for (size_t i = 0; i < p->statement_count; i++)
        if (strcmp(p->statements[i].name, name) == 0)
            return &p->statements[i];
    return NULL;
}

static void free_rows(void *rows)
{
    db_rows_free(rows);
}

static int run(struct jx_call *call, const struct statement *s, struct db_args *args, struct db_rows **ret)
{
    struct call *c = call->c;
    struct db_call one = {.stmt = s->stmt, .args = args};
    int r;

    if (s->is_write) {
        r = call_begin(c);
        if (r == 0)
            r = host_keep_place(call);
        if (r < 0)
            return r;
    }
    if (!c->tx) {
        r = call_read(c, &one, 1);
        *ret = one.rows;
        return r;
    }
    r = db_exec(c->tx, s->stmt, args, ret);
    if (r == 0)
        arena_defer(c->arena, free_rows, *ret);
    return r;
}

static int32_t query_run(struct jx_call *call, const char *name, const struct jx_text *params, uint32_t count,
    struct jx_rows **ret)
{
    const struct statement *s = find(call->plugin, name);
    struct db_rows *rows = NULL;
    struct plugin_frame *frame;
    struct db_args args;
    int r;

    if (!s || !call->c->tenant)
        return JX_ENOENT;
    if (s->is_write && call->is_read_only)
        return JX_EACCES;
    if (count != s->param_count)
        return JX_EINVAL;
    db_args_reset(&args);
    db_arg_int(&args, call->c->tenant->id);
    for (uint32_t i = 0; i < count; i++) {
        struct text value = host_untext(params[i]);

        if (!statement_accepts(s->params[i], value))
            return JX_EINVAL;
        db_arg_str(&args, value.ptr ? arena_ndup(call->c->arena, value.ptr, value.len) : NULL);
    }
    r = host_go_on(call);
    if (r < 0)
        return r;
    frame = frame_pause();
    r = run(call, s, &args, &rows);
    frame_resume(frame);
    if (r == 0 && ret)
        *ret = (struct jx_rows *)rows;
    return host_error(call, r);
}

static uint32_t query_count(const struct jx_rows *rows)
{
    return rows ? (uint32_t)db_rows_count((const struct db_rows *)rows) : 0;
}

static uint64_t query_affected(const struct jx_rows *rows)
{
    return rows ? db_rows_affected((const struct db_rows *)rows) : 0;
}

static struct jx_text query_get(const struct jx_rows *rows, uint32_t row, uint32_t column)
{
    const struct db_rows *r = (const struct db_rows *)rows;

    if (!r || row >= (uint32_t)db_rows_count(r) || column >= (uint32_t)db_rows_columns(r))
        return (struct jx_text){NULL, 0};
    return host_text(db_get_text(r, (int)row, (int)column));
}

const struct jx_query_api host_query = {
    .size = sizeof(host_query),
    .run = query_run,
    .count = query_count,
    .affected = query_affected,
    .get = query_get,
};
