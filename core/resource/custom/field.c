/* Tenants' own fields as rows: asked for, decided, changed, retired. */
#include "resource/custom/field.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/custom/field_check.h"
#include "resource/declare/custom_field.h"
#include "resource/declare/edition.h"

#define OWN_COLUMNS                                                                                          \
    ", f.asked_by, f.approved_by, f.change, f.change_by, f.version, f.created_at, f.updated_at"
enum own_column {
    OWN_ASKED_BY = CUSTOM_COLUMNS,
    OWN_APPROVED_BY,
    OWN_CHANGE,
    OWN_CHANGE_BY,
    OWN_VERSION,
    OWN_CREATED,
    OWN_UPDATED
};

static const struct db_stmt list_all = {"own_field.list",
    "SELECT " CUSTOM_FIELD_COLUMNS OWN_COLUMNS
    " FROM juxin.custom_field f WHERE f.tenant_id = $1 AND ($2 = '' OR f.resource = $2) ORDER BY "
    "f.resource, f.id"};
static const struct db_stmt read_one = {"own_field.read",
    "SELECT " CUSTOM_FIELD_COLUMNS OWN_COLUMNS
    " FROM juxin.custom_field f WHERE f.tenant_id = $1 AND f.id = $2"};
static const struct db_stmt lock_one = {"own_field.lock",
    "SELECT " CUSTOM_FIELD_COLUMNS OWN_COLUMNS
    " FROM juxin.custom_field f WHERE f.tenant_id = $1 AND f.id = $2 FOR UPDATE"};
static const struct db_stmt count_all = {"own_field.count",
    "SELECT count(*) FROM juxin.custom_field f WHERE f.tenant_id = $1 AND f.resource = $2 "
    "AND f.state <> 'refused'"};
static const struct db_stmt insert = {"own_field.insert",
    "INSERT INTO juxin.custom_field (tenant_id, id, resource, name, type, zh, en, is_required, "
    "is_filterable, max_length, "
    "min, max, dictionary, mask, is_about_person, purpose, retention, state, asked_by, created_at, "
    "updated_at) VALUES "
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)"};
static const struct db_stmt update = {"own_field.update",
    "UPDATE juxin.custom_field SET zh = $4, en = $5, is_required = $6, is_filterable = $7, max_length = $8, "
    "min = $9, max = "
    "$10, mask = $11, purpose = $12, retention = $13, state = $14, asked_by = $15, approved_by = $16, change "
    "= NULL, "
    "change_by = NULL, version = version + 1, updated_at = $17 WHERE tenant_id = $1 AND id = $2 AND version "
    "= $3"};
static const struct db_stmt set_change = {"own_field.set_change",
    "UPDATE juxin.custom_field SET change = $4, change_by = $5, version = version + 1, updated_at = $6 WHERE "
    "tenant_id = "
    "$1 AND id = $2 AND version = $3"};
static const struct db_stmt set_state = {"own_field.set_state",
    "UPDATE juxin.custom_field SET state = $4, change = NULL, change_by = NULL, version = version + 1, "
    "updated_at = $5 "
    "WHERE tenant_id = $1 AND id = $2 AND version = $3"};

/* ---- rows ---- */

static bool may_keep(const struct call *c)
{
    return own_may(c, core_permission(CORE_FIELD_MANAGE));
}

static bool may_see(const struct call *c)
{
    return may_keep(c) || own_may(c, core_permission(CORE_FIELD_APPROVE));
}

