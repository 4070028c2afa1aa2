/* Participants, history, numbers. */
#include "resource/record/store.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "resource/declare/value.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

const struct db_stmt participant_holders = {"participant.holders",
    "SELECT holder FROM juxin.participant WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"};
static const struct db_stmt participant_insert = {"participant.insert",
    "INSERT INTO juxin.participant (tenant_id, resource, record_id, holder, role, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, holder, resource, record_id, role) DO NOTHING"};
static const struct db_stmt participant_delete = {"participant.delete",
    "DELETE FROM juxin.participant WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND role = $4"};
static const struct db_stmt participant_drop = {"participant.drop",
    "DELETE FROM juxin.participant WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND role = $4"
    " AND holder = $5"};
static const struct db_stmt history_insert = {"history.insert",
    "INSERT INTO juxin.history (tenant_id, resource, record_id, version, id, at, actor, actor_kind, kind, "
    "transition,"
    " from_state, to_state, unit_id, changes, basis)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"};
static const struct db_stmt history_insert_many = {"history.insert_many",
    "INSERT INTO juxin.history (tenant_id, resource, record_id, version, id, at, actor, actor_kind, kind, "
    "to_state,"
    " unit_id, changes) SELECT $1, $2, x.record_id, 1, x.id, $3, $4, $5, 'create', $6, x.unit_id, x.changes"
    " FROM unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::text[]) AS x(record_id, id, unit_id, changes) "
    "RETURNING 1"};
static const struct db_stmt history_list = {"history.list",
    "SELECT " HISTORY_COLUMNS " FROM juxin.history h"
    " LEFT JOIN juxin.account a ON a.tenant_id = h.tenant_id AND a.id = h.actor"
    " WHERE h.tenant_id = $1 AND h.resource = $2 AND h.record_id = $3"
    " ORDER BY h.version DESC, h.id DESC LIMIT 500"};
static const struct db_stmt number_take = {"number.take",
    "INSERT INTO juxin.sequence_number AS s (tenant_id, key, n) VALUES ($1, $2, $3::bigint)"
    " ON CONFLICT (tenant_id, key) DO UPDATE SET n = s.n + EXCLUDED.n RETURNING n"};

void record_key_args(struct db_args *a, const struct call *c, const struct resource *res, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, res->full_name);
    db_arg_uuid(a, id);
}

int participant_add(struct call *c, const struct record *rec, struct uuid holder, const char *role)
{
    struct db_args a;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_uuid(&a, holder);
    db_arg_str(&a, role);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, participant_insert, &a, NULL);
}

int participant_move(
    struct call *c, const struct record *rec, struct uuid from, struct uuid to, const char *role)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    db_arg_uuid(&a, from);
    r = db_exec(c->tx, participant_drop, &a, &rows);
    return r < 0 || db_rows_affected(rows) == 0 ? r : participant_add(c, rec, to, role);
}

int participant_end(struct call *c, const struct record *rec, const char *role)
{
    struct db_args a;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    return db_exec(c->tx, participant_delete, &a, NULL);
}

/* ---- history ---- */

/* {"field": [old, new], …} of what changed; NULL when nothing did. */
static const char *diff(struct call *c, const struct record *rec)
{
    struct buf b = BUF_INIT;
    struct jsonw w;
    bool any = false;
    char *s;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];

        if (!record_is_changed(rec, f))
            continue;
        any = true;
        jsonw_key(&w, f->name);
        jsonw_array(&w);
        value_write(&w, f, rec->old[i]);
        value_write(&w, f, rec->values[i]);
        jsonw_array_end(&w);
    }
    jsonw_object_end(&w);
    s = any ? arena_dup(c->arena, buf_str(&b)) : NULL;
    buf_done(&b);
    return s;
}

/* Where the record came from, whether its way led round a unit where the plugin is off, and what was left of its
 * deadline. */
