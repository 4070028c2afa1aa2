/* Imports as rows: sent, mapped, queued; and read by their jobs. */
#include "resource/transfer/import.h"

#include <errno.h>
#include <stdlib.h>

#include "access/core_permissions.h"
#include "access/job.h"
#include "access/permission.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/beside/file.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/record/gate.h"
#include "tenant/tree.h"

static const struct db_stmt insert = {"import.insert",
    "INSERT INTO juxin.import (tenant_id, id, resource, name, size, sha256, headers, mapping, state, "
    "created_at, created_by, "
    "expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'uploaded', $9, $10, $11)"};
static const struct db_stmt lock = {"import.lock",
    "SELECT i.state, i.headers, i.mapping, i.bad, j.state FROM juxin.import i LEFT JOIN juxin.job j ON "
    "j.tenant_id = i.tenant_id AND j.tenant_id = $1 AND j.id = i.job_id WHERE i.tenant_id = $1 AND "
    "i.resource = $2 AND i.created_by = $3 AND i.id = $4 AND i.expires_at > $5 FOR UPDATE OF i"};
static const struct db_stmt queue_check = {"import.queue_check",
    "UPDATE juxin.import SET state = 'checking', job_id = $3, mapping = $4, unit_id = $5, key = $6, "
    "duplicates = $7, good = 0,"
    " bad = 0, skipped = 0, updated = 0, errors_sha256 = NULL, errors_size = NULL WHERE tenant_id = $1 AND "
    "id = $2"};
static const struct db_stmt queue_run = {"import.queue_run",
    "UPDATE juxin.import SET state = 'importing', job_id = $3, mode = $4 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt queue_undo = {"import.queue_undo",
    "UPDATE juxin.import SET state = 'undoing', job_id = $3, undone = CASE WHEN $4 THEN undone ELSE 0 END, "
    "left_alone = CASE WHEN $4 THEN left_alone ELSE 0 END "
    "WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt load = {"import.load",
    "SELECT i.resource, i.state, i.name, i.sha256, i.headers, i.mapping, i.unit_id, i.key, i.duplicates, "
    "i.mode, i.bad FROM "
    "juxin.import i WHERE i.tenant_id = $1 AND i.id = $2 FOR UPDATE"};

static const char *as_list(struct call *c, const char *const *items, uint32_t count)
{
    struct buf b = BUF_INIT;
    struct jsonw w;
    const char *s;

    jsonw_init(&w, &b);
    jsonw_array(&w);
    for (uint32_t i = 0; i < count; i++)
        jsonw_str(&w, items[i]);
    jsonw_array_end(&w);
    s = arena_dup(c->arena, buf_str(&b));
    buf_done(&b);
    return s;
}

int import_may(struct call *c, const struct resource *res)
{
    if (!subject_may_anywhere(c->who, res->permissions[ACTION_IMPORT]))
        return call_forbidden(c, arena_printf(c->arena, "%s.import", res->full_name));
    return gate_require_somewhere(c, res->plugin);
}

int import_create(struct call *c, const struct resource *res, const struct import_input *in, struct uuid *ret)
{
    const char **mapping = arena_array(c->arena, in->headers->count + 1, sizeof(*mapping));
    struct db_args a;
    int r = import_may(c, res);

    if (r == 0 && in->headers->fault.code)
        r = call_fail(c, 422, in->headers->fault.code, in->headers->fault.en, in->headers->fault.zh);
    if (r == 0)
        r = import_headers_check(c, res, in->headers);
    if (r == 0)
        r = file_keep(c, in->writer, &in->digest, in->size);
    if (r < 0)
        return r;
    *ret = uuid_new();
    import_headers_guess(res, in->headers, mapping);
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, *ret);
    db_arg_str(&a, res->full_name);
    db_arg_str(&a, in->name);
    db_arg_int(&a, (int64_t)in->size);
    db_arg_str(&a, file_hex(c->arena, &in->digest));
    db_arg_str(&a, as_list(c, in->headers->names, in->headers->count));
    db_arg_str(&a, as_list(c, mapping, in->headers->count));
    db_arg_time(&a, c->now_us);
    db_arg_uuid(&a, c->who->account);
    db_arg_time(&a, c->now_us + IMPORT_DAYS * INT64_C(86400) * 1000000);
    r = db_exec(c->tx, insert, &a, NULL);
    if (r == 0)
        r = call_audit(
            c, arena_printf(c->arena, "%s.import_upload", res->full_name), "import", *ret, UUID_NIL, NULL);
    c->result_status = 201;
    c->result_id = *ret;
    return r;
}