static void key_args(struct db_args *a, const struct call *c, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

static void put(json_t *to, const char *key, const char *value)
{
    if (value)
        json_object_set_new(to, key, json_string(value));
}

static void put_number(json_t *to, const char *key, const struct db_rows *rows, int i, int column)
{
    if (db_get(rows, i, column))
        json_object_set_new(to, key, json_integer(db_get_int(rows, i, column)));
}

/* The row in the form that it was asked for in. */
static json_t *definition_of(const struct db_rows *rows, int i)
{
    json_t *d = json_object(), *label = json_object();

    put(d, "resource", db_get(rows, i, CUSTOM_RESOURCE));
    put(d, "name", db_get(rows, i, CUSTOM_NAME));
    put(d, "type", db_get(rows, i, CUSTOM_TYPE));
    put(label, "zh-CN", db_get(rows, i, CUSTOM_ZH));
    put(label, "en", db_get(rows, i, CUSTOM_EN));
    json_object_set_new(d, "label", label);
    json_object_set_new(d, "required", json_boolean(db_get_bool(rows, i, CUSTOM_REQUIRED)));
    json_object_set_new(d, "filterable", json_boolean(db_get_bool(rows, i, CUSTOM_FILTERABLE)));
    put_number(d, "max_length", rows, i, CUSTOM_MAX_LENGTH);
    put_number(d, "min", rows, i, CUSTOM_MIN);
    put_number(d, "max", rows, i, CUSTOM_MAX);
    put(d, "dictionary", db_get(rows, i, CUSTOM_DICTIONARY));
    put(d, "mask", db_get(rows, i, CUSTOM_MASK));
    json_object_set_new(d, "about_person", json_boolean(db_get_bool(rows, i, CUSTOM_PERSON)));
    put(d, "purpose", db_get(rows, i, CUSTOM_PURPOSE));
    put(d, "retention", db_get(rows, i, CUSTOM_RETENTION));
    return d;
}

static void write_row(struct jsonw *w, const struct db_rows *rows, int i)
{
    json_t *d = definition_of(rows, i), *v;
    const char *key;

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, CUSTOM_ID));
    jsonw_kint(w, "version", db_get_int(rows, i, OWN_VERSION));
    jsonw_kstr(w, "state", db_get(rows, i, CUSTOM_STATE));
    json_object_foreach(d, key, v)
    {
        jsonw_key(w, key);
        jsonw_value(w, v);
    }
    jsonw_kstr(w, "asked_by", db_get(rows, i, OWN_ASKED_BY));
    jsonw_kstr(w, "approved_by", db_get(rows, i, OWN_APPROVED_BY));
    jsonw_key(w, "change");
    if (db_get(rows, i, OWN_CHANGE))
        jsonw_raw(w, db_get_text(rows, i, OWN_CHANGE));
    else
        jsonw_null(w);
    jsonw_kstr(w, "change_by", db_get(rows, i, OWN_CHANGE_BY));
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, OWN_CREATED)).s);
    jsonw_kstr(w, "updated_at", clock_format(db_get_time(rows, i, OWN_UPDATED)).s);
    jsonw_object_end(w);
    json_decref(d);
}

int own_field_list_write(struct call *c, const char *resource, struct jsonw *w)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_all, .args = a};
    int r;

    if (!may_see(c))
        return call_forbidden(c, core_permission_name(CORE_FIELD_MANAGE));
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, resource ? resource : "");
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(call.rows); i++)
        write_row(w, call.rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static int find(struct call *c, struct db_stmt stmt, struct uuid id, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = stmt, .args = a};
    int r;

    if (!may_see(c))
        return call_not_found(c);
    key_args(a, c, id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 0)
        r = call_not_found(c);
    *ret = call.rows;
    return r;
}

int own_field_write(struct call *c, struct uuid id, struct jsonw *w, int64_t *ret_version)
{
    struct db_rows *rows;
    int r = find(c, read_one, id, &rows);

    if (r < 0)
        return r;
    *ret_version = db_get_int(rows, 0, OWN_VERSION);
    write_row(w, rows, 0);
    return 0;
}

/* ---- asking ---- */

static void number_arg(struct db_args *a, bool is_said, int64_t v)
{
    if (is_said)
        db_arg_int(a, v);
    else
        db_arg_str(a, NULL);
}

static int check_room(struct call *c, const struct own_field *f)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = count_all, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, f->res->full_name);
    r = call_read(c, &call, 1);
    if (r == 0 && db_get_int(call.rows, 0, 0) >= CUSTOM_FIELDS_MAX)
        return call_fail(c, 409, "too_many", "20 fields of one's own are the most, retired ones included.",
            "每类业务最多 20 个自定义字段（含已停用的）。");
    return r;
}

static int insert_row(struct call *c, const struct own_field *f, struct uuid id)
{
    struct db_args a;
    int r;

    key_args(&a, c, id);
    db_arg_str(&a, f->res->full_name);
    db_arg_str(&a, f->name);
    db_arg_str(&a, f->type);
    db_arg_str(&a, f->zh);
    db_arg_str(&a, f->en);
    db_arg_bool(&a, f->is_required);
    db_arg_bool(&a, f->is_filterable);
    number_arg(&a, f->max_length > 0, f->max_length);
    number_arg(&a, f->has_min, f->min);
    number_arg(&a, f->has_max, f->max);
    db_arg_str(&a, f->dictionary);
    db_arg_str(&a, f->mask);
    db_arg_bool(&a, f->is_about_person);
    db_arg_str(&a, f->purpose);
    db_arg_str(&a, f->retention);
    db_arg_str(&a, f->is_about_person ? "asked" : "active");
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, insert, &a, NULL);
    return r == -EEXIST
               ? call_fail(c, 409, "conflict", "A field of this name exists already, retired perhaps.",
                     "已有同名的自定义字段（可能已停用）。")
               : r;
}

