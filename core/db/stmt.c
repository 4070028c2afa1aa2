/* The prepared statements of one connection: found by name, the least recently used dropped beyond a limit.
 * A statement name that comes with another text than before is prepared anew: running the wrong text would be worse. */
#include "base/mem.h"
#include "db/internal.h"

static void lru_unlink(struct stmt_cache *c, struct stmt_entry *e)
{
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    e->older = e->newer = NULL;
}

static void lru_push(struct stmt_cache *c, struct stmt_entry *e)
{
    e->older = c->newest;
    e->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void entry_free(struct stmt_entry *e)
{
    free(e->name);
    free(e->sql);
    free(e);
}

void stmt_unref(struct stmt_entry *e)
{
    if (e && --e->refs == 0 && !e->cached)
        entry_free(e);
}

void stmt_forget(struct stmt_cache *c, struct stmt_entry *e, bool exists_on_server)
{
    struct stmt_entry **at;

    if (!e->cached)
        return;
    for (at = &c->bucket[e->hash % STMT_BUCKETS]; *at != e; at = &(*at)->hash_next)
        ;
    *at = e->hash_next;
    lru_unlink(c, e);
    c->count--;
    e->cached = false;
    if (exists_on_server) {
        c->drop = mem_resize(c->drop, c->drop_count + 1, sizeof(*c->drop));
        c->drop[c->drop_count++] = e->number;
    }
    if (e->refs == 0)
        entry_free(e);
}

struct stmt_entry *stmt_find(struct stmt_cache *c, struct db_stmt stmt)
{
    uint32_t hash = text_hash(text_of(stmt.name));
    struct stmt_entry *e = c->bucket[hash % STMT_BUCKETS];

    while (e && (e->hash != hash || strcmp(e->name, stmt.name) != 0))
        e = e->hash_next;
    if (!e)
        return NULL;
    if (strcmp(e->sql, stmt.sql) != 0) {
        stmt_forget(c, e, true);
        return NULL;
    }
    if (c->newest != e) {
        lru_unlink(c, e);
        lru_push(c, e);
    }
    return e;
}

struct stmt_entry *stmt_insert(struct stmt_cache *c, struct db_stmt stmt)
{
    struct stmt_entry *e = mem_zalloc(sizeof(*e));

    if (c->count >= STMT_CACHE_MAX)
        stmt_forget(c, c->oldest, true);
    e->name = str_dup(stmt.name);
    e->sql = str_dup(stmt.sql);
    e->hash = text_hash(text_of(stmt.name));
    e->number = c->next_number++;
    e->cached = true;
    e->hash_next = c->bucket[e->hash % STMT_BUCKETS];
    c->bucket[e->hash % STMT_BUCKETS] = e;
    lru_push(c, e);
    c->count++;
    return e;
}

void stmt_cache_clear(struct stmt_cache *c)
{
    while (c->oldest)
        stmt_forget(c, c->oldest, false);
    free(c->drop);
    *c = (struct stmt_cache){0};
}