/* ---- settings ---- */

struct locked {
    const char *state, *job_state;
    json_t *headers, *mapping; /* freed with the arena */
    int64_t bad;
};

static void drop_json(void *json)
{
    json_decref(json);
}

static int take_list(struct arena *a, struct text t, json_t **ret)
{
    int r = json_parse(t, JSON_LIMITS, ret, NULL);

    if (r == 0)
        arena_defer(a, drop_json, *ret);
    return r < 0 ? -EIO : 0;
}

static int lock_one(struct call *c, const struct resource *res, struct uuid id, struct locked *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = lock, .args = a};
    int r = import_may(c, res);

    if (r < 0)
        return r;
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, res->full_name);
    db_arg_uuid(a, c->who->account);
    db_arg_uuid(a, id);
    db_arg_time(a, c->now_us);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 0)
        return call_not_found(c);
    if (r < 0)
        return r;
    *ret = (struct locked){.state = db_get(call.rows, 0, 0),
        .job_state = db_get(call.rows, 0, 4),
        .bad = db_get_int(call.rows, 0, 3)};
    r = take_list(c->arena, db_get_text(call.rows, 0, 1), &ret->headers);
    if (r == 0)
        r = take_list(c->arena, db_get_text(call.rows, 0, 2), &ret->mapping);
    if (r == 0 && ret->job_state &&
        (strcmp(ret->job_state, "waiting") == 0 || strcmp(ret->job_state, "running") == 0))
        r = call_fail(c, 409, "import_busy", "A job is working on this import.", "该导入正在处理中。");
    return r;
}

static const char *header_at(const struct locked *l, size_t i)
{
    return json_string_value(json_array_get(l->headers, i));
}

/* {"header": "field" or null} over what is stored. */
static int take_mapping(struct call *c, const struct resource *res, struct locked *l, const json_t *mapping)
{
    const char *header;
    json_t *v;

    json_object_foreach((json_t *)mapping, header, v)
    {
        const char *at = arena_printf(c->arena, "/mapping%s", json_pointer(c->arena, header));
        const char *name = json_is_null(v) ? "" : json_string_value(v);
        const struct field *f = name ? resource_field(res, text_of(name)) : NULL;
        size_t i = 0;

        while (i < json_array_size(l->headers) && strcmp(header_at(l, i), header) != 0)
            i++;
        if (i == json_array_size(l->headers) || !*header)
            return call_fail_at(c, at, "unknown_header", "A header of the file.", "应为文件中的表头。");
        if (!name || (*name && strcmp(name, "unit") != 0 && (!f || f->set_by != SET_BY_USER)))
            return call_fail_at(c, at, "unknown_field", "A field that may be set, \"unit\", or null.",
                "应为可填写的字段、unit 或 null。");
        json_array_set_new(l->mapping, i, json_string(name));
    }
    return 0;
}

