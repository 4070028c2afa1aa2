/* Notices: kinds, telling, reading. */
#include "access/notice.h"

#include <errno.h>

#include "access/access.h"
#include "base/jsonw.h"
#include "db/outbox.h"
#include "db/pgarray.h"

static const struct notice_kind kinds[] = {
    {NOTICE_ASSIGNED, "交办", "Assigned to me", "{what}已交由您办理（{unit}）。",
        "{what} has been assigned to you ({unit})."},
    {NOTICE_MENTIONED, "提及", "Mentions", "{what}的意见中提到了您。",
        "You are mentioned in a comment on {what}."},
    {NOTICE_RETURNED, "退回", "Sent back", "您经办的{what}被退回（{transition}）。",
        "{what}, which you had passed on, was sent back ({transition})."},
    {NOTICE_HANDOVER, "工作交接", "Handover", "工作交接已办理：移交 {done} 项，未能移交 {refused} 项。",
        "What one person held went to another: {done} items, {refused} could not."},
    {NOTICE_DUE_SOON, "即将到期", "Due soon", "{what}将于 {due} 到期。", "{what} is due on {due}."},
    {NOTICE_OVERDUE, "已逾期", "Overdue", "{what}已于 {due} 到期，尚未办结。",
        "{what} was due on {due} and is not done."},
    {NOTICE_PROGRESS, "进展", "Progress", "{what}：{transition}。", "{what}: {transition}."},
    {NOTICE_RECORDED, "代登记请求", "Recorded for me",
        "工作人员根据您的书面申请登记了一项个人信息请求，可在“本人信息”中查看。",
        "A request about your data, made on paper, was recorded for you; it is among your requests."},
    {NOTICE_OWN_DUE, "个人信息请求即将到期", "Request about own data due soon",
        "一项个人信息请求将于 {due} 到期（{unit}）。",
        "A request about personal data is due on {due} ({unit})."},
    {NOTICE_OWN_OVERDUE, "个人信息请求已逾期", "Request about own data overdue",
        "一项个人信息请求已于 {due} 到期，尚未答复（{unit}）。",
        "A request about personal data was due on {due} and is not answered ({unit})."},
    {NOTICE_ENDPOINT, "推送停用", "Webhook turned off",
        "推送地址“{name}”已停用：连续失败，或其创建人已停用。",
        "The webhook \"{name}\" is turned off: it failed for too long, or whoever made it is disabled.",
        true},
    {NOTICE_CHANNEL, "消息通道停用", "Channel turned off", "消息通道“{name}”连续失败一天，已停用。",
        "The channel \"{name}\" has failed for a day and is turned off.", true},
};

static const struct db_stmt insert = {"notice.add",
    "INSERT INTO juxin.notification (tenant_id, account_id, id, kind, resource, record_id, unit_id, params,"
    " created_at) SELECT $1, a.id, x.id, $4, $5, $6::uuid, $7::uuid, $8, $9::timestamptz"
    " FROM unnest($2::uuid[], $3::uuid[]) AS x(account_id, id)"
    " JOIN juxin.account a ON a.tenant_id = $1 AND a.id = x.account_id"
    " WHERE a.is_active AND a.kind = 'person' AND NOT EXISTS (SELECT FROM juxin.notification_mute m"
    " WHERE m.tenant_id = $1 AND m.account_id = a.id AND m.kind = $4) RETURNING account_id, id"};
static const struct db_stmt read_one = {"notice.read",
    "UPDATE juxin.notification SET read_at = coalesce(read_at, $4) WHERE tenant_id = $1 AND account_id = $2"
    " AND id = $3"};
static const struct db_stmt read_all = {"notice.read_upto",
    "UPDATE juxin.notification SET read_at = $4 WHERE tenant_id = $1 AND account_id = $2 AND id <= $3"
    " AND read_at IS NULL"};
static const struct db_stmt unmute = {"notice.unmute",
    "DELETE FROM juxin.notification_mute WHERE tenant_id = $1 AND account_id = $2 AND kind "
    "<> ALL($3::text[])"};
static const struct db_stmt mute = {"notice.mute",
    "INSERT INTO juxin.notification_mute (tenant_id, account_id, kind) SELECT $1, $2, k"
    " FROM unnest($3::text[]) AS k ON CONFLICT (tenant_id, account_id, kind) DO NOTHING"};

#define DECLARED_MAX 512

static struct notice_kind declared[DECLARED_MAX];
static size_t declared_count;

