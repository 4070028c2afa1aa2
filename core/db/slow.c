/* What proved slow: reads share the fast connections, so one that takes long holds up everybody behind it. How long the
 * server worked on each is remembered by tenant and statement; what was slow twice in short order goes to a connection of
 * its own until it is quick again. A table that forgets is good enough: it only chooses the lane. */
#include "base/clock.h"
#include "db/internal.h"

#define SLOW_MS 50
#define SLOW_FOR_MS 60000
#define SCORE_SLOW 2 /* each quick one takes a point off */
#define SCORE_MOVED 3

static uint64_t key_of(int32_t tenant, const char *name)
{
    uint64_t h = 14695981039346656037u ^ (uint32_t)tenant;

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 1099511628211u;
    return h ? h : 1;
}

static struct slow_entry *entry_of(struct slow_list *l, uint64_t key)
{
    return &l->entry[(key ^ key >> 32) % SLOW_ENTRIES];
}

bool slow_is_known(struct slow_list *l, int32_t tenant, const struct db_call *calls, size_t count)
{
    if (l->count == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = key_of(tenant, calls[i].stmt.name);
        const struct slow_entry *e = entry_of(l, key);

        if (e->key == key && e->score >= SCORE_MOVED && clock_mono_ms() < e->until_ms)
            return true;
    }
    return false;
}

static void forget(struct slow_list *l, struct slow_entry *e)
{
    *e = (struct slow_entry){0};
    l->count--;
}

static void note_one(struct slow_list *l, uint64_t key, bool is_slow, bool is_stopped, int64_t now_ms)
{
    struct slow_entry *e = entry_of(l, key);

    if (e->key != 0 && (now_ms >= e->until_ms || (e->key != key && is_slow)))
        forget(l, e);
    if (e->key == key && !is_slow) {
        if (--e->score == 0)
            forget(l, e);
    } else if (is_slow) {
        l->count += e->key == 0;
        e->key = key;
        e->score = is_stopped ? SCORE_MOVED : MIN(e->score + SCORE_SLOW, SCORE_MOVED + SCORE_SLOW);
        e->until_ms = now_ms + SLOW_FOR_MS;
    }
}

void slow_note(struct slow_list *l, int32_t tenant, const struct db_call *calls, size_t count,
    int64_t took_ms, bool is_stopped)
{
    bool is_slow = took_ms >= SLOW_MS || is_stopped;

    if (!is_slow && l->count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        note_one(l, key_of(tenant, calls[i].stmt.name), is_slow, is_stopped, clock_mono_ms());
}
