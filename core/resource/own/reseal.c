/* Place by place, a page of rows a step. What was sealed anew is not found again, so a job that was broken off goes on with what is left.
 * It comes back until a look through everything has found nothing: a server that has not been told of the new key yet may seal by the
 * old one for a while. */
#include "resource/own/reseal.h"

#include <errno.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/cipher.h"
#include "resource/declare/resource.h"

#define EVERY_S (6 * 3600)
#define PAGE 100

static const struct db_stmt read_mark = {
    "reseal.mark", "SELECT 1 FROM juxin.resealed WHERE tenant_id = $1 AND key_id = $2"};
static const struct db_stmt write_mark = {"reseal.write_mark",
    "INSERT INTO juxin.resealed (tenant_id, key_id, at) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, key_id) "
    "DO UPDATE SET at "
    "= excluded.at"};
/* Of one record's: what the step reads in pages, and what it writes. */
static const struct db_stmt find_history = {"reseal.history",
    "SELECT h.record_id, h.version, h.id, h.changes FROM juxin.history h WHERE h.tenant_id = $1 AND "
    "h.resource = $2 AND "
    "(h.record_id, h.version, h.id) > ($3::uuid, $4::bigint, $5::uuid) AND h.changes LIKE '%$A256GCM$%' "
    "ORDER BY h.record_id, "
    "h.version, h.id LIMIT $6 FOR UPDATE"};
static const struct db_stmt write_history = {"reseal.write_history",
    "UPDATE juxin.history SET changes = $6 WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND "
    "version = $4 AND id = "
    "$5"};

/* A column of sealed values, and what each is bound to: the tenant, then this with the row's key in the place of %s. */
struct place {
    const char *table, *key, *column, *bound_to;
};
static const struct place places[] = {
    {"juxin.tenant_key", "name", "sealed", "tenant_key.%s|00000000-0000-0000-0000-000000000000"},
    {"juxin.invitation", "id", "phone", "invitation.phone|%s"},
    {"juxin.channel", "id", "secrets", "channel|%s|secrets"},
};

struct resealing {
    const struct place *place;
    const struct resource *res;
    const char *prefix; /* of what is sealed by the current key */
    struct text key_id;
    struct {
        char key[64];
        struct uuid record, id;
        int64_t version;
    } at, next;             /* read on behind this */
    uint32_t found, sealed; /* by the step */
    uint32_t failed;
    int64_t total, total_failed;
    bool is_done;
};

/* ---- values ---- */

/* What a row's value is bound to. Keys are ids, or short words of the server's own. */
static const char *bound_to(struct arena *a, const struct place *p, const char *key)
{
    const char *at = strstr(p->bound_to, "%s");

    return arena_printf(a, "%.*s%s%s", (int)(at - p->bound_to), p->bound_to, key, at + 2);
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    buf_done(b);
}

/* NULL: it cannot be opened; the log says so, it stays. */
static const char *anew(struct call *c, const char *sealed, const char *to)
{
    struct text binding = text_of(arena_printf(c->arena, "%d|%s", c->tenant->id, to));
    CLEANUP(wipe) struct buf plain = BUF_INIT;
    CLEANUP(buf_done) struct buf out = BUF_INIT;
    int r = cipher_open(text_of(sealed), binding, &plain);

    if (r == 0)
        r = cipher_seal(buf_text(&plain), binding, &out);
    if (r == 0)
        return arena_dup(c->arena, buf_str(&out));
    log_event(LOG_ERROR, "reseal.failed", LF_INT("tenant", c->tenant->id), LF_STR("bound_to", to),
        LF_INT("error", r));
    return NULL;
}

/* ---- rows ---- */

static int write_value(struct call *c, const struct place *p, const char *key, const char *value)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, key);
    db_arg_str(&a, value);
    return db_exec_expect(c->tx,
        db_stmt_built(c->arena,
            arena_printf(c->arena, "UPDATE %s AS r SET \"%s\" = $3 WHERE r.tenant_id = $1 AND r.%s = $2",
                p->table, p->column, p->key)),
        &a, 1);
}

