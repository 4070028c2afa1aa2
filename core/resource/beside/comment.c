/* Comments: who may say what to whom. */
#include "resource/beside/comment.h"

#include <errno.h>

#include "access/access.h"
#include "base/clock.h"
#include "resource/beside/beside.h"
#include "resource/record/change.h"
#include "resource/record/person.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"
#include "resource/record/tell.h"

static const struct db_stmt insert = {"comment.insert",
    "INSERT INTO juxin.comment (tenant_id, resource, record_id, id, body, is_internal, created_at, "
    "created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"};
static const struct db_stmt mention = {
    "comment.mention", "INSERT INTO juxin.mention (tenant_id, comment_id, account_id) VALUES ($1, $2, $3)"};
static const struct db_stmt is_active = {"comment.is_active",
    "SELECT id FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active AND kind = 'person'"};
static const struct db_stmt find = {"comment.find",
    "SELECT m.created_by, m.is_internal FROM juxin.comment m WHERE m.tenant_id = $1 AND m.resource = $2"
    " AND m.record_id = $3 AND m.id = $4 AND m.deleted_at IS NULL"};
static const struct db_stmt drop = {"comment.drop",
    "UPDATE juxin.comment SET deleted_at = $5, body = NULL WHERE tenant_id = $1 AND resource = $2"
    " AND record_id = $3 AND id = $4 AND deleted_at IS NULL"};
static const struct db_stmt drop_mentions = {
    "comment.drop_mentions", "DELETE FROM juxin.mention WHERE tenant_id = $1 AND comment_id = $2"};

/* ---- who sees ---- */

static int read_participants(struct call *c, const struct record *rec, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = participant_holders, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

int comment_sees_internal(struct call *c, const struct record *rec, bool *ret)
{
    struct db_rows *participants;
    int r;

    *ret = false;
    if (!rec->res->comments.may_be_internal)
        return 0;
    r = read_participants(c, rec, &participants);
    if (r == 0)
        *ret = reader_handles(c, rec, participants);
    return r;
}

/* May that account see what is said? A submitter whose name the caller may not know counts as nobody: else a mention
 * would tell who it is. */
static int may_be_told(
    struct call *c, const struct record *rec, struct uuid account, bool is_internal, bool *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = is_active, .args = a};
    struct call theirs = *c; /* the same unit of work, seen by them */
    struct db_rows *participants;
    struct uuid person = UUID_NIL;
    int r = read_participants(c, rec, &participants);

    if (r == 0)
        r = person_find(c, rec, &person);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, account);
    if (r == 0)
        r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret = false;
    if (db_rows_count(call.rows) == 0)
        return 0;
    theirs.who = access_subject(c->tenant, account);
    *ret = beside_hides(rec, account) ? reader_reaches(&theirs, rec)
           : is_internal
               ? reader_handles(&theirs, rec, participants)
               : uuid_eq(person, account) || reader_access(&theirs, rec, participants) != ACCESS_NONE;
    return 0;
}

/* ---- adding ---- */

