/* Who may read a record. */
#include "resource/record/reader.h"

#include <errno.h>

#include "db/pgarray.h"
#include "resource/record/gate.h"
#include "resource/record/merged.h"
#include "resource/record/person.h"
#include "resource/record/store.h"

bool reader_reaches(const struct call *c, const struct record *rec)
{
    if (c->who->kind == SUBJECT_SYSTEM || c->who->kind == SUBJECT_OPERATOR)
        return true;
    if (c->who->kind == SUBJECT_PLUGIN)
        return c->who->plugin && strcmp(c->who->plugin, rec->res->plugin) == 0;
    return rec->unit != TREE_NONE &&
           subject_may(c->who, c->tenant, rec->res->permissions[ACTION_READ], rec->unit);
}

bool reader_has_business(const struct subject *who, const struct resource *res)
{
    bool any = false;

    for (int i = 0; i < RESOURCE_ACTIONS && !any; i++)
        any = subject_may_anywhere(who, res->permissions[i]);
    for (uint32_t i = 0; i < res->transition_count && !any; i++)
        any = subject_may_anywhere(who, res->transitions[i].permission_id);
    return any;
}

void reader_scope(struct call *c, const struct resource *res, struct scope *ret)
{
    static const struct subject all = {.kind = SUBJECT_SYSTEM};
    bool owns = c->who->kind == SUBJECT_PLUGIN && c->who->plugin && strcmp(c->who->plugin, res->plugin) == 0;

    subject_scope(owns ? &all : c->who, c->tenant, res->permissions[ACTION_READ], c->arena, ret);
}

static uint32_t entry_end(const struct tree *t, const struct scope_entry *e)
{
    return e->reach == REACH_SELF ? e->unit + 1 : tree_end(t, e->unit);
}

/* At most so many units are in the scope. */
static size_t scope_size(const struct tree *t, const struct scope *scope)
{
    size_t n = 0;

    for (uint32_t i = 0; i < scope->count; i++)
        n += entry_end(t, &scope->entries[i]) - scope->entries[i].unit;
    return n;
}

/* All units of the scope: a subtree is an interval, children are looked for in it. */
static uint32_t scope_units(struct call *c, const struct scope *scope, struct uuid *out)
{
    const struct tree *t = c->tenant->tree;
    uint32_t n = 0;

    for (uint32_t i = 0; i < scope->count; i++) {
        const struct scope_entry *e = &scope->entries[i];

        for (uint32_t u = e->unit; u < entry_end(t, e); u++)
            if (e->reach != REACH_CHILDREN || tree_parent(t, u) == e->unit)
                out[n++] = tree_unit(t, u).id;
    }
    return n;
}

const char *reader_holders(struct call *c, const struct resource *res, bool full_only)
{
    const struct subject *s = c->who;
    struct scope scope;
    struct uuid *ids;
    uint32_t n;

    reader_scope(c, res, &scope);
    if (scope.everywhere)
        scope.count = 0; /* whatever a unit passed on is seen anyway */
    ids = arena_array(c->arena, scope_size(c->tenant->tree, &scope) + s->department_count + 1, sizeof(*ids));
    n = scope_units(c, &scope, ids);
    if (s->kind == SUBJECT_ACCOUNT && !uuid_is_nil(s->account))
        ids[n++] = s->account;
    for (uint32_t i = 0; i < s->department_count && !full_only; i++)
        ids[n++] = s->departments[i];
    return n || full_only ? pgarray_of_uuids(c->arena, ids, n) : NULL;
}

static enum access_by holder_access(const struct call *c, const struct record *rec, struct uuid holder)
{
    const struct subject *s = c->who;
    uint32_t unit;

    if (s->kind == SUBJECT_ACCOUNT && uuid_eq(holder, s->account))
        return ACCESS_FULL;
    if (subject_in_department(s, holder, false))
        return ACCESS_DEPARTMENT;
    unit = tree_find(c->tenant->tree, holder);
    if (unit != TREE_NONE && subject_may(s, c->tenant, rec->res->permissions[ACTION_READ], unit))
        return ACCESS_FULL;
    return ACCESS_NONE;
}

enum access_by reader_access(
    const struct call *c, const struct record *rec, const struct db_rows *participants)
{
    enum access_by best = ACCESS_NONE;

    if (reader_reaches(c, rec))
        return ACCESS_FULL;
    for (int i = 0; participants && i < db_rows_count(participants); i++) {
        enum access_by by = holder_access(c, rec, db_get_uuid(participants, i, 0));

        best = MAX(best, by);
    }
    return best;
}

/* Whom the record is about reads it, whoever else may. */
static bool is_person(const struct call *c, const struct db_rows *person)
{
    return c->who->kind == SUBJECT_ACCOUNT && person && db_rows_count(person) == 1 &&
           uuid_eq(db_get_uuid(person, 0, 0), c->who->account);
}