static int find_rows(struct call *c, const struct resealing *x, struct db_call *ret)
{
    const struct place *p = x->place;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, x->prefix);
    db_arg_str(a, *x->at.key ? x->at.key : NULL);
    db_arg_int(a, PAGE);
    *ret = (struct db_call){.args = a,
        .stmt = db_stmt_built(
            c->arena, arena_printf(c->arena,
                          "SELECT r.%s, r.\"%s\" FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" IS NOT NULL "
                          "AND NOT starts_with(r.\"%s\", "
                          "$2) AND ($3::%s IS NULL OR r.%s > $3) ORDER BY r.%s LIMIT $4 FOR UPDATE",
                          p->key, p->column, p->table, p->column, p->column,
                          strcmp(p->key, "id") == 0 ? "uuid" : "text", p->key, p->key))};
    return call_read(c, ret, 1);
}

static int step_rows(struct call *c, struct job *j, void *arg)
{
    struct resealing *x = arg;
    struct db_call call;
    int r = find_rows(c, x, &call);

    x->found = r == 0 ? (uint32_t)db_rows_count(call.rows) : 0;
    x->sealed = x->failed = 0;
    x->next = x->at;
    for (uint32_t i = 0; r == 0 && i < x->found; i++) {
        const char *key = db_get(call.rows, (int)i, 0);
        const char *value = anew(c, db_get(call.rows, (int)i, 1), bound_to(c->arena, x->place, key));

        snprintf(x->next.key, sizeof(x->next.key), "%s", key);
        if (value)
            r = write_value(c, x->place, key, value);
        x->sealed += value != NULL;
        x->failed += value == NULL;
    }
    j->stage = "rows";
    j->done = x->total + x->sealed;
    return r;
}

/* ---- history ---- */

static bool reseal_side(struct call *c, struct resealing *x, json_t *change, size_t side, const char *to)
{
    const char *sealed = json_string_value(json_array_get(change, side)), *value;

    if (!sealed || !cipher_is_old(text_of(sealed)))
        return false;
    value = anew(c, sealed, to);
    x->sealed += value != NULL;
    x->failed += value == NULL;
    if (value && json_array_set_new(change, side, json_string(value)) < 0)
        give_up("out of memory");
    return value != NULL;
}

/* "changes" of a step: {"field": [old, new]}. *ret: NULL when there is nothing to write. */
static int reseal_changes(
    struct call *c, struct resealing *x, const char *record, const char *text, const char **ret)
{
    json_t *changes = NULL;
    bool any = false;
    char *out;
    int r = json_parse(text_of(text), JSON_LIMITS, &changes, NULL);

    *ret = NULL;
    for (uint32_t i = 0; r == 0 && i < x->res->field_count; i++) {
        const struct field *f = &x->res->fields[i];
        json_t *change = f->is_sensitive ? json_object_get(changes, f->name) : NULL;
        const char *to = arena_printf(c->arena, "%s|%s|%s", x->res->full_name, record, f->name);

        if (!change)
            continue;
        any |= reseal_side(c, x, change, 0, to);
        any |= reseal_side(c, x, change, 1, to);
    }
    out = any ? json_dumps(changes, JSON_COMPACT) : NULL;
    if (out)
        *ret = arena_dup(c->arena, out);
    free(out);
    json_decref(changes);
    return r;
}

static void history_args(struct db_args *a, const struct call *c, const struct resealing *x)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, x->res->full_name);
    db_arg_uuid(a, x->next.record);
    db_arg_int(a, x->next.version);
    db_arg_uuid(a, x->next.id);
}

