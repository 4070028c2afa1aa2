/* The tokens of records in the database. */
#include "resource/record/search.h"

#include "resource/record/key.h"
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

bool search_has_tokens(const struct resource *res)
{
    return search_is_offered(res) || res->import_key_count > 0;
}

bool search_is_told_by(const struct resource *res, uint32_t field)
{
    bool is = res->fields[field].is_searchable;

    for (uint32_t i = 0; i < res->import_key_count; i++)
        is |= res->import_key[i] == field;
    return is;
}

int search_tokens_of(
    struct call *c, const struct record *rec, const char *const *values, struct search_tokens *ret)
{
    const struct resource *res = rec->res;
    struct search_tokens t = {0};
    const char *key;
    int r = key_token(c, rec, values, &key);

    for (uint32_t i = 0; i < res->field_count && r == 0; i++)
        if (res->fields[i].is_searchable && values[i])
            search_add(c->arena, &t, text_of(values[i]), res->fields[i].type == FIELD_TEXT);
    if (r == 0 && key)
        search_add_token(c->arena, &t, key);
    if (r == 0)
        search_finish(&t);
    *ret = t;
    return r;
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
        is_changed = search_is_told_by(rec->res, i) && record_is_changed(rec, &rec->res->fields[i]);
    if (!is_changed || !search_has_tokens(rec->res))
        return 0;
    r = rec->is_new ? 0 : search_tokens_of(c, rec, rec->old, &old);
    if (r == 0 && !gone)
        r = search_tokens_of(c, rec, rec->values, &now);
    if (r < 0)
        return r;
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

void search_list_done(struct search_list *l)
{
    pgarray_done(&l->ids);
    pgarray_done(&l->tokens);
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
    search_list_done(l);
    return r;
}

int search_list_write(struct call *c, const struct resource *res, struct search_list *l)
{
    return write_list(c, res, l, tokens_add_many);
}

int search_write_many(struct call *c, struct record *const *records, uint32_t count)
{
    struct search_list list = SEARCH_LIST_INIT;
    int r = 0;

    if (!search_has_tokens(records[0]->res))
        return 0;
    for (uint32_t i = 0; i < count && r == 0; i++) {
        struct search_tokens t;

        r = search_tokens_of(c, records[i], records[i]->values, &t);
        if (r == 0)
            search_list_add(&list, records[i]->id, &t);
    }
    if (r == 0)
        return write_list(c, records[0]->res, &list, tokens_add_new);
    search_list_done(&list);
    return r;
}
