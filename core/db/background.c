/* The leased duties. */
#include "db/background.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/daily.h"
#include "db/lease.h"
#include "db/retention.h"
#include "loop/fiber.h"
#include "loop/helper.h"

#define LEASE "background"
#define LEASE_TTL_MS 15000
#define LEASE_RENEW_MS 5000
#define BUSY_MS 50
#define IDLE_MS 200
#define LISTENED_MS 50 /* while somebody waits for events */
#define SEAL_EVERY_MS 1000
#define HOURLY_MS (3600 * 1000)

static void sequence_all(struct background *b, const struct work *w)
{
    for (size_t i = 0; i < w->count[WORK_SEQUENCE] && !fiber_is_cancelled(); i++) {
        int64_t head = 0;
        uint32_t count = 0;
        int r = outbox_sequence(b->db, w->tenant[WORK_SEQUENCE][i], &head, &count);

        b->failures += r < 0;
        if (r == 0 && count > 0 && b->sequenced)
            b->sequenced(b->arg, w->tenant[WORK_SEQUENCE][i], head);
    }
}

/* True when something was delivered: there may be more behind it. */
static bool deliver_all(struct background *b, const struct work *w)
{
    bool any = false;

    for (size_t i = 0; b->deliver && i < w->count[WORK_DELIVER] && !fiber_is_cancelled(); i++) {
        struct outbox_result result = {0};
        int r = outbox_deliver(b->db, w->tenant[WORK_DELIVER][i], b->deliver, b->arg, &result);

        b->failures += r < 0;
        b->delivered += result.delivered;
        b->retried += result.retried;
        b->dead += result.dead;
        any |= result.delivered > 0;
        if (result.dead > 0)
            log_event(LOG_ERROR, "outbox.dead", LF_INT("tenant", w->tenant[WORK_DELIVER][i]),
                LF_INT("count", result.dead));
    }
    return any;
}

static void seal_tenant(struct background *b, int32_t tenant)
{
    struct seal s = {.count = SEAL_BATCH_MAX};
    int r = 0;

    while (r == 0 && s.count == SEAL_BATCH_MAX && !fiber_is_cancelled()) {
        r = seal_batch(b->db, tenant, b->keys, &s);
        if (r < 0 || s.count == 0)
            break;
        b->sealed_rows += s.count;
        b->sealed_batches++;
        log_event(LOG_INFO, "audit.sealed", LF_INT("tenant", tenant), LF_INT("n", s.n),
            LF_INT("count", s.count), LF_STR("head", s.head));
    }
    if (r < 0 && r != -ECANCELED && r != -EEXIST) {
        b->failures++;
        log_event(LOG_WARN, "audit.seal_failed", LF_INT("tenant", tenant), LF_ERR(r));
    }
}

static void seal_all(struct background *b, const struct work *w)
{
    b->tail_rows = 0;
    b->tail_age_us = 0;
    for (size_t i = 0; i < w->count[WORK_SEAL] && !fiber_is_cancelled(); i++) {
        uint64_t rows = 0;
        int64_t age = 0;

        seal_tenant(b, w->tenant[WORK_SEAL][i]);
        if (seal_tail(b->db, w->tenant[WORK_SEAL][i], &rows, &age) < 0)
            continue;
        b->tail_rows += rows;
        b->tail_age_us = MAX(b->tail_age_us, age);
    }
}

struct digest_file {
    const char *path;
    struct text text;
    int result;
};

/* On a helper thread. */
static void write_digest(void *arg)
{
    struct digest_file *f = arg;

    f->result = daily_write(f->path, f->text);
}

static int keep_digest(const struct background *b, int32_t day, const struct buf *document)
{
    char *path = str_printf("%s/audit-digest-%s.txt", b->digest_dir, date_format(day).s);
    struct digest_file f = {.path = path, .text = buf_text(document)};
    int r = helper_run(HELPER_FILE, write_digest, &f);

    free(path);
    return r < 0 ? r : f.result;
}