static int step_history(struct call *c, struct job *j, void *arg)
{
    struct resealing *x = arg;
    struct db_args a;
    struct db_call call = {.stmt = find_history, .args = &a};
    int r;

    x->next = x->at;
    x->sealed = x->failed = 0;
    history_args(&a, c, x);
    db_arg_int(&a, PAGE);
    r = call_read(c, &call, 1);
    x->found = r == 0 ? (uint32_t)db_rows_count(call.rows) : 0;
    for (uint32_t i = 0; r == 0 && i < x->found; i++) {
        const char *changes;

        x->next.record = db_get_uuid(call.rows, (int)i, 0);
        x->next.version = db_get_int(call.rows, (int)i, 1);
        x->next.id = db_get_uuid(call.rows, (int)i, 2);
        r = reseal_changes(c, x, db_get(call.rows, (int)i, 0), db_get(call.rows, (int)i, 3), &changes);
        if (r < 0 || !changes)
            continue;
        history_args(&a, c, x);
        db_arg_str(&a, changes);
        r = db_exec_expect(c->tx, write_history, &a, 1);
    }
    j->stage = "history";
    j->done = x->total + x->sealed;
    return r;
}

/* ---- the job ---- */

static void key_args(struct db_args *a, const struct call *c, const struct resealing *x)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, arena_ndup(c->arena, x->key_id.ptr, x->key_id.len));
}

static int look(struct call *c, struct job *j, void *arg)
{
    struct resealing *x = arg;
    struct db_args a;
    struct db_call call = {.stmt = read_mark, .args = &a};
    int r;

    (void)j;
    key_args(&a, c, x);
    r = call_read(c, &call, 1);
    x->is_done = r == 0 && db_rows_count(call.rows) > 0;
    return r;
}

static int mark(struct call *c, struct job *j, void *arg)
{
    struct resealing *x = arg;
    struct db_args a;

    j->result = arena_printf(
        j->arena, "{\"values\":%lld,\"failed\":%lld}", (long long)x->total, (long long)x->total_failed);
    if (x->total || x->total_failed)
        return 0;
    key_args(&a, c, x);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, write_mark, &a, NULL);
}

static int through(struct job *j, struct resealing *x, int (*step)(struct call *c, struct job *j, void *arg))
{
    int r;

    memset(&x->at, 0, sizeof(x->at));
    do {
        r = job_step(j, step, x);
        if (r < 0)
            return r;
        x->total += x->sealed;
        x->total_failed += x->failed;
        x->at = x->next;
    } while (x->found == PAGE);
    return 0;
}

static int through_resource(struct job *j, struct resealing *x)
{
    bool any = false;
    int r = 0;

    for (uint32_t i = 0; i < x->res->field_count && r == 0; i++) {
        const struct field *f = &x->res->fields[i];
        struct place place = {.table = x->res->table,
            .key = "id",
            .column = f->name,
            .bound_to = arena_printf(j->arena, "%s|%%s|%s", x->res->full_name, f->name)};

        if (!f->is_sensitive)
            continue;
        any = true;
        x->place = &place;
        r = through(j, x, step_rows);
    }
    return r == 0 && any ? through(j, x, step_history) : r;
}

static int run(struct job *j)
{
    struct resealing x = {.prefix = cipher_prefix(j->arena)};
    struct text rest = text_of(x.prefix);
    int r;

    if (!x.prefix) /* no keys here */
        return 0;
    text_split(&rest, '$');
    text_split(&rest, '$');
    x.key_id = text_split(&rest, '$');
    r = job_step(j, look, &x);
    for (size_t i = 0; i < ARRAY_LEN(places) && r == 0 && !x.is_done; i++) {
        x.place = &places[i];
        r = through(j, &x, step_rows);
    }
    for (uint32_t i = 0; i < resource_count() && r == 0 && !x.is_done; i++) {
        x.res = resource_at(i);
        r = through_resource(j, &x);
    }
    if (r == 0 && !x.is_done)
        r = job_step(j, mark, &x);
    if (x.total || x.total_failed)
        log_event(LOG_INFO, "reseal.done", LF_INT("tenant", j->tenant), LF_INT("values", x.total),
            LF_INT("failed", x.total_failed));
    return r;
}

const struct job_kind reseal_job = {.name = "own.reseal",
    .label_zh = "更换密钥后重新加密",
    .label_en = "Seal by the new key what older ones have sealed",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run};