int own_field_create(struct call *c, const json_t *body, struct uuid *ret)
{
    struct own_field f;
    int r = may_keep(c) ? own_field_check(c, body, &f)
                        : call_forbidden(c, core_permission_name(CORE_FIELD_MANAGE));

    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    *ret = uuid_new();
    r = call_bump(c);
    if (r == 0)
        r = check_room(c, &f);
    if (r == 0)
        r = insert_row(c, &f, *ret);
    return r < 0 ? r
                 : call_audit(c, f.is_about_person ? "field.ask" : "field.create", f.res->full_name, *ret,
                       UUID_NIL, f.name);
}

/* ---- changing ---- */

/* The row as it was seen, locked, in the open unit of work; *ret stays NULL for a replay. */
static int open_row(struct call *c, struct uuid id, int64_t version, struct db_rows **ret)
{
    int r = may_see(c) ? call_begin(c) : call_not_found(c);

    *ret = NULL;
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = find(c, lock_one, id, ret);
    if (r == 0 && db_get_int(*ret, 0, OWN_VERSION) != version)
        r = call_fail(c, 412, "stale", "The field was changed meanwhile. Read it again.",
            "该字段已被修改，请重新读取。");
    return r;
}

static bool is_in(const struct db_rows *rows, const char *state)
{
    return strcmp(db_get(rows, 0, CUSTOM_STATE), state) == 0;
}

static int not_now(struct call *c)
{
    return call_fail(c, 409, "state", "Not as the field stands now.", "该字段当前状态不允许此操作。");
}

/* The members of a merge patch over a definition; the reference is the caller's. */
static json_t *merged(const struct db_rows *rows, const json_t *patch)
{
    json_t *d = definition_of(rows, 0), *v;
    const char *key;

    json_object_foreach((json_t *)patch, key, v)
    {
        if (json_is_null(v))
            json_object_del(d, key);
        else
            json_object_set(d, key, v); /* takes a reference of its own */
    }
    return d;
}

struct deciding {
    struct uuid id;
    int64_t version;
    const char *state;
    struct uuid asked_by, approved_by;
};

static void drop_json(void *json)
{
    json_decref(json);
}

static int store(struct call *c, const struct db_rows *rows, const json_t *patch, const struct deciding *d)
{
    json_t *whole = merged(rows, patch);
    struct own_field f;
    struct db_args a;
    int r;

    arena_defer(c->arena, drop_json, whole);
    r = own_field_check(c, whole, &f);
    if (r < 0)
        return r;
    key_args(&a, c, d->id);
    db_arg_int(&a, d->version);
    db_arg_str(&a, f.zh);
    db_arg_str(&a, f.en);
    db_arg_bool(&a, f.is_required);
    db_arg_bool(&a, f.is_filterable);
    number_arg(&a, f.max_length > 0, f.max_length);
    number_arg(&a, f.has_min, f.min);
    number_arg(&a, f.has_max, f.max);
    db_arg_str(&a, f.mask);
    db_arg_str(&a, f.purpose);
    db_arg_str(&a, f.retention);
    db_arg_str(&a, d->state);
    db_arg_uuid_or_null(&a, d->asked_by);
    db_arg_uuid_or_null(&a, d->approved_by);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, update, &a, 1);
}

static int ask_change(
    struct call *c, const struct db_rows *rows, struct uuid id, int64_t version, const json_t *patch)
{
    json_t *whole = merged(rows, patch);
    struct own_field f;
    struct db_args a;
    char *text;
    int r;

    arena_defer(c->arena, drop_json, whole);
    r = own_field_check(c, whole, &f); /* said at once, and again when it is decided */
    if (r < 0)
        return r;
    text = json_dumps(patch, JSON_COMPACT);
    key_args(&a, c, id);
    db_arg_int(&a, version);
    db_arg_str(&a, arena_dup(c->arena, text));
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_time(&a, c->now_us);
    free(text);
    return db_exec_expect(c->tx, set_change, &a, 1);
}

