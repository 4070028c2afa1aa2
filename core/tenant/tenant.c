/* The cache of tenant snapshots: least recently used ones go, concurrent loads of one tenant are one load, unknown
 * slugs are remembered for a moment. One loop thread: nothing here needs a lock, but every db call may suspend, and
 * what was looked up before it must be looked up again after it. */
#include "tenant/tenant.h"

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/fiber.h"

#define CACHE_MAX 4096
#define BUCKETS 4096
#define UNKNOWN_MAX 1024
#define UNKNOWN_MS 2000
#define SLUG_MAX 64

static const struct db_stmt find_slug = {"tenant.find_slug", "SELECT id FROM juxin.tenant WHERE slug = $1"};
static const struct db_stmt load_tenant = {
    "tenant.load", "SELECT slug, name, is_active, now() FROM juxin.tenant WHERE id = $1"};
static const struct db_stmt load_units = {"tenant.load_units",
    "SELECT id, parent_id, code, name, level, closed_at IS NOT NULL FROM juxin.unit WHERE tenant_id = $1"
    " ORDER BY tenant_id, code"};
static const struct db_stmt bump_tenant = {
    "epoch.bump", "UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = $1"};
static const struct db_stmt bump_from = {
    "epoch.bump_from", "UPDATE juxin.epoch SET n = n + 1 WHERE tenant_id = $1 AND n = $2"};
static const struct db_stmt bump_deployment = {
    "epoch.bump_deployment", "UPDATE juxin.deployment_epoch SET n = n + 1"};

struct entry {
    struct tenant *tenant;
    struct entry *next_id, *next_slug; /* in the buckets */
    struct entry *older, *newer;       /* least recently used list */
};

struct waiter {
    struct waiter *next;
    struct fiber_wait wait;
    bool done;
};

struct load {
    int32_t id;
    struct load *next;
    struct waiter *waiters;
};

struct unknown {
    char slug[SLUG_MAX + 1];
    int64_t until_ms;
};

static struct entry *ids[BUCKETS], *slugs[BUCKETS], *oldest, *newest;
static uint32_t cached;
static struct load *loads;
static struct unknown unknown[UNKNOWN_MAX];
static struct tenant_part parts[TENANT_PARTS];

void tenant_part_register(enum tenant_part_id id, const struct tenant_part *part)
{
    parts[id] = *part;
}

/* ---- references ---- */

struct tenant *tenant_ref(struct tenant *t)
{
    t->refs++;
    return t;
}

static void tenant_free(struct tenant *t)
{
    for (int i = TENANT_PARTS - 1; i >= 0; i--) {
        if (t->parts[i] && parts[i].free)
            parts[i].free(t->parts[i]);
    }
    tree_free(t->tree);
    free(t->slug);
    free(t->name);
    free(t);
}

void tenant_unref(struct tenant *t)
{
    if (t && --t->refs == 0)
        tenant_free(t);
}

/* ---- the cache ---- */

static uint32_t slug_bucket(struct text slug)
{
    return text_hash(slug) % BUCKETS;
}

static void list_remove(struct entry *e)
{
    *(e->older ? &e->older->newer : &oldest) = e->newer;
    *(e->newer ? &e->newer->older : &newest) = e->older;
    e->older = e->newer = NULL;
}

static void list_add(struct entry *e)
{
    e->older = newest;
    *(newest ? &newest->newer : &oldest) = e;
    newest = e;
}

static void cache_remove(struct entry *e)
{
    struct entry **p;

    for (p = &ids[(uint32_t)e->tenant->id % BUCKETS]; *p != e; p = &(*p)->next_id)
        ;
    *p = e->next_id;
    for (p = &slugs[slug_bucket(text_of(e->tenant->slug))]; *p != e; p = &(*p)->next_slug)
        ;
    *p = e->next_slug;
    list_remove(e);
    tenant_unref(e->tenant);
    free(e);
    cached--;
}

static struct entry *cache_find_id(int32_t id)
{
    struct entry *e = ids[(uint32_t)id % BUCKETS];

    while (e && e->tenant->id != id)
        e = e->next_id;
    return e;
}

static struct entry *cache_find_slug(struct text slug)
{
    struct entry *e = slugs[slug_bucket(slug)];