static bool is_text(const char *s)
{
    bool any = false;

    for (; *s; s++) {
        if (((uint8_t)*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f)
            return false;
        any |= *s != ' ' && *s != '\n' && *s != '\t';
    }
    return any;
}

static void check_body(struct call *c, const struct comment_input *in)
{
    if (!is_text(in->body) || text_chars(text_of(in->body)) > COMMENT_CHARS_MAX)
        (void)call_fail_at(c, "/body", "text", "1 to 4000 characters, without control characters.",
            "1 至 4000 个字符，不含控制字符。");
}

/* Whoever has the choice makes it: what was meant for colleagues is never shown to the submitter by an omission. */
static int check_internal(struct call *c, const struct record *rec, const struct comment_input *in)
{
    bool may = false;
    int r = comment_sees_internal(c, rec, &may);

    if (r == 0 && may && !in->has_internal)
        (void)call_fail_at(c, "/internal", "required",
            "true: for those who handle the record; false: for its submitter too.",
            "必填：true 仅办理人员可见；false 提交人也可见。");
    if (r == 0 && !may && in->is_internal)
        (void)call_fail_at(c, "/internal", "not_internal",
            "false: there are no internal comments here, or none for you.",
            "应为 false：此处没有内部意见，或您无权使用。");
    return r;
}

static int check_mentions(struct call *c, const struct record *rec, const struct comment_input *in)
{
    int r = 0;

    for (uint32_t i = 0; i < in->mention_count && r == 0; i++) {
        bool may = false;

        r = may_be_told(c, rec, in->mentions[i], in->is_internal, &may);
        if (r == 0 && !may)
            (void)call_fail_at(c, arena_printf(c->arena, "/mentions/%u", i), "cannot_see",
                "Somebody who may see this comment. Nobody was told anything.",
                "只能提及有权查看此意见的人员；未通知任何人。");
    }
    return r;
}

static int check(struct call *c, const struct record *rec, const struct comment_input *in)
{
    int r;

    if (!beside_may(c, rec, rec->res->comments.permission))
        return beside_forbidden(c, rec->res->comments.permission);
    check_body(c, in);
    r = check_internal(c, rec, in);
    if (r == 0)
        r = check_mentions(c, rec, in);
    return r < 0 ? r : c->fault.status ? -EINVAL : 0;
}

/* Each account once, however often it was named. */
static int store_mentions(struct call *c, const struct comment_input *in, struct uuid comment)
{
    int r = 0;

    for (uint32_t i = 0; i < in->mention_count && r == 0; i++) {
        bool again = false;
        struct db_args a;

        for (uint32_t k = 0; k < i; k++)
            again |= uuid_eq(in->mentions[k], in->mentions[i]);
        if (again)
            continue;
        db_args_reset(&a);
        db_arg_int(&a, c->tenant->id);
        db_arg_uuid(&a, comment);
        db_arg_uuid(&a, in->mentions[i]);
        r = db_exec_expect(c->tx, mention, &a, 1);
    }
    return r;
}

int comment_add(struct call *c, const struct record *rec, const struct comment_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new();
    struct db_args a;
    int r = check(c, rec, in);

    if (r < 0)
        return r;
    record_key_args(&a, c, rec->res, rec->id);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->body);
    db_arg_bool(&a, in->is_internal);
    db_arg_time(&a, c->now_us);
    db_arg_uuid(&a, c->who->account);
    r = db_exec(c->tx, insert, &a, NULL);
    if (r == 0)
        r = store_mentions(c, in, id);
    if (r == 0)
        r = tell_people(c, rec, NOTICE_MENTIONED, NULL, in->mentions, in->mention_count);
    if (r == 0)
        r = beside_note(c, rec, "comment", "comment", id, in->is_internal ? BESIDE_INTERNAL : BESIDE_OPEN);
    c->result_status = 201;
    *ret_id = id;
    return r;
}

/* ---- removing ---- */

int comment_remove(struct call *c, const struct record *rec, struct uuid id)
{
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    bool sees = false, is_internal;
    int r = comment_sees_internal(c, rec, &sees);

    record_key_args(&a, c, rec->res, rec->id);
    db_arg_uuid(&a, id);
    if (r == 0)
        r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    is_internal = db_rows_count(call.rows) == 1 && db_get_bool(call.rows, 0, 1);
    if (db_rows_count(call.rows) == 0 || (is_internal && !sees))
        return call_not_found(c);
    if (!uuid_eq(db_get_uuid(call.rows, 0, 0), c->who->account) &&
        !change_may(c, rec->res, rec->res->permissions[ACTION_DELETE], rec->unit))
        return beside_forbidden(c, rec->res->permissions[ACTION_DELETE]);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, drop, &a, 1);
    if (r == 0) {
        db_args_reset(&a);
        db_arg_int(&a, c->tenant->id);
        db_arg_uuid(&a, id);
        r = db_exec(c->tx, drop_mentions, &a, NULL);
    }
    if (r == 0)
        r = beside_note(c, rec, "uncomment", "comment", id, is_internal ? BESIDE_INTERNAL : BESIDE_OPEN);
    c->result_status = 204;
    return r;
}

/* ---- writing ---- */

static void write_mentions(const struct record *rec, struct jsonw *w, const char *ids)
{
    struct text rest = text_of(ids);

    jsonw_key(w, "mentions");
    jsonw_array(w);
    while (rest.ptr && rest.len) {
        struct text one = text_split(&rest, ',');
        struct uuid account;

        if (uuid_parse(one, &account) == 0 && !beside_hides(rec, account))
            jsonw_text(w, one);
    }
    jsonw_array_end(w);
}

void comment_write_members(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row)
{
    bool is_deleted = db_get(rows, row, 6) != NULL;

    (void)c;
    jsonw_kstr(w, "id", db_get(rows, row, 0));
    jsonw_kstr(w, "at", clock_format(db_get_time(rows, row, 1)).s);
    beside_write_account(w, rec, "actor", db_get_uuid(rows, row, 4), db_get(rows, row, 5));
    jsonw_kstr(w, "body", db_get(rows, row, 2));
    jsonw_kbool(w, "internal", db_get_bool(rows, row, 3));
    if (is_deleted)
        jsonw_kbool(w, "deleted", true);
    write_mentions(rec, w, db_get(rows, row, 7));
}