bool reader_handles(const struct call *c, const struct record *rec, const struct db_rows *participants)
{
    const struct subject *s = c->who;

    if (reader_reaches(c, rec))
        return true;
    if (s->kind == SUBJECT_ACCOUNT && !uuid_eq(s->account, rec->created_by))
        return reader_access(c, rec, participants) != ACCESS_NONE;
    for (int i = 0; i < db_rows_count(participants); i++) {
        struct uuid holder = db_get_uuid(participants, i, 0);
        uint32_t unit = tree_find(c->tenant->tree, holder);

        if (subject_in_department(s, holder, false))
            return true;
        if (unit != TREE_NONE && subject_may(s, c->tenant, rec->res->permissions[ACTION_READ], unit))
            return true;
    }
    return false;
}

/* What is read of a record in one round trip: its row, who takes part in it, whom it is about, and what else is asked for. */
struct reading {
    struct db_call calls[3 + RECORD_ALONG_MAX];
    struct db_args row, key;
};

/* *ret is NULL when there is none. */
static int read_row(struct call *c, const struct resource *res, struct uuid id, bool lock,
    struct db_call *along, size_t count, struct reading *x, struct record **ret)
{
    bool has_person = person_is_known(res);
    size_t first = 2 + (has_person ? 1 : 0);
    int r;

    memset(x->calls, 0, sizeof(x->calls));
    db_args_reset(&x->row);
    db_arg_int(&x->row, c->tenant->id);
    db_arg_uuid(&x->row, id);
    record_key_args(&x->key, c, res, id);
    x->calls[0].stmt = db_stmt_built(
        c->arena, arena_printf(c->arena,
                      "SELECT %s FROM %s r WHERE r.tenant_id = $1 AND r.id = $2 AND r.deleted_at IS NULL%s",
                      row_columns(c->arena, res, NULL), res->table, lock ? " FOR UPDATE" : ""));
    x->calls[0].args = &x->row;
    x->calls[1].stmt = participant_holders;
    x->calls[1].args = &x->key;
    if (has_person)
        x->calls[2] = (struct db_call){.stmt = person_query(c->arena, res), .args = &x->row};
    for (size_t i = 0; i < count; i++)
        x->calls[first + i] = (struct db_call){.stmt = along[i].stmt, .args = &x->key};
    r = call_read(c, x->calls, first + count);
    *ret = NULL;
    if (r < 0 || db_rows_count(x->calls[0].rows) == 0)
        return r;
    for (size_t i = 0; i < count; i++)
        along[i].rows = x->calls[first + i].rows;
    *ret = record_new(c->arena, res);
    record_fill(*ret, c->arena, c->tenant, x->calls[0].rows, 0);
    (*ret)->is_own = has_person && is_person(c, x->calls[2].rows);
    return 0;
}

int record_find_any(struct call *c, const struct resource *res, struct uuid id, struct record **ret)
{
    struct reading x;

    return read_row(c, res, id, true, NULL, 0, &x, ret);
}

/* Whoever handles a record reads what was merged into it, as they read the record itself. */
static int access_by_merging(struct call *c, const struct record *rec, enum access_by *ret)
{
    struct reading x;
    struct record *into;
    struct uuid id;
    int r;

    if (!merged_into(rec, &id))
        return 0;
    r = read_row(c, rec->res, id, false, NULL, 0, &x, &into);
    if (r < 0 || !into || !reader_handles(c, into, x.calls[1].rows) ||
        !gate_is_on(c, rec->res->plugin, into->unit))
        return r;
    *ret = reader_access(c, into, x.calls[1].rows);
    return 0;
}

static int fetch(struct call *c, const struct resource *res, struct uuid id, bool lock, struct db_call *along,
    size_t count, struct record **ret)
{
    struct reading x;
    struct record *rec;
    enum access_by by;
    int r = read_row(c, res, id, lock, along, count, &x, &rec);

    if (r < 0)
        return r;
    if (!rec)
        return call_not_found(c);
    by = rec->is_own ? ACCESS_FULL : reader_access(c, rec, x.calls[1].rows);
    if (by == ACCESS_NONE)
        r = access_by_merging(c, rec, &by);
    if (r < 0)
        return r;
    if (by == ACCESS_NONE)
        return call_not_found(c);
    if (by == ACCESS_DEPARTMENT)
        record_hide_submitter(rec);
    r = gate_require(c, res->plugin, rec->unit);
    if (r == 0)
        *ret = rec;
    return r;
}

int record_fetch(struct call *c, const struct resource *res, struct uuid id, bool lock, struct record **ret)
{
    return fetch(c, res, id, lock, NULL, 0, ret);
}

int record_fetch_along(struct call *c, const struct resource *res, struct uuid id, struct db_call *along,
    size_t count, struct record **ret)
{
    return fetch(c, res, id, false, along, count, ret);
}

int record_read(struct call *c, const struct resource *res, struct uuid id, struct record **ret)
{
    struct record *rec;
    int r = record_fetch(c, res, id, false, &rec);

    if (r == 0)
        r = records_serialise(c, &rec, 1);
    if (r == 0)
        *ret = rec;
    return r;
}