    while (e && !text_is(slug, e->tenant->slug))
        e = e->next_slug;
    return e;
}

static struct tenant *cache_use(struct entry *e)
{
    list_remove(e);
    list_add(e);
    return tenant_ref(e->tenant);
}

static void cache_put(struct tenant *t)
{
    struct entry *e = cache_find_id(t->id);
    struct entry **p;

    if (e)
        cache_remove(e);
    if (cached >= CACHE_MAX)
        cache_remove(oldest);
    e = mem_zalloc(sizeof(*e));
    e->tenant = tenant_ref(t);
    p = &ids[(uint32_t)t->id % BUCKETS];
    e->next_id = *p;
    *p = e;
    p = &slugs[slug_bucket(text_of(t->slug))];
    e->next_slug = *p;
    *p = e;
    list_add(e);
    cached++;
}

void tenant_cache_clear(void)
{
    while (oldest)
        cache_remove(oldest);
    memset(unknown, 0, sizeof(unknown));
}

/* ---- loading ---- */

static int read_units(struct tenant *t, const struct db_rows *rows)
{
    int count = db_rows_count(rows), r = 0;
    struct tree_unit *units = mem_zarray((size_t)count + 1, sizeof(*units));

    for (int i = 0; i < count && r == 0; i++) {
        units[i] = (struct tree_unit){.id = db_get_uuid(rows, i, 0),
            .parent = db_get_uuid(rows, i, 1),
            .code = db_get(rows, i, 2),
            .name = db_get(rows, i, 3),
            .is_closed = db_get_bool(rows, i, 5)};
        r = level_parse(db_get_text(rows, i, 4), &units[i].level);
    }
    if (r == 0)
        r = tree_build(units, (size_t)count, &t->tree, NULL, NULL);
    free(units);
    return r < 0 ? -EIO : 0; /* the database holds a tree that its services cannot have written */
}

static int load_basics(struct db_tx *tx, struct tenant *t)
{
    struct db_args a;
    struct db_call calls[2] = {{.stmt = load_tenant, .args = &a}, {.stmt = load_units, .args = &a}};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, t->id);
    r = db_exec_many(tx, calls, 2);
    if (r < 0)
        return r;
    if (db_rows_count(calls[0].rows) == 0) {
        r = -ENOENT;
    } else {
        t->slug = str_dup(db_get(calls[0].rows, 0, 0));
        t->name = str_dup(db_get(calls[0].rows, 0, 1));
        t->is_active = db_get_bool(calls[0].rows, 0, 2);
        t->as_of_us = db_get_time(calls[0].rows, 0, 3);
        r = read_units(t, calls[1].rows);
    }
    db_calls_done(calls, 2);
    return r;
}

static int load_parts(struct db_tx *tx, struct tenant *t)
{
    int r = 0;

    for (int i = 0; i < TENANT_PARTS && r == 0; i++) {
        if (parts[i].load)
            r = parts[i].load(tx, t, &t->parts[i]);
    }
    return r;
}

static int load_snapshot(struct db *db, int32_t id, struct tenant **ret)
{
    struct tenant *t = mem_zalloc(sizeof(*t));
    struct db_tx *tx;
    int r;

    t->id = id;
    t->refs = 1;
    r = db_begin(db, id, DB_SNAPSHOT, &t->epoch, &tx, NULL);
    if (r == 0) {
        r = load_basics(tx, t);
        if (r == 0)
            r = load_parts(tx, t);
        db_rollback(tx);
    }
    if (r < 0) {
        tenant_free(t);
        return r;
    }
    *ret = t;
    return 0;
}

static struct load *load_running(int32_t id)
{
    struct load *l = loads;

    while (l && l->id != id)
        l = l->next;
    return l;
}

static void load_end(struct load *load)
{
    struct load **p;

    for (p = &loads; *p != load; p = &(*p)->next)
        ;
    *p = load->next;
    for (struct waiter *w = load->waiters, *next; w; w = next) {
        next = w->next;
        w->done = true;
        fiber_wake(&w->wait);
    }
}

static void forget_waiter(int32_t id, struct waiter *w)
{
    struct load *l = load_running(id);
    struct waiter **p;

    for (p = &l->waiters; *p != w; p = &(*p)->next)
        ;
    *p = w->next;
}

