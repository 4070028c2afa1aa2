/* What uploads that were broken off left behind, contents that no attachment names any more, contents that never got a
 * row: all of it once it is a day old. A content is removed under a lock on its row; who wants it at that moment waits
 * for that row before giving it its name (attachment.c), so that it is there again before anybody can know. */
#include "resource/beside/attachment_collect.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "blob/blob.h"

#define KEEP_US (INT64_C(24) * 3600 * 1000000)
#define EVERY_S (6 * 3600)
#define BATCH 50
#define SHARD_MAX 4096 /* of a tenant's contents whose digest begins with the same byte: a million in all */

static const struct db_stmt unwanted = {"file.unwanted",
    "SELECT f.sha256 FROM juxin.file f WHERE f.tenant_id = $1 AND f.wanted_at < $2"
    " AND NOT EXISTS (SELECT 1 FROM juxin.attachment a WHERE a.tenant_id = $1 AND a.sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM juxin.attachment a WHERE a.tenant_id = $1 AND a.thumbnail = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM juxin.export e WHERE e.tenant_id = $1 AND e.sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM juxin.import i WHERE i.tenant_id = $1 AND i.sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM juxin.import i WHERE i.tenant_id = $1 AND i.errors_sha256 = f.sha256)"
    " AND NOT EXISTS (SELECT 1 FROM juxin.consent n WHERE n.tenant_id = $1 AND n.scan_sha256 = f.sha256)"
    " ORDER BY f.wanted_at LIMIT $3 FOR UPDATE OF f SKIP LOCKED"};
static const struct db_stmt forget = {
    "file.forget", "DELETE FROM juxin.file WHERE tenant_id = $1 AND sha256 = $2"};
static const struct db_stmt known = {
    "file.known", "SELECT sha256 FROM juxin.file WHERE tenant_id = $1 AND sha256 = ANY($2::text[])"};
static const struct db_stmt claim = {"file.claim",
    "INSERT INTO juxin.file (tenant_id, sha256, size, wanted_at) VALUES ($1, $2, 0, $3)"
    " ON CONFLICT (tenant_id, sha256) DO NOTHING"};

struct collection {
    uint32_t swept, removed; /* told at the end */
    uint32_t step;           /* what the step under way has removed; it may run again from its start */
    struct sha256 *found;    /* of a shard */
    uint32_t found_count;
};

/* Contents whose row is locked, or just made, by this unit of work. */
static int drop(struct call *c, struct collection *x, struct text hex)
{
    struct sha256 digest;
    struct db_args a;
    int r = hex_parse(hex, digest.b, SHA256_LEN);

    if (r == 0)
        r = blob_store()->remove(c->tenant->id, &digest);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, arena_ndup(c->arena, hex.ptr, hex.len));
    x->step++;
    return db_exec_expect(c->tx, forget, &a, 1);
}

static int drop_unwanted(struct call *c, struct job *j, void *arg)
{
    struct collection *x = arg;
    struct db_args a;
    struct db_call call = {.stmt = unwanted, .args = &a};
    int r;

    x->step = 0;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_time(&a, c->now_us - KEEP_US);
    db_arg_int(&a, BATCH);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        r = drop(c, x, db_get_text(call.rows, i, 0));
    j->stage = "unwanted";
    return r;
}

/* A row of our own keeps everybody else from the content until the commit; where there is one already, it is somebody's. */
static int drop_orphan(struct call *c, struct collection *x, const char *hex)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, hex);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, claim, &a, &rows);
    if (r < 0 || db_rows_affected(rows) == 0)
        return r;
    return drop(c, x, text_of(hex));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the database knows of a shard, to be looked up in. */
static const char **sorted(struct arena *a, const struct db_rows *rows, size_t *ret_count)
{
    size_t count = (size_t)db_rows_count(rows);
    const char **list = arena_array(a, count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = db_get(rows, (int)i, 0);
    qsort(list, count, sizeof(*list), by_text);
    *ret_count = count;
    return list;
}

static int drop_orphans(struct call *c, struct job *j, void *arg)
{
    struct collection *x = arg;
    CLEANUP(buf_done) struct buf names = BUF_INIT;
    struct db_args a;
    struct db_call call = {.stmt = known, .args = &a};
    const char **list = NULL;
    size_t count = 0;
    int r;

    x->step = 0;
    for (uint32_t i = 0; i < x->found_count; i++) {
        buf_addc(&names, i ? ',' : '{');
        hex_add(&names, x->found[i].b, SHA256_LEN);
    }
    buf_addc(&names, '}');
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, buf_str(&names));
    r = call_read(c, &call, 1);
    if (r == 0)
        list = sorted(c->arena, call.rows, &count);
    for (uint32_t i = 0; r == 0 && i < x->found_count; i++) {
        const char *hex = arena_ndup(c->arena, names.data + 1 + i * (2 * SHA256_LEN + 1), 2 * SHA256_LEN);

        if (!bsearch(&hex, list, count, sizeof(*list), by_text))
            r = drop_orphan(c, x, hex);
    }
    j->stage = "orphans";
    return r;
}

static int collect(struct job *j, struct collection *x, int64_t before_us)
{
    int r = blob_store()->sweep(j->tenant, before_us, &x->swept);

    do {
        if (r == 0)
            r = job_step(j, drop_unwanted, x);
        x->removed += r == 0 ? x->step : 0;
    } while (r == 0 && x->step == BATCH);
    for (unsigned first = 0; r == 0 && first < 256; first++) {
        r = blob_store()->list(j->tenant, (uint8_t)first, before_us, x->found, SHARD_MAX, &x->found_count);
        if (r < 0 || x->found_count == 0)
            continue;
        r = job_step(j, drop_orphans, x);
        x->removed += r == 0 ? x->step : 0;
    }
    return r;
}

static int run(struct job *j)
{
    CLEANUP(mem_freep) struct sha256 *found = mem_zarray(SHARD_MAX, sizeof(*found));
    struct collection x = {.found = found};
    int r = collect(j, &x, clock_agreed_us() - KEEP_US);

    if (x.swept + x.removed > 0)
        log_event(LOG_INFO, "files.collected", LF_INT("tenant", j->tenant), LF_INT("unfinished", x.swept),
            LF_INT("removed", x.removed));
    /* A store that is not there (yet) is nothing to give up over: it is looked for again at the next turn. */
    return r == -ENODEV ? 0 : r;
}

const struct job_kind attachment_collect = {
    .name = "files.collect",
    .label_zh = "清理无用文件",
    .label_en = "Collect files nobody wants",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run,
};