static const char *basis(struct call *c, const struct history_entry *e)
{
    const struct tree *t = c->tenant->tree;
    struct buf b = BUF_INIT;
    struct jsonw w;
    char *s;

    if (uuid_is_nil(e->to_unit) && !e->has_days_left && !e->other && !e->new_due)
        return NULL;
    jsonw_init(&w, &b);
    jsonw_object(&w);
    if (!uuid_is_nil(e->to_unit))
        jsonw_kstr(&w, "from_unit_id", uuid_format(e->from_unit).s);
    if (!uuid_is_nil(e->to_unit) && e->redirected_from != TREE_NONE)
        jsonw_kstr(&w, "redirected_from", uuid_format(tree_unit(t, e->redirected_from).id).s);
    if (e->has_days_left)
        jsonw_kint(&w, "days_left", e->days_left);
    if (e->new_due) {
        jsonw_kstr(&w, "due_from", e->old_due);
        jsonw_kstr(&w, "due_to", e->new_due);
    }
    if (e->other) {
        jsonw_kstr(&w, "other", uuid_format(e->other->id).s);
        jsonw_kstr(&w, "other_number", e->other->number);
    }
    jsonw_object_end(&w);
    s = arena_dup(c->arena, buf_str(&b));
    buf_done(&b);
    return s;
}

int history_add(struct call *c, const struct record *rec, const struct history_entry *e)
{
    struct db_args a;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_int(&a, rec->version);
    db_arg_uuid(&a, uuid_new());
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, subject_kind_name(c->who->kind));
    db_arg_str(&a, e->action);
    db_arg_str(&a, e->transition);
    db_arg_str(&a, e->from_state);
    db_arg_str(&a, e->to_state);
    db_arg_uuid(&a, rec->unit_id);
    db_arg_str(&a, diff(c, rec));
    db_arg_str(&a, basis(c, e));
    return db_exec(c->tx, history_insert, &a, NULL);
}

int history_add_many(struct call *c, struct record *const *records, uint32_t count)
{
    struct pgarray lists[4] = {PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT};
    const struct resource *res = records[0]->res;
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < count; i++) {
        pgarray_uuid(&lists[0], records[i]->id);
        pgarray_uuid(&lists[1], uuid_new());
        pgarray_uuid(&lists[2], records[i]->unit_id);
        pgarray_str(&lists[3], diff(c, records[i]));
    }
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, res->full_name);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, subject_kind_name(c->who->kind));
    db_arg_str(&a, res->states[records[0]->state].name);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        db_arg_str(&a, pgarray_end(&lists[i]));
    r = db_post(c->tx, history_insert_many, &a, count);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        pgarray_done(&lists[i]);
    return r;
}

static void write_changes(struct jsonw *w, const struct record *rec, const char *text, bool may_unmask)
{
    json_t *changes = NULL, *pair;
    const char *name;

    jsonw_key(w, "changes");
    jsonw_object(w);
    if (text && json_parse(text_of(text), JSON_LIMITS, &changes, NULL) == 0) {
        json_object_foreach(changes, name, pair)
        {
            const struct field *f = resource_field(rec->res, text_of(name));

            if (!f || rec->hidden[f->index])
                continue;
            jsonw_key(w, name);
            jsonw_object(w);
            for (size_t i = 0; i < 2; i++) {
                const json_t *v = json_array_get(pair, i);

                jsonw_key(w, i ? "new" : "old");
                if (json_is_string(v) && (f->is_sensitive || (f->mask != MASK_NONE && !may_unmask)))
                    record_write_masked(w, f->mask, json_string_value(v));
                else
                    jsonw_value(w, v);
            }
            jsonw_object_end(w);
        }
    }
    json_decref(changes);
    jsonw_object_end(w);
}

static void write_unit(struct jsonw *w, const struct tree *t, const char *key, struct uuid id)
{
    uint32_t unit = uuid_is_nil(id) ? TREE_NONE : tree_find(t, id);

    if (uuid_is_nil(id))
        return;
    jsonw_key(w, key);
    jsonw_object(w);
    jsonw_kstr(w, "id", uuid_format(id).s);
    jsonw_kstr(w, "name", unit == TREE_NONE ? NULL : tree_unit(t, unit).name);
    jsonw_object_end(w);
}

static struct uuid basis_id(const json_t *basis_json, const char *key)
{
    const char *s = json_str(basis_json, key);
    struct uuid id;

    return s && uuid_parse(text_of(s), &id) == 0 ? id : UUID_NIL;
}

