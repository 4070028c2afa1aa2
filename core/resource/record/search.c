/* The tokens of records in the database. */
#include "resource/record/search.h"

#include "resource/record/store.h"

static const struct db_stmt tokens_add = {"search.add",
    "INSERT INTO juxin.search (tenant_id, resource, record_id, token)"
    " SELECT $1, $2, $3, x.token FROM unnest($4::text[]) AS x(token)"
    " ON CONFLICT (tenant_id, resource, token, record_id) DO NOTHING"};
/* In the order of the index: neighbours go to one page. */
static const struct db_stmt tokens_add_many = {"search.add_many",
    "INSERT INTO juxin.search (tenant_id, resource, record_id, token)"
    " SELECT $1, $2, x.id, x.token FROM unnest($3::uuid[], $4::text[]) AS x(id, token)"
    " ORDER BY x.token COLLATE \"C\", x.id ON CONFLICT (tenant_id, resource, token, record_id) DO NOTHING"};
/* Of new records, which have none yet. */
static const struct db_stmt tokens_add_new = {"search.add_new",
    "INSERT INTO juxin.search (tenant_id, resource, record_id, token)"
    " SELECT $1, $2, x.id, x.token FROM unnest($3::uuid[], $4::text[]) AS x(id, token)"
    " ORDER BY x.token COLLATE \"C\", x.id RETURNING 1"};
static const struct db_stmt tokens_drop = {"search.drop",
    "DELETE FROM juxin.search WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND "
    "token = ANY($4::text[])"};

bool search_is_offered(const struct resource *res)
{
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].is_searchable)
            return true;
    return false;
}

static struct search_tokens tokens_of(struct arena *a, const struct resource *res, const char *const *values)
{
    struct search_tokens t = {0};

    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].is_searchable && values[i])
            search_add(a, &t, text_of(values[i]), res->fields[i].type == FIELD_TEXT);
    search_finish(&t);
    return t;
}

/* Those of a that are not in b; both are sorted. */
static struct search_tokens without(
    struct arena *arena, const struct search_tokens *a, const struct search_tokens *b)
{
    struct search_tokens t = {.items = arena_array(arena, a->count + 1, sizeof(*t.items))};

    for (uint32_t i = 0, k = 0; i < a->count; i++) {
        while (k < b->count && strcmp(b->items[k], a->items[i]) < 0)
            k++;
        if (k == b->count || strcmp(b->items[k], a->items[i]) != 0)
            t.items[t.count++] = a->items[i];
    }
    return t;
}

static int run(struct call *c, const struct record *rec, struct db_stmt stmt, const struct search_tokens *t)
{
    struct pgarray list = PGARRAY_INIT;
    struct db_args a;
    int r;

    if (t->count == 0)
        return 0;
    for (uint32_t i = 0; i < t->count; i++)
        pgarray_str(&list, t->items[i]);
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, pgarray_end(&list));
    r = db_exec(c->tx, stmt, &a, NULL);
    pgarray_done(&list);
    return r;
}

int search_write(struct call *c, const struct record *rec, bool gone)
{
    struct search_tokens old = {0}, now = {0}, lost, found;
    bool is_changed = rec->is_new || gone;
    int r;

    for (uint32_t i = 0; i < rec->res->field_count && !is_changed; i++)
        is_changed = rec->res->fields[i].is_searchable && record_is_changed(rec, &rec->res->fields[i]);
    if (!is_changed || !search_is_offered(rec->res))
        return 0;
    if (!rec->is_new)
        old = tokens_of(c->arena, rec->res, rec->old);
    if (!gone)
        now = tokens_of(c->arena, rec->res, rec->values);
    lost = without(c->arena, &old, &now);
    found = without(c->arena, &now, &old);
    r = run(c, rec, tokens_drop, &lost);
    return r < 0 ? r : run(c, rec, tokens_add, &found);
}

void search_list_add(struct search_list *l, struct uuid id, const struct search_tokens *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        pgarray_uuid(&l->ids, id);
        pgarray_str(&l->tokens, t->items[i]);
    }
}

static int write_list(struct call *c, const struct resource *res, struct search_list *l, struct db_stmt stmt)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, res->full_name);
    db_arg_str(&a, pgarray_end(&l->ids));
    db_arg_str(&a, pgarray_end(&l->tokens));
    r = db_post(c->tx, stmt, &a, DB_ANY);
    pgarray_done(&l->ids);
    pgarray_done(&l->tokens);
    return r;
}

int search_list_write(struct call *c, const struct resource *res, struct search_list *l)
{
    return write_list(c, res, l, tokens_add_many);
}

int search_write_many(struct call *c, struct record *const *records, uint32_t count)
{
    struct search_list list = SEARCH_LIST_INIT;

    if (!search_is_offered(records[0]->res))
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        struct search_tokens t = tokens_of(c->arena, records[i]->res, records[i]->values);

        search_list_add(&list, records[i]->id, &t);
    }
    return write_list(c, records[0]->res, &list, tokens_add_new);
}
