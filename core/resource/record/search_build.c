/* The job that builds full text anew: first what there is is cleared, where it was built by something else, then every
 * record is read again. Meanwhile changes write their own tokens, by the rules of now; that they are added twice or once too
 * often cleared does not matter, since records are read behind the clearing. */
#include "resource/record/search_build.h"

#include <errno.h>

#include "access/job.h"
#include "resource/declare/resource.h"
#include "resource/record/key.h"
#include "resource/record/search.h"

#define BUILD_BATCH 500
#define CLEAR_BATCH "5000"

static const struct db_stmt states = {
    "search.states", "SELECT resource, spec FROM juxin.search_state WHERE tenant_id = $1"};
static const struct db_stmt note = {"search.note",
    "INSERT INTO juxin.search_state (tenant_id, resource, spec, built_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, resource) DO UPDATE SET spec = EXCLUDED.spec, built_at = EXCLUDED.built_at"};
static const struct db_stmt clear = {"search.clear",
    "DELETE FROM juxin.search WHERE tenant_id = $1 AND resource = $2 AND (token, record_id) IN"
    " (SELECT s.token, s.record_id FROM juxin.search s WHERE s.tenant_id = $1 AND s.resource = $2"
    " ORDER BY s.token, s.record_id LIMIT " CLEAR_BATCH ")"};

/* What tokens depend on: rules, readings, fields. */
static const char *spec_of(struct arena *a, const struct resource *res)
{
    const char *s = search_rules;

    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].is_searchable)
            s = arena_printf(a, "%s %s:%s", s, res->fields[i].name, field_type_name(res->fields[i].type));
    return arena_printf(a, "%s%s", s, key_spec(a, res));
}

static const char *built_by(const struct db_rows *rows, const struct resource *res)
{
    for (int i = 0; i < db_rows_count(rows); i++)
        if (strcmp(db_get(rows, i, 0), res->full_name) == 0)
            return db_get(rows, i, 1);
    return NULL;
}

/* Resources whose last searchable field has gone have something to clear. */
static bool is_due(struct arena *a, const struct resource *res, const char *by)
{
    return (search_has_tokens(res) || by) && (!by || strcmp(by, spec_of(a, res)) != 0);
}

static int note_built(struct arena *a, struct db_tx *tx, const struct resource *res, int64_t now_us)
{
    struct db_args args;

    db_args_reset(&args);
    db_arg_int(&args, db_tx_tenant(tx));
    db_arg_str(&args, res->full_name);
    db_arg_str(&args, spec_of(a, res));
    db_arg_time(&args, now_us);
    return db_exec(tx, note, &args, NULL);
}

int search_is_built(struct call *c, const struct resource *res, bool *ret)
{
    struct db_args *args = arena_alloc(c->arena, sizeof(*args));
    struct db_call call = {.stmt = states, .args = args};
    int r;

    db_args_reset(args);
    db_arg_int(args, c->tenant->id);
    r = call_read(c, &call, 1);
    if (r == 0)
        *ret = !is_due(c->arena, res, built_by(call.rows, res));
    return r;
}

/* ---- whether there is something to do ---- */

static int has_records(struct arena *a, struct db_tx *tx, const struct resource *res, bool *ret)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args args;
    int r;

    db_args_reset(&args);
    db_arg_int(&args, db_tx_tenant(tx));
    r = db_exec(tx,
        db_stmt_built(a, arena_printf(a, "SELECT 1 FROM %s r WHERE r.tenant_id = $1 LIMIT 1", res->table)),
        &args, &rows);
    if (r == 0)
        *ret = db_rows_count(rows) > 0;
    return r;
}

static int look_at(struct arena *a, struct db_tx *tx, const struct resource *res, const char *by,
    int64_t now_us, bool *ret_due)
{
    bool records = true;
    int r = 0;

    if (!is_due(a, res, by))
        return 0;
    if (!by)
        r = has_records(a, tx, res, &records);
    if (r == 0 && !records)
        return note_built(a, tx, res, now_us);
    *ret_due |= r == 0;
    return r;
}

int search_build_schedule(struct db_tx *tx, int64_t now_us)
{
    const struct job_input in = {.kind = "search.build", .key = "search"};
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct arena *a = arena_new();
    bool is_any_due = false;
    struct db_args args;
    int r;

    db_args_reset(&args);
    db_arg_int(&args, db_tx_tenant(tx));
    r = db_exec(tx, states, &args, &rows);
    for (uint32_t i = 0; i < resource_count() && r == 0; i++)
        r = look_at(a, tx, resource_at(i), built_by(rows, resource_at(i)), now_us, &is_any_due);
    if (r == 0 && is_any_due)
        r = job_add_unasked(tx, &in, now_us);
    arena_free(a);
    return r;
}

/* ---- the job ---- */

enum phase { PHASE_FIND, PHASE_CLEAR, PHASE_FILL, PHASE_DONE };

/* Where it stands; its text is the checkpoint: "plugin.resource clear|fill UUID SPEC". */
struct build {
    const struct resource *res;
    enum phase phase;
    struct uuid after;
};
#define BUILD_BEGIN ((struct build){.phase = PHASE_FIND, .after = UUID_NIL})

static void keep(struct call *c, struct job *j, const struct build *b)
{
    j->checkpoint = !b->res ? NULL
                            : arena_printf(c->arena, "%s %s %s %s", b->res->full_name,
                                  b->phase == PHASE_CLEAR ? "clear" : "fill", uuid_format(b->after).s,
                                  spec_of(c->arena, b->res));
    j->stage = b->res ? b->res->full_name : NULL;
}