/* Waits for a load that somebody else began. Its outcome is not ours (that fiber may have been cancelled): the caller
 * looks into the cache again. */
static int load_join(struct load *load)
{
    struct waiter w = {.next = load->waiters};
    int32_t id = load->id;
    int r;

    load->waiters = &w;
    r = fiber_park(&w.wait, INT64_MAX);
    if (!w.done)
        forget_waiter(id, &w);
    return r;
}

static int load_own(struct db *db, int32_t id, struct tenant **ret)
{
    struct load load = {.id = id, .next = loads};
    struct tenant *t = NULL;
    int r;

    loads = &load;
    r = load_snapshot(db, id, &t);
    if (r == 0)
        cache_put(t);
    load_end(&load);
    if (r < 0)
        return r;
    *ret = t;
    return 0;
}

static bool is_at_least(struct db_epoch have, struct db_epoch want)
{
    return have.tenant >= want.tenant && have.deployment >= want.deployment;
}

int tenant_refresh(struct db *db, int32_t id, struct db_epoch epoch, struct tenant **ret)
{
    for (;;) {
        struct entry *e = cache_find_id(id);
        struct load *load;
        int r;

        if (e && is_at_least(e->tenant->epoch, epoch)) {
            *ret = cache_use(e);
            return 0;
        }
        load = load_running(id);
        if (!load)
            return load_own(db, id, ret);
        r = load_join(load);
        if (r < 0)
            return r;
    }
}

int tenant_get_by_id(struct db *db, int32_t id, struct tenant **ret)
{
    return tenant_refresh(db, id, (struct db_epoch){0}, ret);
}

static struct unknown *unknown_slot(struct text slug)
{
    return &unknown[slug_bucket(slug) % UNKNOWN_MAX];
}

static bool is_slug(struct text slug)
{
    if (slug.len < 1 || slug.len > SLUG_MAX)
        return false;
    for (size_t i = 0; i < slug.len; i++) {
        char c = slug.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return true;
}

static int ask_slug(struct db *db, struct text slug, int32_t *ret_id)
{
    struct unknown *u = unknown_slot(slug);
    struct db_args a;
    struct db_call call = {.stmt = find_slug, .args = &a};
    char name[SLUG_MAX + 1];
    int r;

    if (text_is(slug, u->slug) && clock_mono_ms() < u->until_ms)
        return -ENOENT;
    snprintf(name, sizeof(name), "%.*s", (int)slug.len, slug.ptr);
    db_args_reset(&a);
    db_arg_str(&a, name);
    r = db_read(db, 0, &call, 1, NULL, NULL);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0) {
        memcpy(u->slug, name, sizeof(u->slug));
        u->until_ms = clock_mono_ms() + UNKNOWN_MS;
        r = -ENOENT;
    } else {
        *ret_id = (int32_t)db_get_int(call.rows, 0, 0);
    }
    db_calls_done(&call, 1);
    return r;
}

int tenant_get(struct db *db, struct text slug, struct tenant **ret)
{
    struct entry *e = cache_find_slug(slug);
    int32_t id;
    int r;

    if (e) {
        *ret = cache_use(e);
        return 0;
    }
    if (!is_slug(slug))
        return -ENOENT;
    r = ask_slug(db, slug, &id);
    return r < 0 ? r : tenant_get_by_id(db, id, ret);
}

/* ---- epochs ---- */

static int bump(struct db_tx *tx, struct db_stmt stmt, bool with_tenant)
{
    struct db_args a;

    db_args_reset(&a);
    if (with_tenant)
        db_arg_int(&a, db_tx_tenant(tx));
    return db_exec_expect(tx, stmt, &a, 1);
}

int epoch_bump(struct db_tx *tx)
{
    return bump(tx, bump_tenant, true);
}

int epoch_bump_from(struct db_tx *tx, const struct tenant *t)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, t->id);
    db_arg_int(&a, t->epoch.tenant);
    r = db_exec_expect(tx, bump_from, &a, 1);
    return r == -ESTALE ? -EREMCHG : r;
}

int epoch_bump_deployment(struct db_tx *tx)
{
    return bump(tx, bump_deployment, false);
}