static int check_mapping(struct call *c, const struct resource *res, const struct locked *l, const char *key)
{
    bool has_key = !key;
    size_t n = json_array_size(l->mapping);

    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(l->mapping, i));

        has_key |= key && strcmp(name, key) == 0;
        for (size_t k = 0; k < i && *name; k++)
            if (strcmp(name, json_string_value(json_array_get(l->mapping, k))) == 0)
                return call_fail_at(c, "/mapping", "twice",
                    arena_printf(c->arena, "Two columns go to \"%s\".", name),
                    arena_printf(c->arena, "有两列都对应“%s”。", name));
    }
    for (uint32_t f = 0; f < res->field_count; f++) {
        const struct field *field = &res->fields[f];
        bool is_mapped = !field->is_required || field->set_by != SET_BY_USER || field->fallback;

        for (size_t i = 0; i < n && !is_mapped; i++)
            is_mapped = strcmp(field->name, json_string_value(json_array_get(l->mapping, i))) == 0;
        if (!is_mapped)
            (void)call_fail_at(c, "/mapping", "required",
                arena_printf(c->arena, "No column goes to \"%s\", which is required.", field->label.en),
                arena_printf(c->arena, "没有列对应必填的“%s”。", field->label.zh));
    }
    if (!has_key)
        (void)call_fail_at(c, "/key", "not_mapped", "A field that a column goes to.", "应为有列对应的字段。");
    return c->fault.status ? -EINVAL : 0;
}

const char *const import_duplicates_names[] = {"refuse", "skip", "update", NULL};

static bool is_mapped(const struct locked *l, const struct field *f)
{
    for (size_t i = 0; i < json_array_size(l->mapping); i++)
        if (strcmp(f->name, json_string_value(json_array_get(l->mapping, i))) == 0)
            return true;
    return false;
}

/* The declaration's: "name,phone"; NULL where there is none, or the file has not all of it. */
static const char *declared_key(struct call *c, const struct resource *res, const struct locked *l)
{
    const char *s = NULL;

    for (uint32_t i = 0; i < res->import_key_count; i++) {
        const struct field *f = &res->fields[res->import_key[i]];

        if (!is_mapped(l, f))
            return NULL;
        s = arena_printf(c->arena, "%s%s%s", s ? s : "", s ? "," : "", f->name);
    }
    return s;
}

/* A field whose values are unique: that one is there already is no secret of theirs. Or the declaration's. */
static int take_key(struct call *c, const struct resource *res, const struct locked *l,
    const struct import_settings *s, const char **ret)
{
    const struct field *f = s->key ? resource_field(res, text_of(s->key)) : NULL;
    const char *declared = declared_key(c, res, l);
    bool is_declared = !s->key || (declared && strcmp(s->key, declared) == 0);

    *ret = is_declared ? declared : s->key;
    if (s->duplicates == DUPLICATES_UPDATE && (!is_declared || !declared))
        return call_fail_at(c, "/duplicates", "no_import_key",
            "An update needs columns for all fields of the import key that the declaration names.",
            "更新已有记录需要声明的查重字段都有对应的列。");
    if (is_declared || (f && f->unique != UNIQUE_NO))
        return 0;
    return call_fail_at(c, "/key", "not_unique", "A field whose values are unique.", "应为取值唯一的字段。");
}

static int take_unit(struct call *c, const struct resource *res, const char *unit, struct uuid *ret)
{
    struct value_fault fault = {
        "unknown_unit", "The id or code of a unit that is open.", "应为现有组织机构的编号或代码。"};
    uint32_t at = unit ? import_unit(c, res, text_of(unit), &fault) : TREE_NONE;

    *ret = UUID_NIL;
    if (!unit)
        return 0;
    if (at == TREE_NONE || (!subject_may(c->who, c->tenant, res->permissions[ACTION_CREATE], at) &&
                               !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), at)))
        return call_fail_at(c, "/unit", fault.code, fault.en, fault.zh);
    *ret = tree_unit(c->tenant->tree, at).id;
    return 0;
}

static int add_job(struct call *c, const char *kind, struct uuid id, const char *more, struct uuid *ret)
{
    const char *text = arena_dup(c->arena, uuid_format(id).s);
    struct job_input in = {
        .kind = kind, .key = text, .json = arena_printf(c->arena, "{\"import\":\"%s\"%s}", text, more)};

    return job_add(c, &in, ret);
}

static void id_args(struct db_args *a, const struct call *c, struct uuid id, struct uuid job)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
    db_arg_uuid(a, job);
}