/* The next resource that is due. */
static int find(struct call *c, struct job *j, struct build *b)
{
    struct db_args *args = arena_alloc(c->arena, sizeof(*args));
    struct db_call call = {.stmt = states, .args = args};
    int r;

    db_args_reset(args);
    db_arg_int(args, c->tenant->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *b = (struct build){.phase = PHASE_DONE, .after = UUID_NIL};
    for (uint32_t i = 0; i < resource_count() && !b->res; i++) {
        const char *by = built_by(call.rows, resource_at(i));

        if (is_due(c->arena, resource_at(i), by))
            *b = (struct build){resource_at(i), by ? PHASE_CLEAR : PHASE_FILL, UUID_NIL};
    }
    keep(c, j, b);
    return 0;
}

static int clear_some(struct call *c, struct job *j, struct build *b)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args args;
    int r;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_str(&args, b->res->full_name);
    r = db_exec(c->tx, clear, &args, &rows);
    if (r == 0 && db_rows_affected(rows) == 0)
        b->phase = PHASE_FILL;
    keep(c, j, b);
    return r;
}

/* Locked, so that no change comes between the reading of a record and the writing of its tokens. */
static int read_some(struct call *c, const struct build *b, struct db_call *call)
{
    struct db_args *args = arena_alloc(c->arena, sizeof(*args));
    const char *columns = "r.id";

    for (uint32_t i = 0; i < b->res->column_count; i++)
        if (search_is_told_by(b->res, i))
            columns = arena_printf(c->arena, "%s, r.\"%s\"", columns, b->res->fields[i].name);
    db_args_reset(args);
    db_arg_int(args, c->tenant->id);
    db_arg_uuid(args, b->after);
    *call = (struct db_call){.args = args,
        .stmt = db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "SELECT %s FROM %s r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL AND r.id > $2"
                          " ORDER BY r.id LIMIT %d FOR SHARE",
                          columns, b->res->table, BUILD_BATCH))};
    return call_read(c, call, 1);
}

static int add_tokens(
    struct call *c, const struct build *b, const struct db_rows *rows, int row, struct search_list *list)
{
    struct record *rec = record_new(c->arena, b->res);
    struct search_tokens t;
    int column = 1, r;

    rec->id = db_get_uuid(rows, row, 0);
    for (uint32_t i = 0; i < b->res->column_count; i++)
        if (search_is_told_by(b->res, i))
            rec->values[i] = db_get(rows, row, column++);
    r = search_tokens_of(c, rec, rec->values, &t);
    if (r == 0)
        search_list_add(list, rec->id, &t);
    return r;
}

static int write_some(struct call *c, const struct build *b, const struct db_rows *rows)
{
    struct search_list list = SEARCH_LIST_INIT;
    int r = 0;

    for (int i = 0; i < db_rows_count(rows) && r == 0; i++)
        r = add_tokens(c, b, rows, i, &list);
    if (r == 0)
        return search_list_write(c, b->res, &list);
    search_list_done(&list);
    return r;
}

static int fill_some(struct call *c, struct job *j, struct build *b)
{
    struct db_call call;
    int count = 0, r = search_has_tokens(b->res) ? read_some(c, b, &call) : 0;

    if (r == 0 && search_has_tokens(b->res))
        count = db_rows_count(call.rows);
    if (r == 0 && count > 0)
        r = write_some(c, b, call.rows);
    if (r < 0)
        return r;
    j->done += count;
    if (count == BUILD_BATCH) {
        b->after = db_get_uuid(call.rows, count - 1, 0);
    } else {
        r = note_built(c->arena, c->tx, b->res, c->now_us);
        *b = BUILD_BEGIN;
    }
    keep(c, j, b);
    return r;
}

/* From one place to the next; a step that is taken twice begins at the same place. */
struct move {
    struct build now, next;
};

static int step(struct call *c, struct job *j, void *arg)
{
    static int (*const phases[])(struct call *, struct job *, struct build *) = {
        [PHASE_FIND] = find, [PHASE_CLEAR] = clear_some, [PHASE_FILL] = fill_some};
    struct move *m = arg;

    m->next = m->now;
    return phases[m->now.phase](c, j, &m->next);
}

/* What the last attempt left; where the declaration is another one since, it begins from the start. */
static struct build resume(const struct job *j)
{
    struct text rest = text_of(j->checkpoint), name = text_split(&rest, ' '), word = text_split(&rest, ' '),
                after = text_split(&rest, ' ');
    struct build b = {.phase = text_is(word, "clear") ? PHASE_CLEAR : PHASE_FILL};

    if (!rest.ptr || uuid_parse(after, &b.after) < 0)
        return BUILD_BEGIN;
    b.res = resource_find(arena_ndup(j->arena, name.ptr, name.len));
    return b.res && text_is(rest, spec_of(j->arena, b.res)) ? b : BUILD_BEGIN;
}

static int run(struct job *j)
{
    struct move m = {.now = resume(j)};
    int r = 0;

    while (r == 0 && m.now.phase != PHASE_DONE) {
        r = job_step(j, step, &m);
        if (r == 0)
            m.now = m.next;
    }
    return r;
}

static const struct job_kind kind = {.name = "search.build",
    .label_zh = "建立搜索索引",
    .label_en = "Building what search finds by",
    .as = JOB_AS_SYSTEM,
    .run = run};

void search_build_register(void)
{
    job_kind_register(&kind);
}
