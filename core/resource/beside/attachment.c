/* Files beside a record: their rows. */
#include "resource/beside/attachment.h"

#include <errno.h>

#include "base/clock.h"
#include "resource/beside/beside.h"
#include "resource/beside/file.h"
#include "resource/beside/file_name.h"
#include "resource/record/change.h"
#include "resource/record/store.h"

#define COLUMNS                                                                                              \
    "a.id, a.name, a.type, a.size, a.sha256, a.created_at, a.created_by, p.display_name, a.thumbnail, "      \
    "s.size"
enum column {
    COL_FILE,
    COL_NAME,
    COL_TYPE,
    COL_SIZE,
    COL_DIGEST,
    COL_AT,
    COL_BY,
    COL_BY_NAME,
    COL_THUMBNAIL,
    COL_THUMBNAIL_SIZE
};
#define FROM                                                                                                 \
    " FROM juxin.attachment a LEFT JOIN juxin.account p ON p.tenant_id = a.tenant_id AND p.id = "            \
    "a.created_by LEFT JOIN juxin.file s ON s.tenant_id = a.tenant_id AND s.sha256 = a.thumbnail"            \
    " WHERE a.tenant_id = $1 AND a.resource = $2 AND a.record_id = $3 AND a.deleted_at IS NULL"