static int finish(struct call *c, const struct resource *res, const char *verb, struct uuid id)
{
    c->result_status = 200;
    c->result_id = id;
    return call_audit(c, arena_printf(c->arena, "%s.%s", res->full_name, verb), "import", id, UUID_NIL, NULL);
}

static bool is_in(const char *state, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(state, *list) == 0)
            return true;
    return false;
}

static int wrong_state(struct call *c, const char *en, const char *zh)
{
    return call_fail(c, 409, "import_state", en, zh);
}

int import_check(struct call *c, const struct resource *res, struct uuid id, const struct import_settings *s)
{
    static const char *const open[] = {"uploaded", "checking", "checked", NULL};
    struct uuid unit, job;
    struct locked l;
    struct db_args a;
    const char *key = NULL;
    char *mapping;
    int r = lock_one(c, res, id, &l);

    if (r == 0 && !is_in(l.state, open))
        r = wrong_state(c, "Rows of this import were brought in already.", "该导入已有数据入库。");
    if (r == 0 && s->mapping)
        r = take_mapping(c, res, &l, s->mapping);
    if (r == 0)
        r = take_key(c, res, &l, s, &key);
    if (r == 0)
        r = take_unit(c, res, s->unit, &unit);
    if (r == 0)
        r = check_mapping(c, res, &l, key && resource_field(res, text_of(key)) ? key : NULL);
    if (r == 0)
        r = add_job(c, "import.check", id, "", &job);
    if (r < 0)
        return r;
    mapping = json_dumps(l.mapping, JSON_COMPACT);
    id_args(&a, c, id, job);
    db_arg_str(&a, mapping);
    db_arg_uuid_or_null(&a, unit);
    db_arg_str(&a, key ? key : "");
    db_arg_str(&a, import_duplicates_names[s->duplicates]);
    r = db_exec_expect(c->tx, queue_check, &a, 1);
    free(mapping);
    return r < 0 ? r : finish(c, res, "import_check", id);
}

int import_run(struct call *c, const struct resource *res, struct uuid id, bool all_or_nothing)
{
    static const char *const open[] = {"checked", "importing", NULL};
    struct locked l;
    struct db_args a;
    struct uuid job;
    int r = lock_one(c, res, id, &l);

    if (r == 0 && !is_in(l.state, open))
        r = wrong_state(
            c, "Check the import first; it is brought in once.", "请先检查；每次导入只能入库一次。");
    if (r == 0 && all_or_nothing && l.bad > 0)
        r = call_fail(c, 409, "rows_bad",
            arena_printf(
                c->arena, "%lld rows are not good: all or nothing would be nothing.", (long long)l.bad),
            arena_printf(c->arena, "有 %lld 行不合格，无法整体导入。", (long long)l.bad));
    if (r == 0)
        r = add_job(c, "import.run", id, "", &job);
    if (r < 0)
        return r;
    id_args(&a, c, id, job);
    db_arg_str(&a, all_or_nothing ? "all" : "good");
    r = db_exec_expect(c->tx, queue_run, &a, 1);
    return r < 0 ? r : finish(c, res, "import_run", id);
}

#define UNDO_ROWS_MAX 1000

static int check_rows(struct call *c, const json_t *rows)
{
    const json_t *v;
    bool good = json_is_array(rows) && json_array_size(rows) > 0 && json_array_size(rows) <= UNDO_ROWS_MAX;
    size_t i;

    json_array_foreach(rows, i, v) good =
        good && json_is_integer(v) && json_integer_value(v) > 0 && json_integer_value(v) <= INT32_MAX;
    return good ? 0
                : call_fail_at(c, "/rows", "type", "A list of 1 to 1,000 numbers of rows.",
                      "应为行号列表，1 至 1000 个。");
}

static const char *rows_text(struct call *c, const json_t *rows)
{
    char *text = rows ? json_dumps(rows, JSON_COMPACT) : NULL;
    const char *s = rows ? arena_printf(c->arena, ",\"rows\":%s", text) : "";

    free(text);
    return s;
}