bool notice_kind_declare(const struct notice_kind *kind)
{
    if (notice_kind_find(text_of(kind->name)))
        return true; /* told before: each process loads its plugins once */
    if (declared_count == DECLARED_MAX)
        return false;
    declared[declared_count++] = *kind;
    return true;
}

const struct notice_kind *notice_kind_at(size_t n)
{
    if (n < ARRAY_LEN(kinds))
        return &kinds[n];
    return n - ARRAY_LEN(kinds) < declared_count ? &declared[n - ARRAY_LEN(kinds)] : NULL;
}

const struct notice_kind *notice_kind_find(struct text name)
{
    const struct notice_kind *k;

    for (size_t i = 0; (k = notice_kind_at(i)); i++)
        if (text_is(name, k->name))
            return k;
    return NULL;
}

/* ---- telling ---- */

/* One event for all of them: whom it is for is in it, and goes out to nobody. */
static int publish(struct call *c, const struct notice *n, const struct db_rows *told)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "kind", n->kind);
    jsonw_key(&w, "accounts");
    jsonw_array(&w);
    for (int i = 0; i < db_rows_count(told); i++)
        jsonw_str(&w, db_get(told, i, 0));
    jsonw_array_end(&w);
    jsonw_key(&w, "notices");
    jsonw_array(&w);
    for (int i = 0; i < db_rows_count(told); i++)
        jsonw_str(&w, db_get(told, i, 1));
    jsonw_array_end(&w);
    jsonw_kstr(&w, "unit", uuid_format(n->unit).s);
    jsonw_object_end(&w);
    return event_publish(c->tx, "notice", uuid_format(uuid_new()).s, 0, buf_str(&b));
}

int notice_add(struct call *c, const struct notice *n, const struct uuid *accounts, uint32_t count)
{
    struct db_rows *told CLEANUP(db_rows_freep) = NULL;
    struct uuid *ids = arena_array(c->arena, count + 1u, sizeof(*ids));
    struct db_args a;
    int r;

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        ids[i] = uuid_new();
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, pgarray_of_uuids(c->arena, accounts, count));
    db_arg_str(&a, pgarray_of_uuids(c->arena, ids, count));
    db_arg_str(&a, n->kind);
    db_arg_str(&a, n->resource);
    db_arg_uuid_or_null(&a, n->record);
    db_arg_uuid(&a, n->unit);
    db_arg_str(&a, n->params);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, insert, &a, &told);
    return r == 0 && db_rows_count(told) ? publish(c, n, told) : r;
}

struct people {
    struct uuid *ids;
    uint32_t count;
};

static void add(struct people *p, struct uuid id)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (uuid_eq(p->ids[i], id))
            return;
    p->ids[p->count++] = id;
}

/* What is no department of the snapshot's is taken for an account; the statement that tells knows better. */
void notice_people(
    const struct call *c, const struct uuid *holders, uint32_t count, struct uuid **ret, uint32_t *ret_count)
{
    const struct access *access = access_of(c->tenant);
    struct people p = {arena_array(c->arena, (size_t)count + access->member_count + 1, sizeof(*p.ids)), 0};

    for (uint32_t i = 0; i < count; i++) {
        bool is_department = false;

        for (uint32_t k = 0; k < access->member_count; k++) {
            if (!uuid_eq(access->members[k].department, holders[i]))
                continue;
            is_department = true;
            add(&p, access->members[k].account);
        }
        if (!is_department)
            add(&p, holders[i]);
    }
    *ret = p.ids;
    *ret_count = p.count;
}

/* ---- one's own ---- */

static void own_args(struct db_args *a, const struct call *c)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, c->who->account);
}

int notice_read(struct call *c, struct uuid id)
{
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    own_args(&a, c);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, read_one, &a, 1);
    c->result_status = 204;
    return r == -ESTALE ? call_not_found(c) : r;
}

int notice_read_upto(struct call *c, struct uuid id)
{
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    own_args(&a, c);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    c->result_status = 204;
    return db_exec(c->tx, read_all, &a, NULL);
}

int notice_mute(struct call *c, const char *const *names, size_t count)
{
    struct text *texts = arena_array(c->arena, count + 1, sizeof(*texts));
    struct db_args a;
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(names[i]);
    own_args(&a, c);
    db_arg_str(&a, pgarray_of_texts(c->arena, texts, count));
    r = db_exec(c->tx, unmute, &a, NULL);
    c->result_status = 204;
    return r < 0 ? r : db_exec(c->tx, mute, &a, NULL);
}