static const struct db_stmt list = {"attachment.list", "SELECT " COLUMNS FROM " ORDER BY a.id LIMIT 200"};
static const struct db_stmt find = {"attachment.find", "SELECT " COLUMNS FROM " AND a.id = $4"};
static const struct db_stmt insert = {"attachment.insert",
    "INSERT INTO juxin.attachment (tenant_id, resource, record_id, id, name, type, size, sha256, created_at, "
    "created_by, thumbnail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
static const struct db_stmt drop = {"attachment.drop",
    "UPDATE juxin.attachment SET deleted_at = $5, deleted_by = $6, sha256 = NULL, thumbnail = NULL"
    " WHERE tenant_id = $1 AND resource = $2 AND record_id = $3 AND id = $4 AND deleted_at IS NULL"};

static int read_rows(struct call *c, const struct record *rec, struct uuid id, const struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = uuid_is_nil(id) ? list : find, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    if (!uuid_is_nil(id))
        db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

static int fail_closed(struct call *c)
{
    return call_fail(
        c, 409, "final", "The record is closed; it cannot be changed any more.", "记录已办结，不能再修改。");
}

static int fail_many(struct call *c, const struct record *rec)
{
    uint32_t most = rec->res->attachments.max_count;

    return call_fail(c, 409, "too_many_files",
        arena_printf(c->arena, "A record has at most %u files. Remove one first.", most),
        arena_printf(c->arena, "每条记录最多 %u 个附件，请先删除一个。", most));
}

static bool is_closed(const struct record *rec)
{
    return rec->res->states[rec->state].is_final;
}

int attachment_may_add(struct call *c, const struct record *rec)
{
    const struct attachments_rule *rule = &rec->res->attachments;
    const struct db_rows *rows;
    int r;

    if (!beside_may(c, rec, rule->permission))
        return beside_forbidden(c, rule->permission);
    if (is_closed(rec))
        return fail_closed(c);
    r = read_rows(c, rec, UUID_NIL, &rows);
    if (r == 0 && db_rows_count(rows) >= (int)rule->max_count)
        r = fail_many(c, rec);
    return r;
}

static int take_row(const struct db_rows *rows, int i, struct attachment *ret)
{
    *ret = (struct attachment){.id = db_get_uuid(rows, i, COL_FILE),
        .name = db_get(rows, i, COL_NAME),
        .type = file_type_find(db_get(rows, i, COL_TYPE)),
        .size = (uint64_t)db_get_int(rows, i, COL_SIZE)};
    if (db_get(rows, i, COL_THUMBNAIL)) {
        ret->has_thumbnail = true;
        ret->thumbnail_size = (uint64_t)db_get_int(rows, i, COL_THUMBNAIL_SIZE);
        if (hex_parse(db_get_text(rows, i, COL_THUMBNAIL), ret->thumbnail.b, SHA256_LEN) < 0)
            return -EIO;
    }
    return hex_parse(db_get_text(rows, i, COL_DIGEST), ret->digest.b, SHA256_LEN) < 0 ? -EIO : 0;
}

static int row_named(const struct db_rows *rows, const char *name)
{
    for (int i = 0; i < db_rows_count(rows); i++)
        if (strcmp(db_get(rows, i, COL_NAME), name) == 0)
            return i;
    return -1;
}

/* The content's row first: it is locked from here to the commit. Then the content gets its name. */
static int keep(struct call *c, const struct attachment_content *content)
{
    return file_keep(c, content->writer, &content->digest, content->size);
}

/* In the order of their digests, so that two who keep the same two never wait for each other. */
static int keep_both(struct call *c, const struct attachment_input *in)
{
    const struct attachment_content *first = &in->content, *second = &in->thumbnail;
    int r;

    if (second->writer && memcmp(second->digest.b, first->digest.b, SHA256_LEN) < 0) {
        first = &in->thumbnail;
        second = &in->content;
    }
    r = keep(c, first);
    return r == 0 && second->writer ? keep(c, second) : r;
}

static int store(struct call *c, const struct record *rec, const struct attachment_input *in,
    const char *name, struct attachment *ret)
{
    struct db_args a;
    int r = keep_both(c, in);

    if (r < 0)
        return r;
    *ret = (struct attachment){.id = uuid_new(),
        .name = name,
        .type = in->type,
        .digest = in->content.digest,
        .size = in->content.size};
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_uuid(&a, ret->id);
    db_arg_str(&a, name);
    db_arg_str(&a, in->type->media);
    db_arg_int(&a, (int64_t)ret->size);
    db_arg_str(&a, file_hex(c->arena, &ret->digest));
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, in->thumbnail.writer ? file_hex(c->arena, &in->thumbnail.digest) : NULL);
    return db_exec(c->tx, insert, &a, NULL);
}

int attachment_add(struct call *c, const struct record *rec, const struct attachment_input *in,
    struct attachment *ret, bool *ret_is_new)
{
    const char *wanted = file_type_name(c->arena, in->type, in->name), *name = wanted;
    const struct db_rows *rows;
    uint32_t n = 1;
    int r = attachment_may_add(c, rec), i;

    if (r == 0)
        r = read_rows(c, rec, UUID_NIL, &rows);
    while (r == 0 && (i = row_named(rows, name)) >= 0) {
        r = take_row(rows, i, ret);
        if (r == 0 && memcmp(ret->digest.b, in->content.digest.b, SHA256_LEN) == 0) {
            *ret_is_new = false;
            c->result_status = 200;
            c->result_id = ret->id;
            return 0;
        }
        name = file_name_numbered(c->arena, wanted, ++n);
    }
    if (r == 0)
        r = store(c, rec, in, name, ret);
    *ret_is_new = true;
    c->result_status = 201;
    return r < 0 ? r : beside_note(c, rec, "attach", "attachment", ret->id, BESIDE_OPEN);
}

int attachment_find(struct call *c, const struct record *rec, struct uuid id, struct attachment *ret)
{
    const struct db_rows *rows;
    int r = read_rows(c, rec, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        return call_not_found(c);
    return r < 0 ? r : take_row(rows, 0, ret);
}

int attachment_remove(struct call *c, const struct record *rec, struct uuid id)
{
    const struct attachments_rule *rule = &rec->res->attachments;
    const struct db_rows *rows;
    struct db_args a;
    bool own;
    int r = read_rows(c, rec, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        return call_not_found(c);
    if (r < 0)
        return r;
    own = uuid_eq(db_get_uuid(rows, 0, COL_BY), c->who->account) && beside_may(c, rec, rule->permission);
    if (!own && !change_may(c, rec->res, rec->res->permissions[ACTION_DELETE], rec->unit))
        return beside_forbidden(c, rec->res->permissions[ACTION_DELETE]);
    if (is_closed(rec))
        return fail_closed(c);
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, drop, &a, 1);
    c->result_status = 204;
    return r < 0 ? r : beside_note(c, rec, "detach", "attachment", id, BESIDE_OPEN);
}

static void write_row(struct jsonw *w, const struct record *rec, const struct db_rows *rows, int i)
{
    const struct file_type *type = file_type_find(db_get(rows, i, COL_TYPE));

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, COL_FILE));
    jsonw_kstr(w, "name", db_get(rows, i, COL_NAME));
    jsonw_kstr(w, "type", db_get(rows, i, COL_TYPE));
    jsonw_kint(w, "size", db_get_int(rows, i, COL_SIZE));
    jsonw_kstr(w, "sha256", db_get(rows, i, COL_DIGEST));
    jsonw_kbool(w, "can_be_shown", type && type->is_passive);
    jsonw_kbool(w, "has_thumbnail", db_get(rows, i, COL_THUMBNAIL) != NULL);
    jsonw_kstr(w, "created_at", clock_format(db_get_time(rows, i, COL_AT)).s);
    beside_write_account(w, rec, "created_by", db_get_uuid(rows, i, COL_BY), db_get(rows, i, COL_BY_NAME));
    jsonw_object_end(w);
}

int attachment_list_write(struct call *c, const struct record *rec, struct jsonw *w)
{
    const struct db_rows *rows;
    int r = read_rows(c, rec, UUID_NIL, &rows);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (int i = 0; i < db_rows_count(rows); i++)
        write_row(w, rec, rows, i);
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

int attachment_write(struct call *c, const struct record *rec, struct uuid id, struct jsonw *w)
{
    const struct db_rows *rows;
    int r = read_rows(c, rec, id, &rows);

    if (r == 0 && db_rows_count(rows) == 0)
        return call_not_found(c);
    if (r == 0)
        write_row(w, rec, rows, 0);
    return r;
}