int import_undo(struct call *c, const struct resource *res, struct uuid id, const json_t *rows)
{
    static const char *const open[] = {"importing", "imported", "undoing", "undone", NULL};
    struct locked l;
    struct db_args a;
    struct uuid job;
    int r = lock_one(c, res, id, &l);

    if (r == 0 && !is_in(l.state, open))
        r = wrong_state(c, "Nothing of this import was brought in.", "该导入没有数据入库。");
    if (r == 0 && rows)
        r = check_rows(c, rows);
    if (r == 0)
        r = add_job(c, "import.undo", id, rows_text(c, rows), &job);
    if (r < 0)
        return r;
    id_args(&a, c, id, job);
    db_arg_bool(&a, rows != NULL);
    r = db_exec_expect(c->tx, queue_undo, &a, 1);
    return r < 0 ? r : finish(c, res, "import_undo", id);
}

/* ---- for the jobs ---- */

static int take_columns(struct arena *a, const struct db_rows *rows, struct import *ret)
{
    json_t *headers, *mapping;
    int r = take_list(a, db_get_text(rows, 0, 4), &headers);

    if (r == 0)
        r = take_list(a, db_get_text(rows, 0, 5), &mapping);
    if (r < 0)
        return r;
    ret->column_count = (uint32_t)json_array_size(headers);
    ret->columns = arena_array(a, ret->column_count + 1, sizeof(*ret->columns));
    for (uint32_t i = 0; i < ret->column_count; i++) {
        const char *name = json_string_value(json_array_get(mapping, i));

        ret->columns[i] = (struct import_column){.header = json_string_value(json_array_get(headers, i)),
            .field = name ? resource_field(ret->res, text_of(name)) : NULL,
            .is_unit = name && strcmp(name, "unit") == 0};
    }
    return 0;
}

static enum import_duplicates duplicates_of(const char *word)
{
    return strcmp(word, "update") == 0 ? DUPLICATES_UPDATE
           : strcmp(word, "skip") == 0 ? DUPLICATES_SKIP
                                       : DUPLICATES_REFUSE;
}

static bool is_declared(const struct resource *res, struct text key)
{
    uint32_t n = 0;

    while (key.ptr && n < res->import_key_count)
        if (!text_is(text_split(&key, ','), res->fields[res->import_key[n++]].name))
            return false;
    return !key.ptr && n > 0 && n == res->import_key_count;
}

int import_load(struct call *c, struct arena *a, struct uuid id, struct import *ret, bool *ret_found)
{
    struct db_args args;
    struct db_call call = {.stmt = load, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, c->tenant->id);
    db_arg_uuid(&args, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret_found = db_rows_count(call.rows) == 1;
    if (!*ret_found)
        return 0;
    *ret = (struct import){.id = id,
        .res = edition_keep(a, c->tenant, resource_find(db_get(call.rows, 0, 0))),
        .state = arena_dup(a, db_get(call.rows, 0, 1)),
        .name = arena_dup(a, db_get(call.rows, 0, 2)),
        .unit = tree_find(c->tenant->tree, db_get_uuid(call.rows, 0, 6)),
        .duplicates = duplicates_of(db_get(call.rows, 0, 8)),
        .is_all = strcmp(db_get(call.rows, 0, 9), "all") == 0,
        .bad = db_get_int(call.rows, 0, 10)};
    if (!ret->res)
        return call_fail(
            c, 404, "not_found", "The plugin of these records is not there any more.", "相应插件已不存在。");
    ret->key = resource_field(ret->res, db_get_text(call.rows, 0, 7));
    ret->has_key = is_declared(ret->res, db_get_text(call.rows, 0, 7));
    if (ret->has_key) /* a key of one field that is unique as well: once is enough */
        ret->key = NULL;
    if (hex_parse(db_get_text(call.rows, 0, 3), ret->digest.b, SHA256_LEN) < 0)
        return -EIO;
    return take_columns(a, call.rows, ret);
}