static int done(struct call *c, const struct db_rows *rows, const char *action, struct uuid id,
    int64_t version, int64_t *ret_version)
{
    *ret_version = version + 1;
    return call_audit(
        c, action, db_get(rows, 0, CUSTOM_RESOURCE), id, UUID_NIL, db_get(rows, 0, CUSTOM_NAME));
}

int own_field_update(
    struct call *c, struct uuid id, int64_t version, const json_t *patch, int64_t *ret_version)
{
    struct deciding d = {.id = id, .version = version};
    struct db_rows *rows;
    bool waits;
    int r = open_row(c, id, version, &rows);

    if (r < 0 || c->is_replay)
        return r;
    if (!may_keep(c))
        return call_forbidden(c, core_permission_name(CORE_FIELD_MANAGE));
    if (!is_in(rows, "asked") && !is_in(rows, "active"))
        return not_now(c);
    waits = is_in(rows, "active") && db_get_bool(rows, 0, CUSTOM_PERSON);
    d.state = db_get(rows, 0, CUSTOM_STATE);
    d.asked_by = c->who->account;
    r = waits ? ask_change(c, rows, id, version, patch) : store(c, rows, patch, &d);
    return r < 0 ? r : done(c, rows, waits ? "field.ask_change" : "field.change", id, version, ret_version);
}

/* ---- deciding ---- */

int own_field_approve(struct call *c, struct uuid id, int64_t version, int64_t *ret_version)
{
    struct deciding d = {.id = id, .version = version, .state = "active"};
    json_t *patch = NULL;
    struct db_rows *rows;
    int r = open_row(c, id, version, &rows);

    if (r < 0 || c->is_replay)
        return r;
    if (!own_may(c, core_permission(CORE_FIELD_APPROVE)))
        return call_forbidden(c, core_permission_name(CORE_FIELD_APPROVE));
    if (!is_in(rows, "asked") && !db_get(rows, 0, OWN_CHANGE))
        return not_now(c);
    d.asked_by = db_get_uuid(rows, 0, is_in(rows, "asked") ? OWN_ASKED_BY : OWN_CHANGE_BY);
    d.approved_by = c->who->account;
    if (uuid_is_nil(d.approved_by) || uuid_eq(d.asked_by, d.approved_by))
        return call_fail(c, 409, "same_person",
            "Who asked for it does not approve it: another person has to.",
            "申请人不得自行审批，须由另一人审批。");
    if (db_get(rows, 0, OWN_CHANGE) &&
        json_parse(db_get_text(rows, 0, OWN_CHANGE), JSON_LIMITS, &patch, NULL) < 0)
        return -EIO;
    r = store(c, rows, patch, &d);
    json_decref(patch);
    return r < 0 ? r : done(c, rows, "field.approve", id, version, ret_version);
}

static int move(struct call *c, struct uuid id, int64_t version, const char *state)
{
    struct db_args a;

    key_args(&a, c, id);
    db_arg_int(&a, version);
    db_arg_str(&a, state);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, set_state, &a, 1);
}

int own_field_refuse(struct call *c, struct uuid id, int64_t version, int64_t *ret_version)
{
    struct db_rows *rows;
    int r = open_row(c, id, version, &rows);

    if (r < 0 || c->is_replay)
        return r;
    if (!is_in(rows, "asked") && !db_get(rows, 0, OWN_CHANGE))
        return not_now(c);
    r = move(c, id, version, is_in(rows, "asked") ? "refused" : "active");
    return r < 0 ? r : done(c, rows, "field.refuse", id, version, ret_version);
}

static int turn(struct call *c, struct uuid id, int64_t version, const char *from, const char *to,
    const char *action, int64_t *ret_version)
{
    struct db_rows *rows;
    int r = open_row(c, id, version, &rows);

    if (r < 0 || c->is_replay)
        return r;
    if (!may_keep(c))
        return call_forbidden(c, core_permission_name(CORE_FIELD_MANAGE));
    if (!is_in(rows, from))
        return not_now(c);
    r = move(c, id, version, to);
    return r < 0 ? r : done(c, rows, action, id, version, ret_version);
}

int own_field_retire(struct call *c, struct uuid id, int64_t version, int64_t *ret_version)
{
    return turn(c, id, version, "active", "retired", "field.retire", ret_version);
}

int own_field_restore(struct call *c, struct uuid id, int64_t version, int64_t *ret_version)
{
    return turn(c, id, version, "retired", "active", "field.restore", ret_version);
}
