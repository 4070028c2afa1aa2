/* The timeline: several sources, each newest first, merged. */
#include "resource/beside/timeline.h"

#include <errno.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "resource/beside/beside.h"
#include "resource/beside/comment.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"

struct timeline_source {
    const char *kind;
    struct db_stmt stmt;
    int id, at;         /* columns */
    bool asks_internal; /* its $7 */
    bool asks_own;      /* its $7: of everybody; $8: the reader */
    bool is_comment;
    void (*write)(
        struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row);
};

static void write_change(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row)
{
    history_write_members(c, rec, w, rows, row, record_may_unmask(c, rec));
}

/* Columns: id, at, name, type, size, account, its name. */
static void write_file(
    struct jsonw *w, const struct record *rec, const struct db_rows *rows, int row, const char *action)
{
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "at", clock_format(db_get_time(rows, row, 1)).s);
    beside_write_account(w, rec, "actor", db_get_uuid(rows, row, 5), db_get(rows, row, 6));
    jsonw_kstr(w, "action", action);
    jsonw_kstr(w, "name", db_get(rows, row, 2));
    jsonw_kstr(w, "type", db_get(rows, row, 3));
    jsonw_kint(w, "size", db_get_int(rows, row, 4));
}

static void write_attached(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row)
{
    (void)c;
    write_file(w, rec, rows, row, "attach");
    jsonw_kbool(w, "deleted", db_get_bool(rows, row, 7));
}

static void write_detached(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row)
{
    (void)c;
    write_file(w, rec, rows, row, "detach");
}

/* Columns: id, at, kind, params, how many were told, whether the reader was. Nobody's name: who was told may be who is hidden. */
static void write_notice(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row)
{
    json_t *params = NULL;

    (void)c, (void)rec;
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "at", clock_format(db_get_time(rows, row, 1)).s);
    jsonw_kstr(w, "action", db_get(rows, row, 2));
    if (json_parse(db_get_text(rows, row, 3), JSON_LIMITS, &params, NULL) == 0) {
        jsonw_kstr(w, "transition", json_str(params, "transition"));
        jsonw_kstr(w, "due", json_str(params, "due"));
        json_decref(params);
    }
    jsonw_kint(w, "told", db_get_int(rows, row, 4));
    jsonw_kbool(w, "own", db_get_bool(rows, row, 5));
}

/* Each of the record $1 to $3, behind the place $4 and $5, $6 of them. */
static const struct timeline_source sources[] = {
    {"change",
        {"timeline.changes",
            "SELECT " HISTORY_COLUMNS " FROM juxin.history h LEFT JOIN juxin.account a"
            " ON a.tenant_id = h.tenant_id AND a.id = h.actor"
            " WHERE h.tenant_id = $1 AND h.resource = $2 AND h.record_id = $3"
            " AND (h.at, h.id) < ($4::timestamptz, $5::uuid) ORDER BY h.at DESC, h.id DESC LIMIT $6"},
        0, 2, false, false, false, write_change},
    {"comment",
        {"timeline.comments",
            "SELECT " COMMENT_COLUMNS COMMENT_FROM " AND (m.created_at, m.id) < ($4::timestamptz, $5::uuid)"
            " ORDER BY m.created_at DESC, m.id DESC LIMIT $6"},
        0, 1, true, false, true, comment_write_members},
    {"file",
        {"timeline.attached",
            "SELECT f.id, f.created_at, f.name, f.type, f.size, f.created_by, p.display_name,"
            " f.deleted_at IS NOT NULL FROM juxin.attachment f"
            " LEFT JOIN juxin.account p ON p.tenant_id = f.tenant_id AND p.id = f.created_by"
            " WHERE f.tenant_id = $1 AND f.resource = $2 AND f.record_id = $3"
            " AND (f.created_at, f.id) < ($4::timestamptz, $5::uuid)"
            " ORDER BY f.created_at DESC, f.id DESC LIMIT $6"},
        0, 1, false, false, false, write_attached},
    {"file",
        {"timeline.detached",
            "SELECT f.id, f.deleted_at, f.name, f.type, f.size, f.deleted_by, p.display_name"
            " FROM juxin.attachment f"
            " LEFT JOIN juxin.account p ON p.tenant_id = f.tenant_id AND p.id = f.deleted_by"
            " WHERE f.tenant_id = $1 AND f.resource = $2 AND f.record_id = $3 AND f.deleted_at IS NOT NULL"
            " AND (f.deleted_at, f.id) < ($4::timestamptz, $5::uuid)"
            " ORDER BY f.deleted_at DESC, f.id DESC LIMIT $6"},
        0, 1, false, false, false, write_detached},
    {"notice",
        {"timeline.notices",
            "SELECT g.id, g.at, g.kind, g.params, g.told, g.own FROM (SELECT min(n.id::text)::uuid AS id,"
            " n.created_at AS at, n.kind, n.params, count(*) AS told, bool_or(n.account_id = $8::uuid) AS own"
            " FROM juxin.notification n WHERE n.tenant_id = $1 AND n.resource = $2 AND n.record_id = $3"
            " AND n.created_at <= $4::timestamptz AND ($7::boolean OR n.account_id = $8)"
            " GROUP BY n.created_at, n.kind, n.params) g"
            " WHERE (g.at, g.id) < ($4::timestamptz, $5::uuid) ORDER BY g.at DESC, g.id DESC LIMIT $6"},
        0, 1, false, true, false, write_notice},
};