static int digest_of_today(struct background *b, const int32_t *tenants, size_t count)
{
    struct buf document CLEANUP(buf_done) = BUF_INIT;
    int32_t day = date_of(clock_wall_us(), 0);
    bool is_new = false;
    int r = daily_digest(b->db, tenants, count, day, b->keys, &document, &is_new);

    if (r == 0 && is_new) {
        struct sha256 digest = sha256_of(buf_text(&document));

        log_event(LOG_INFO, "audit.digest", LF_STR("day", date_format(day).s),
            LF_STR("sha256", sha256_format(&digest).s));
    }
    return r == 0 && b->digest_dir ? keep_digest(b, day, &document) : r;
}

/* What is done once an hour for every tenant. */
static void hourly(struct background *b)
{
    int32_t *tenants = NULL;
    size_t count = 0;
    int r = work_tenants(b, &tenants, &count);

    if (r == 0 && b->keys) {
        int kept = digest_of_today(b, tenants, count);

        if (kept < 0 && kept != -ECANCELED)
            log_event(LOG_WARN, "audit.digest_failed", LF_ERR(kept));
    }
    for (size_t i = 0; r == 0 && i < count && !fiber_is_cancelled(); i++) {
        uint64_t deleted = 0;

        r = retention_run(b->db, tenants[i], clock_wall_us(), &deleted);
        b->expired += deleted;
    }
    free(tenants);
    if (r < 0 && r != -ECANCELED) {
        b->failures++;
        log_event(LOG_WARN, "background.hourly_failed", LF_ERR(r));
    }
}

static void give_back(struct background *b)
{
    if (!b->is_holder)
        return;
    fiber_shield(true);
    (void)!lease_release(b->db, LEASE, b->holder);
    fiber_shield(false);
    b->is_holder = false;
}

static int hold(struct background *b, int64_t *renew_at)
{
    bool held = false;
    int r;

    if (clock_is_far()) { /* what is over would be decided by a wrong clock: another server's turn */
        give_back(b);
        return -EAGAIN;
    }
    if (b->is_holder && clock_mono_ms() < *renew_at)
        return 0;
    r = lease_take(b->db, LEASE, b->holder, LEASE_TTL_MS, &held);
    if (r == 0 && held != b->is_holder)
        log_event(LOG_INFO, held ? "background.holding" : "background.lost", LF_STR("holder", b->holder));
    b->is_holder = r == 0 && held;
    if (b->is_holder && lease_is_held(b->db, LEASE_LISTENING, &b->is_listened_to) < 0)
        b->is_listened_to = false;
    *renew_at = clock_mono_ms() + LEASE_RENEW_MS;
    return r;
}

static int64_t round_of_work(struct background *b, int64_t *seal_at, int64_t *hourly_at)
{
    struct work w = {.count = {0}};
    bool busy;
    int r = work_find(b, &w);

    if (r < 0) {
        if (r != -ECANCELED)
            b->failures++;
        return 1000;
    }
    sequence_all(b, &w);
    busy = deliver_all(b, &w) || (b->dispatch && w.count[WORK_SEQUENCE] > 0);
    if (b->keys && clock_mono_ms() >= *seal_at) {
        seal_all(b, &w);
        *seal_at = clock_mono_ms() + SEAL_EVERY_MS;
    }
    work_done(&w);
    if (clock_mono_ms() >= *hourly_at) {
        hourly(b);
        *hourly_at = clock_mono_ms() + HOURLY_MS;
    }
    if (busy)
        return BUSY_MS;
    return !b->dispatch ? SEAL_EVERY_MS : b->is_listened_to ? LISTENED_MS : IDLE_MS;
}

void background_run(void *arg)
{
    struct background *b = arg;
    int64_t renew_at = 0, seal_at = 0, hourly_at = clock_mono_ms() + HOURLY_MS / 60;

    for (;;) {
        int64_t pause = LEASE_RENEW_MS;

        if (hold(b, &renew_at) == 0 && b->is_holder)
            pause = round_of_work(b, &seal_at, &hourly_at);
        else if (!b->is_holder)
            pause = fiber_is_cancelled() ? 0 : 1000;
        if (fiber_sleep(pause) < 0)
            break;
    }
    give_back(b);
}
