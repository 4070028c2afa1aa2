/* Parts of several on one record. */
#include "resource/flow/part.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "resource/beside/beside.h"
#include "resource/query/query.h"
#include "resource/record/store.h"

const struct db_stmt part_states = {"part.states",
    "SELECT role, holder, state FROM juxin.part WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"};
static const struct db_stmt list = {"part.list",
    "SELECT p.role, p.holder, coalesce(d.name, h.display_name), p.state, p.opened_at, p.done_at, p.done_by,"
    " a.display_name, p.done_version, d.id IS NOT NULL FROM juxin.part p"
    " LEFT JOIN juxin.department d ON d.tenant_id = p.tenant_id AND d.id = p.holder"
    " LEFT JOIN juxin.account h ON h.tenant_id = p.tenant_id AND h.id = p.holder"
    " LEFT JOIN juxin.account a ON a.tenant_id = p.tenant_id AND a.id = p.done_by"
    " WHERE p.tenant_id = $1 AND p.resource = $2 AND p.record_id = $3"
    " ORDER BY p.opened_at, p.role, p.holder LIMIT 500"};
static const struct db_stmt drop_others = {"part.drop_others",
    "DELETE FROM juxin.part WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND role = $4"
    " AND holder <> ALL($5::uuid[])"};
static const struct db_stmt open_one = {"part.open",
    "INSERT INTO juxin.part (tenant_id, resource, record_id, role, holder, state, opened_at)"
    " VALUES ($1, $2, $3, $4, $5, 'open', $6)"
    " ON CONFLICT (tenant_id, resource, record_id, role, holder) DO UPDATE SET state = 'open',"
    " opened_at = EXCLUDED.opened_at, done_at = NULL, done_by = NULL, done_version = NULL"};
static const struct db_stmt drop_open = {"part.drop_open",
    "DELETE FROM juxin.part WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND role = $4"
    " AND holder = $5 AND state = 'open'"};
static const struct db_stmt finish = {"part.done",
    "UPDATE juxin.part SET state = 'done', done_at = $6, done_by = $7, done_version = $8"
    " WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND role = $4 AND holder = ANY($5::uuid[])"
    " AND state = 'open'"};

static int open_for(struct call *c, const struct record *rec, const char *role, struct uuid holder)
{
    struct db_args a;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    db_arg_uuid(&a, holder);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, open_one, &a, NULL);
}

int part_open(
    struct call *c, const struct record *rec, const char *role, const struct uuid *holders, uint32_t count)
{
    struct db_args a;
    int r;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    db_arg_str(&a, pgarray_of_uuids(c->arena, holders, count));
    r = db_exec(c->tx, drop_others, &a, NULL);
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = open_for(c, rec, role, holders[i]);
    return r;
}

int part_move(struct call *c, const struct record *rec, const char *role, struct uuid from, struct uuid to)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    db_arg_uuid(&a, from);
    r = db_exec(c->tx, drop_open, &a, &rows);
    return r < 0 || db_rows_affected(rows) == 0 ? r : open_for(c, rec, role, to);
}

int part_done(struct call *c, const struct record *rec, const char *role)
{
    struct uuid *ids = arena_array(c->arena, c->who->department_count + 1, sizeof(*ids));
    struct db_args a;
    uint32_t n = 0;

    for (; n < c->who->department_count; n++)
        ids[n] = c->who->departments[n];
    if (!uuid_is_nil(c->who->account))
        ids[n++] = c->who->account;
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_str(&a, role);
    db_arg_str(&a, pgarray_of_uuids(c->arena, ids, n));
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_int(&a, rec->version);
    return db_exec(c->tx, finish, &a, NULL);
}

int part_ids_of(struct call *c, const char *v, const struct field *f, struct uuid **ret, uint32_t *ret_count)
{
    json_t *ids = NULL;
    const json_t *e;
    size_t i;
    int r = 0;

    *ret_count = 0;
    *ret = arena_array(c->arena, 1, sizeof(**ret));
    if (!v)
        return 0;
    if (f->type != FIELD_DEPARTMENTS) {
        *ret_count = 1;
        return uuid_parse(text_of(v), *ret) == 0 ? 0 : -EIO;
    }
    if (json_parse(text_of(v), JSON_LIMITS, &ids, NULL) < 0)
        return -EIO;
    *ret = arena_array(c->arena, json_array_size(ids) + 1, sizeof(**ret));
    json_array_foreach(ids, i, e) if (r == 0) r =
        uuid_parse(text_of(json_string_value(e)), &(*ret)[(*ret_count)++]) == 0 ? 0 : -EIO;
    json_decref(ids);
    return r;
}

static void write_one(struct jsonw *w, const struct record *rec, const struct db_rows *rows, int i)
{
    bool is_done = db_get(rows, i, 5) != NULL;

    jsonw_object(w);
    jsonw_kstr(w, "role", db_get(rows, i, 0));
    if (db_get_bool(rows, i, 9)) {
        jsonw_kstr(w, "holder", db_get(rows, i, 1));
        jsonw_kstr(w, "holder_name", db_get(rows, i, 2));
    } else {
        beside_write_account(w, rec, "holder", db_get_uuid(rows, i, 1), db_get(rows, i, 2));
    }
    jsonw_kstr(w, "state", db_get(rows, i, 3));
    jsonw_kstr(w, "opened_at", clock_format(db_get_time(rows, i, 4)).s);
    jsonw_kstr(w, "done_at", is_done ? clock_format(db_get_time(rows, i, 5)).s : NULL);
    beside_write_account(
        w, rec, "done_by", is_done ? db_get_uuid(rows, i, 6) : UUID_NIL, is_done ? db_get(rows, i, 7) : NULL);
    if (is_done)
        jsonw_kint(w, "done_version", db_get_int(rows, i, 8));
    jsonw_object_end(w);
}

int part_write(struct call *c, const struct record *rec, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++)
        write_one(w, rec, call.rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}