struct merge {
    struct db_call calls[ARRAY_LEN(sources)];
    struct db_args args[ARRAY_LEN(sources)];
    const struct timeline_source *from[ARRAY_LEN(sources)];
    int at[ARRAY_LEN(sources)]; /* the next row of each */
    size_t count;
};

static void add_source(struct call *c, const struct record *rec, struct merge *m,
    const struct timeline_source *s, struct timeline_place after, uint32_t limit, bool handles)
{
    struct db_args *a = &m->args[m->count];

    record_key_args(a, c, rec->res, rec->id);
    if (after.at_us == INT64_MAX)
        db_arg_str(a, "infinity");
    else
        db_arg_time(a, after.at_us);
    db_arg_uuid(a, after.id);
    db_arg_int(a, limit + 1);
    if (s->asks_internal)
        db_arg_bool(a, handles && rec->res->comments.may_be_internal);
    if (s->asks_own) {
        db_arg_bool(a, handles);
        db_arg_uuid(a, c->who->account);
    }
    m->from[m->count] = s;
    m->calls[m->count] = (struct db_call){.stmt = s->stmt, .args = a};
    m->count++;
}

static struct timeline_place place_of(const struct merge *m, size_t i)
{
    const struct db_rows *rows = m->calls[i].rows;

    return (struct timeline_place){
        db_get_time(rows, m->at[i], m->from[i]->at), db_get_uuid(rows, m->at[i], m->from[i]->id)};
}

/* The source whose next row is the newest; m->count at the end of all. */
static size_t newest(const struct merge *m)
{
    struct timeline_place best = {0};
    size_t found = m->count;

    for (size_t i = 0; i < m->count; i++) {
        struct timeline_place p;

        if (m->at[i] >= db_rows_count(m->calls[i].rows))
            continue;
        p = place_of(m, i);
        if (found == m->count || p.at_us > best.at_us ||
            (p.at_us == best.at_us && uuid_cmp(p.id, best.id) > 0)) {
            best = p;
            found = i;
        }
    }
    return found;
}

static void write_merged(
    struct call *c, const struct record *rec, struct merge *m, uint32_t limit, struct jsonw *w)
{
    struct timeline_place last = TIMELINE_BEGIN;
    size_t i = newest(m);

    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t n = 0; n < limit && i < m->count; n++) {
        last = place_of(m, i);
        jsonw_object(w);
        jsonw_kstr(w, "kind", m->from[i]->kind);
        m->from[i]->write(c, rec, w, m->calls[i].rows, m->at[i]);
        jsonw_object_end(w);
        m->at[i]++;
        i = newest(m);
    }
    jsonw_array_end(w);
    jsonw_kstr(w, "next", i < m->count ? timeline_cursor(c->arena, last) : NULL);
    jsonw_object_end(w);
}

/* As those who see internal comments do. */
static int find_handles(struct call *c, const struct record *rec, bool *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = participant_holders, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    *ret = r == 0 && reader_handles(c, rec, call.rows);
    return r;
}

int timeline_write(struct call *c, const struct record *rec, enum timeline_what what,
    struct timeline_place after, uint32_t limit, struct jsonw *w)
{
    struct merge *m = arena_alloc(c->arena, sizeof(*m));
    bool handles;
    int r = find_handles(c, rec, &handles);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (what == TIMELINE_ALL || sources[i].is_comment)
            add_source(c, rec, m, &sources[i], after, limit, handles);
    r = call_read(c, m->calls, m->count);
    if (r == 0)
        write_merged(c, rec, m, limit, w);
    return r;
}

/* ---- places ---- */

const char *timeline_cursor(struct arena *a, struct timeline_place place)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    char *raw = arena_printf(a, "1|%lld|%s", (long long)place.at_us, uuid_format(place.id).s);

    base64url_add(&b, raw, strlen(raw));
    return arena_dup(a, buf_str(&b));
}

int timeline_place_parse(struct text cursor, struct timeline_place *ret)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    struct text rest, version, at;

    if (base64url_parse(cursor, &b) < 0)
        return -EINVAL;
    rest = buf_text(&b);
    version = text_split(&rest, '|');
    at = text_split(&rest, '|');
    if (!text_is(version, "1") || !at.ptr || !rest.ptr)
        return -EINVAL;
    /* What PostgreSQL can compare with: a moment of these centuries. */
    if (text_to_i64(at, 0, INT64_C(253402300799000000), &ret->at_us) < 0 || uuid_parse(rest, &ret->id) < 0)
        return -EINVAL;
    return 0;
}