/* What a duplicate was merged with. */
static void write_other(struct jsonw *w, const json_t *b)
{
    struct uuid other = basis_id(b, "other");

    if (uuid_is_nil(other))
        return;
    jsonw_key(w, "other");
    jsonw_object(w);
    jsonw_kstr(w, "id", uuid_format(other).s);
    jsonw_kstr(w, "number", json_str(b, "other_number"));
    jsonw_object_end(w);
}

static void write_due(struct jsonw *w, const json_t *b)
{
    if (!json_str(b, "due_to"))
        return;
    jsonw_key(w, "due");
    jsonw_object(w);
    jsonw_kstr(w, "old", json_str(b, "due_from"));
    jsonw_kstr(w, "new", json_str(b, "due_to"));
    jsonw_object_end(w);
}

void history_write_members(struct call *c, const struct record *rec, struct jsonw *w,
    const struct db_rows *rows, int i, bool may_unmask)
{
    struct uuid actor = db_get_uuid(rows, i, 3);
    bool hides = rec->hides_submitter && uuid_eq(actor, rec->created_by);
    const struct tree *t = c->tenant->tree;
    json_t *b = NULL;

    if (db_get(rows, i, 11) && json_parse(db_get_text(rows, i, 11), JSON_LIMITS, &b, NULL) < 0)
        b = NULL;
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kint(w, "version", db_get_int(rows, i, 1));
    jsonw_kstr(w, "at", clock_format(db_get_time(rows, i, 2)).s);
    jsonw_kstr(w, "actor", hides || uuid_is_nil(actor) ? NULL : uuid_format(actor).s);
    jsonw_kstr(w, "actor_kind", db_get(rows, i, 4));
    jsonw_kstr(w, "actor_name", hides ? NULL : db_get(rows, i, 12));
    if (hides)
        jsonw_kbool(w, "actor_hidden", true);
    jsonw_kstr(w, "action", db_get(rows, i, 5));
    jsonw_kstr(w, "transition", db_get(rows, i, 6));
    jsonw_kstr(w, "from_state", db_get(rows, i, 7));
    jsonw_kstr(w, "to_state", db_get(rows, i, 8));
    write_unit(w, t, "unit", db_get_uuid(rows, i, 9));
    write_unit(w, t, "from_unit", basis_id(b, "from_unit_id"));
    write_unit(w, t, "redirected_from", basis_id(b, "redirected_from"));
    write_other(w, b);
    write_due(w, b);
    write_changes(w, rec, db_get(rows, i, 10), may_unmask);
    json_decref(b);
}

int history_write(struct call *c, const struct record *rec, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = history_list, .args = a};
    bool may_unmask = record_may_unmask(c, rec);
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = db_rows_count(call.rows) - 1; i >= 0; i--) {
        jsonw_object(w);
        history_write_members(c, rec, w, call.rows, i, may_unmask);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- numbers ---- */

static int take_numbers(struct call *c, const struct resource *res, uint32_t count, int64_t *ret_last)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, res->number_per_year
                       ? arena_printf(c->arena, "%s:%d", res->full_name, date_year(calendar_today(c->now_us)))
                       : res->full_name);
    db_arg_int(&a, count);
    r = db_exec(c->tx, number_take, &a, &rows);
    if (r == 0)
        *ret_last = db_get_int(rows, 0, 0);
    return r;
}

static const char *number_text(struct call *c, const struct resource *res, int64_t n)
{
    if (!res->number_per_year)
        return arena_printf(c->arena, "%s%0*lld", res->number_prefix, (int)res->number_digits, (long long)n);
    return arena_printf(c->arena, "%s%d-%0*lld", res->number_prefix, date_year(calendar_today(c->now_us)),
        (int)res->number_digits, (long long)n);
}

int number_next(struct call *c, const struct resource *res, const char **ret)
{
    int64_t n;
    int r = take_numbers(c, res, 1, &n);

    if (r == 0)
        *ret = number_text(c, res, n);
    return r;
}

int number_next_many(
    struct call *c, const struct resource *res, uint32_t count, struct record *const *records)
{
    int64_t last;
    int r = take_numbers(c, res, count, &last);

    for (uint32_t i = 0; i < count && r == 0; i++)
        records[i]->number = number_text(c, res, last - count + 1 + i);
    return r;
}
