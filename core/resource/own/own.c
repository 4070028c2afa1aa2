/* The sections, and how they are read. */
#include "resource/own/own.h"

#include <errno.h>

#include "base/clock.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/record/person.h"
#include "resource/record/secret.h"
#include "tenant/tree.h"

#define PAGE_OF(alias, id) " AND " id " > $3 ORDER BY " id " LIMIT $4"
#define COLUMNS(...)                                                                                         \
    (const struct own_column[])                                                                              \
    {                                                                                                        \
        __VA_ARGS__,                                                                                         \
        {                                                                                                    \
            NULL, {NULL, NULL}, OWN_TEXT                                                                     \
        }                                                                                                    \
    }

static const struct own_section core_sections[] = {
    {"account", {"账号", "Account"}, NULL,
        {"own.account",
            "SELECT a.id, a.login, a.display_name, a.phone, u.name, a.is_active, a.created_at, "
            "a.last_login_at, "
            "a.password_changed_at FROM juxin.account a LEFT JOIN juxin.unit u ON u.tenant_id = a.tenant_id "
            "AND "
            "u.id = a.unit_id WHERE a.tenant_id = $1 AND a.id = $2 AND a.id > $3 ORDER BY a.id LIMIT $4"},
        COLUMNS({"login", {"登录名", "Login"}, OWN_TEXT}, {"display_name", {"姓名", "Name"}, OWN_TEXT},
            {"phone", {"手机号", "Phone"}, OWN_TEXT}, {"unit_name", {"组织机构", "Unit"}, OWN_TEXT},
            {"is_active", {"启用", "Active"}, OWN_BOOLEAN}, {"created_at", {"创建时间", "Created"}, OWN_TIME},
            {"last_login_at", {"最近登录", "Last sign-in"}, OWN_TIME},
            {"password_changed_at", {"密码修改时间", "Password changed"}, OWN_TIME})},
    {"sessions", {"登录会话", "Sessions"}, NULL,
        {"own.sessions",
            "SELECT s.id, s.created_at, s.last_seen_at, s.absolute_until, s.ended_at, s.client FROM "
            "juxin.session s WHERE s.tenant_id = $1 AND s.account_id = $2 AND s.id > $3 ORDER BY s.id LIMIT "
            "$4"},
        COLUMNS({"created_at", {"登录时间", "Signed in"}, OWN_TIME},
            {"last_seen_at", {"最近使用", "Last used"}, OWN_TIME},
            {"expires_at", {"到期时间", "Expires"}, OWN_TIME}, {"ended_at", {"结束时间", "Ended"}, OWN_TIME},
            {"client", {"客户端", "Client"}, OWN_TEXT})},
    {"tokens", {"接口令牌", "API tokens"}, NULL,
        {"own.tokens", "SELECT t.id, t.name, t.created_at, t.expires_at, t.last_used_at, t.revoked_at FROM "
                       "juxin.api_token t "
                       "WHERE t.tenant_id = $1 AND t.account_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4"},
        COLUMNS({"name", {"名称", "Name"}, OWN_TEXT}, {"created_at", {"签发时间", "Issued"}, OWN_TIME},
            {"expires_at", {"到期时间", "Expires"}, OWN_TIME},
            {"last_used_at", {"最近使用", "Last used"}, OWN_TIME},
            {"revoked_at", {"吊销时间", "Revoked"}, OWN_TIME})},
    {"departments", {"所在部门", "Departments"}, NULL,
        {"own.departments",
            "SELECT m.department_id, d.name, m.is_head, m.created_at FROM juxin.department_member m JOIN "
            "juxin.department d ON d.tenant_id = m.tenant_id AND d.id = m.department_id WHERE m.tenant_id = "
            "$1 AND "
            "m.account_id = $2 AND m.department_id > $3 ORDER BY m.department_id LIMIT $4"},
        COLUMNS({"name", {"部门", "Department"}, OWN_TEXT}, {"is_head", {"负责人", "Head"}, OWN_BOOLEAN},
            {"created_at", {"加入时间", "Since"}, OWN_TIME})},
    {"grants", {"授权", "Rights granted"}, NULL,
        {"own.grants", "SELECT g.id, r.name, u.name, g.reach, g.valid_from, g.valid_until, g.reason FROM "
                       "juxin.access_grant g "
                       "JOIN juxin.role r ON r.tenant_id = g.tenant_id AND r.id = g.role_id JOIN juxin.unit "
                       "u ON u.tenant_id = "
                       "g.tenant_id AND u.id = g.unit_id WHERE g.tenant_id = $1 AND g.account_id = $2 AND "
                       "g.id > $3 ORDER BY "
                       "g.id LIMIT $4"},
        COLUMNS({"role", {"角色", "Role"}, OWN_TEXT}, {"unit_name", {"组织机构", "Unit"}, OWN_TEXT},
            {"reach", {"范围", "Reach"}, OWN_TEXT}, {"valid_from", {"生效时间", "From"}, OWN_TIME},
            {"valid_until", {"失效时间", "Until"}, OWN_TIME}, {"reason", {"说明", "Reason"}, OWN_TEXT})},
    {"contacts", {"联系方式", "Where one is reached"}, NULL,
        {"own.contacts", "SELECT t.id, t.kind, t.masked, t.confirmed_at, t.created_at FROM juxin.contact t "
                         "WHERE t.tenant_id = $1 AND "
                         "t.account_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4"},
        COLUMNS({"kind", {"类型", "Kind"}, OWN_TEXT}, {"address", {"地址", "Address"}, OWN_TEXT},
            {"confirmed_at", {"确认时间", "Confirmed"}, OWN_TIME},
            {"created_at", {"登记时间", "Set"}, OWN_TIME})},
    {"messages", {"发送的消息", "Messages sent"}, NULL,
        {"own.messages",
            "SELECT m.id, h.name, m.what, m.masked, m.state, m.created_at, m.ended_at FROM juxin.message m "
            "JOIN "
            "juxin.channel h ON h.tenant_id = m.tenant_id AND h.id = m.channel_id WHERE m.tenant_id = $1 AND "
            "m.account_id = $2 AND m.id > $3 ORDER BY m.id LIMIT $4"},
        COLUMNS({"channel", {"消息通道", "Channel"}, OWN_TEXT}, {"what", {"类型", "Kind"}, OWN_TEXT},
            {"address", {"接收地址", "To"}, OWN_TEXT}, {"state", {"状态", "State"}, OWN_TEXT},
            {"created_at", {"时间", "At"}, OWN_TIME}, {"ended_at", {"结束时间", "Ended"}, OWN_TIME})},
    {"tenures", {"任职", "Posts held"}, NULL,
        {"own.tenures",
            "SELECT t.id, p.title, u.name, m.name, t.valid_from, t.valid_until, t.reason FROM "
            "juxin.tenure t JOIN juxin.post p ON p.tenant_id = t.tenant_id AND p.id = t.post_id JOIN "
            "juxin.unit u ON u.tenant_id = t.tenant_id AND u.id = p.unit_id LEFT JOIN juxin.term m ON "
            "m.tenant_id = t.tenant_id AND m.id = t.term_id WHERE t.tenant_id = $1 AND t.account_id = $2 "
            "AND t.id > $3 ORDER BY t.id LIMIT $4"},
        COLUMNS({"title", {"职务", "Post"}, OWN_TEXT}, {"unit_name", {"组织机构", "Unit"}, OWN_TEXT},
            {"term", {"届", "Term"}, OWN_TEXT}, {"valid_from", {"开始时间", "From"}, OWN_TIME},
            {"valid_until", {"结束时间", "Until"}, OWN_TIME}, {"reason", {"说明", "Reason"}, OWN_TEXT})},
    {"participations", {"提交和参与的记录", "Records submitted or taken part in"}, NULL,
        {"own.participations",
            "SELECT p.record_id, p.resource, p.role, p.created_at FROM (SELECT p.record_id, p.resource, "
            "string_agg(p.role, ',' ORDER BY p.role) AS role, min(p.created_at) AS created_at FROM "
            "juxin.participant "
            "p WHERE p.tenant_id = $1 AND p.holder = $2 AND p.record_id > $3 GROUP BY p.record_id, "
            "p.resource) p ORDER "
            "BY p.record_id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"role", {"身份", "As"}, OWN_TEXT},
            {"created_at", {"时间", "Since"}, OWN_TIME})},
    {"comments", {"本人发表的意见", "Comments written"}, NULL,
        {"own.comments", "SELECT m.id, m.resource, m.record_id, m.body, m.created_at, m.deleted_at FROM "
                         "juxin.comment m WHERE "
                         "m.tenant_id = $1 AND m.created_by = $2 AND m.id > $3 ORDER BY m.id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"record_id", {"记录", "Record"}, OWN_TEXT},
            {"body", {"内容", "Text"}, OWN_TEXT}, {"created_at", {"时间", "At"}, OWN_TIME},
            {"deleted_at", {"删除时间", "Deleted"}, OWN_TIME})},
    {"mentions", {"提及本人的意见", "Comments that mention the person"}, NULL,
        {"own.mentions", "SELECT n.comment_id, m.resource, m.record_id, m.created_at FROM juxin.mention n "
                         "JOIN juxin.comment m ON "
                         "m.tenant_id = n.tenant_id AND m.id = n.comment_id WHERE n.tenant_id = $1 AND "
                         "n.account_id = $2 AND "
                         "n.comment_id > $3 ORDER BY n.comment_id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"record_id", {"记录", "Record"}, OWN_TEXT},
            {"created_at", {"时间", "At"}, OWN_TIME})},
    {"files", {"本人上传的文件", "Files uploaded"}, NULL,
        {"own.files",
            "SELECT f.id, f.resource, f.record_id, f.name, f.type, f.size, f.created_at, f.deleted_at FROM "
            "juxin.attachment f WHERE f.tenant_id = $1 AND f.created_by = $2 AND f.id > $3 ORDER BY f.id "
            "LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"record_id", {"记录", "Record"}, OWN_TEXT},
            {"name", {"文件名", "Name"}, OWN_TEXT}, {"type", {"类型", "Type"}, OWN_TEXT},
            {"size", {"大小", "Size"}, OWN_NUMBER}, {"created_at", {"上传时间", "Uploaded"}, OWN_TIME},
            {"deleted_at", {"删除时间", "Deleted"}, OWN_TIME})},
    {"notifications", {"通知", "Notices"}, NULL,
        {"own.notifications", "SELECT n.id, n.kind, n.resource, n.record_id, n.created_at, n.read_at FROM "
                              "juxin.notification n WHERE n.tenant_id = $1 "
                              "AND n.account_id = $2 AND n.id > $3 ORDER BY n.id LIMIT $4"},
        COLUMNS({"kind", {"类型", "Kind"}, OWN_TEXT}, {"resource", {"资源", "Resource"}, OWN_TEXT},
            {"record_id", {"记录", "Record"}, OWN_TEXT}, {"created_at", {"时间", "At"}, OWN_TIME},
            {"read_at", {"阅读时间", "Read"}, OWN_TIME})},
    {"views", {"保存的列表视图", "Saved views"}, NULL,
        {"own.views", "SELECT v.id, v.resource, v.name, v.query, v.updated_at FROM juxin.saved_view v WHERE "
                      "v.tenant_id = $1 AND "
                      "v.account_id = $2 AND v.id > $3 ORDER BY v.id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"name", {"名称", "Name"}, OWN_TEXT},
            {"query", {"条件", "Conditions"}, OWN_TEXT}, {"updated_at", {"时间", "At"}, OWN_TIME})},
    {"exports", {"导出", "Exports"}, NULL,
        {"own.exports", "SELECT e.id, e.resource, e.format, e.created_at, e.expires_at FROM juxin.export e "
                        "WHERE e.tenant_id = $1 "
                        "AND e.created_by = $2 AND e.id > $3 ORDER BY e.id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"format", {"格式", "Format"}, OWN_TEXT},
            {"created_at", {"时间", "At"}, OWN_TIME}, {"expires_at", {"到期时间", "Expires"}, OWN_TIME})},
    {"imports", {"导入", "Imports"}, NULL,
        {"own.imports",
            "SELECT i.id, i.resource, i.name, i.state, i.created_at, i.expires_at FROM juxin.import i WHERE "
            "i.tenant_id = $1 AND i.created_by = $2 AND i.id > $3 ORDER BY i.id LIMIT $4"},
        COLUMNS({"resource", {"资源", "Resource"}, OWN_TEXT}, {"name", {"文件名", "File"}, OWN_TEXT},
            {"state", {"状态", "State"}, OWN_TEXT}, {"created_at", {"时间", "At"}, OWN_TIME},
            {"expires_at", {"到期时间", "Expires"}, OWN_TIME})},
    {"jobs", {"后台任务", "Jobs"}, NULL,
        {"own.jobs", "SELECT j.id, j.kind, j.state, j.created_at, j.ended_at FROM juxin.job j WHERE "
                     "j.tenant_id = $1 AND "
                     "j.created_by = $2 AND j.id > $3 ORDER BY j.id LIMIT $4"},
        COLUMNS({"kind", {"类型", "Kind"}, OWN_TEXT}, {"state", {"状态", "State"}, OWN_TEXT},
            {"created_at", {"时间", "At"}, OWN_TIME}, {"ended_at", {"结束时间", "Ended"}, OWN_TIME})},
    {"requests", {"个人信息请求", "Requests about own data"}, NULL,
        {"own.requests",
            "SELECT q.id, q.what, q.resource, q.record_id, q.fields, q.reason, q.state, q.answer, q.due_on, "
            "q.created_at, q.decided_at, q.filed, q.signed_on FROM juxin.own_request q WHERE q.tenant_id = "
            "$1 AND "
            "q.account_id = $2 AND q.id "
            "> $3 ORDER BY q.id LIMIT $4"},
        COLUMNS({"what", {"事项", "What"}, OWN_TEXT}, {"resource", {"资源", "Resource"}, OWN_TEXT},
            {"record_id", {"记录", "Record"}, OWN_TEXT}, {"fields", {"字段", "Fields"}, OWN_TEXT},
            {"reason", {"理由", "Reason"}, OWN_TEXT}, {"state", {"状态", "State"}, OWN_TEXT},
            {"answer", {"答复", "Answer"}, OWN_TEXT}, {"due_on", {"办理期限", "Due"}, OWN_TEXT},
            {"created_at", {"提出时间", "Asked"}, OWN_TIME},
            {"decided_at", {"办结时间", "Decided"}, OWN_TIME},
            {"filed", {"纸质申请存档位置", "Paper filed"}, OWN_TEXT},
            {"signed_on", {"签署日期", "Signed"}, OWN_TEXT})},
    {"endpoints", {"本人维护的推送地址", "Webhooks kept"}, NULL,
        {"own.endpoints", "SELECT e.id, e.name, e.url, e.events, e.state, e.created_at FROM juxin.endpoint e "
                          "WHERE e.tenant_id = $1 AND "
                          "e.created_by = $2 AND e.id > $3 ORDER BY e.id LIMIT $4"},
        COLUMNS({"name", {"名称", "Name"}, OWN_TEXT}, {"url", {"地址", "Address"}, OWN_TEXT},
            {"events", {"事件", "Events"}, OWN_TEXT}, {"state", {"状态", "State"}, OWN_TEXT},
            {"created_at", {"创建时间", "Created"}, OWN_TIME})},
    {"invitations", {"本人发出的登记邀请", "Invitations sent"}, NULL,
        {"own.invitations", "SELECT i.id, i.purpose, i.how, i.state, i.created_at, i.expires_at FROM "
                            "juxin.invitation i WHERE i.tenant_id = "
                            "$1 AND i.created_by = $2 AND i.id > $3 ORDER BY i.id LIMIT $4"},
        COLUMNS({"purpose", {"用途", "Purpose"}, OWN_TEXT}, {"how", {"方式", "How"}, OWN_TEXT},
            {"state", {"状态", "State"}, OWN_TEXT}, {"created_at", {"时间", "At"}, OWN_TIME},
            {"expires_at", {"到期时间", "Expires"}, OWN_TIME})},
    {"consents", {"告知同意", "Consent"}, NULL,
        {"own.consents", "SELECT s.id, s.purpose, n.version, n.sha256, s.how, s.filed, s.given_at, "
                         "s.ended_at, s.ended_why FROM juxin.consent s "
                         "JOIN juxin.notice n ON n.tenant_id = s.tenant_id AND n.id = s.notice_id WHERE "
                         "s.tenant_id = $1 AND s.account_id = $2 "
                         "AND s.id > $3 ORDER BY s.id LIMIT $4"},
        COLUMNS({"purpose", {"用途", "Purpose"}, OWN_TEXT}, {"version", {"版本", "Version"}, OWN_NUMBER},
            {"sha256", {"告知书摘要", "SHA-256 of the notice"}, OWN_TEXT}, {"how", {"方式", "How"}, OWN_TEXT},
            {"filed", {"存档位置", "Filed"}, OWN_TEXT}, {"given_at", {"同意时间", "Given"}, OWN_TIME},
            {"ended_at", {"终止时间", "Ended"}, OWN_TIME}, {"ended_why", {"终止原因", "Why"}, OWN_TEXT})},
    {"reveals", {"他人查看本人敏感信息的记录", "Who was shown what is masked"}, NULL,
        {"own.reveals", "SELECT v.id, v.at, v.resource, v.record_id, v.fields, v.reason, p.display_name FROM "
                        "juxin.reveal v LEFT JOIN "
                        "juxin.account p ON p.tenant_id = v.tenant_id AND p.id = v.actor_id WHERE "
                        "v.tenant_id = $1 AND v.person_id = $2 AND "
                        "v.id > $3 ORDER BY v.id LIMIT $4"},
        COLUMNS({"at", {"时间", "At"}, OWN_TIME}, {"resource", {"资源", "Resource"}, OWN_TEXT},
            {"record_id", {"记录", "Record"}, OWN_TEXT}, {"fields", {"字段", "Fields"}, OWN_TEXT},
            {"reason", {"用途", "Reason"}, OWN_TEXT}, {"actor_name", {"查看人", "By"}, OWN_TEXT})},
    {"acts", {"本人的操作记录", "What the person did"}, NULL,
        {"own.acts", "SELECT d.id, d.at, d.action, d.object_kind, d.object_id, d.result FROM juxin.audit d "
                     "WHERE d.tenant_id = "
                     "$1 AND d.actor_id = $2 AND d.id > $3 ORDER BY d.id LIMIT $4"},
        COLUMNS({"at", {"时间", "At"}, OWN_TIME}, {"action", {"操作", "Action"}, OWN_TEXT},
            {"object_kind", {"对象", "Object"}, OWN_TEXT}, {"object_id", {"对象编号", "Object id"}, OWN_TEXT},
            {"result", {"结果", "Result"}, OWN_TEXT})},
    {"account_acts", {"他人对账号的操作", "What others did to the account"}, NULL,
        {"own.account_acts", "SELECT d.id, d.at, d.action, d.actor_kind, d.fields, d.result FROM juxin.audit "
                             "d WHERE d.tenant_id = $1 "
                             "AND d.object_id = $2 AND d.id > $3 ORDER BY d.id LIMIT $4"},
        COLUMNS({"at", {"时间", "At"}, OWN_TIME}, {"action", {"操作", "Action"}, OWN_TEXT},
            {"actor_kind", {"操作方", "By"}, OWN_TEXT}, {"fields", {"字段", "Fields"}, OWN_TEXT},
            {"result", {"结果", "Result"}, OWN_TEXT})},
};

const struct own_section *own_sections(struct call *c, uint32_t *ret_count)
{
    uint32_t n = ARRAY_LEN(core_sections);
    struct own_section *all = arena_array(c->arena, n + resource_count(), sizeof(*all));

    memcpy(all, core_sections, sizeof(core_sections));
    for (uint32_t i = 0; i < resource_count(); i++) {
        const struct resource *res = edition_of(c->tenant, resource_at(i));

        if (person_is_known(res))
            all[n++] = (struct own_section){.name = res->full_name, .label = res->label, .res = res};
    }
    *ret_count = n;
    return all;
}

const struct own_section *own_section_find(struct call *c, struct text name)
{
    uint32_t count;
    const struct own_section *all = own_sections(c, &count);

    for (uint32_t i = 0; i < count; i++)
        if (text_is(name, all[i].name))
            return &all[i];
    return NULL;
}

/* ---- reading ---- */

static struct db_stmt records_stmt(struct call *c, const struct resource *res, const char *more)
{
    return db_stmt_built(
        c->arena, arena_printf(c->arena,
                      "SELECT %s FROM %s r WHERE r.tenant_id = $1 AND %s AND r.deleted_at IS NULL AND %s",
                      row_columns(c->arena, res, NULL), res->table,
                      person_condition(c->arena, res, "$2", false), more));
}

static struct record *record_of(
    struct call *c, const struct resource *res, const struct db_rows *rows, int row)
{
    struct record *rec = record_new(c->arena, res);

    record_fill(rec, c->arena, c->tenant, rows, row);
    rec->is_own = true;
    return rec;
}

int own_read(struct call *c, struct uuid account, const struct own_section *s, struct uuid after,
    uint32_t limit, struct own_page *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = s->stmt, .args = a};
    int r;

    if (s->res)
        call.stmt = records_stmt(c, s->res, "r.id > $3 ORDER BY r.id LIMIT $4");
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, account);
    db_arg_uuid(a, after);
    db_arg_int(a, limit + 1);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret = (struct own_page){
        .section = s, .rows = call.rows, .count = MIN((uint32_t)db_rows_count(call.rows), limit)};
    if ((uint32_t)db_rows_count(call.rows) > limit)
        ret->next = db_get_uuid(call.rows, (int)limit - 1, 0);
    if (!s->res)
        return 0;
    ret->records = arena_array(c->arena, ret->count + 1, sizeof(*ret->records));
    for (uint32_t i = 0; i < ret->count && r == 0; i++) {
        ret->records[i] = record_of(c, s->res, call.rows, (int)i);
        r = secret_open(c, ret->records[i]); /* to its own person */
    }
    return r;
}

int own_find(struct call *c, const struct resource *res, struct uuid account, struct uuid id, bool lock,
    struct record **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    if (!person_is_known(res))
        return call_not_found(c);
    call.stmt = records_stmt(c, res, lock ? "r.id = $3 FOR UPDATE" : "r.id = $3");
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, account);
    db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    *ret = record_of(c, res, call.rows, 0);
    return 0;
}

int own_list_held(struct call *c, const struct resource *res, struct uuid account, struct uuid after,
    uint32_t limit, struct uuid **ret, uint32_t *ret_count)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    call.stmt = db_stmt_built(c->arena,
        arena_printf(c->arena,
            "SELECT r.id FROM %s r WHERE r.tenant_id = $1 AND %s AND r.id > $3 ORDER BY r.id LIMIT $4",
            res->table, person_condition(c->arena, res, "$2", true)));
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, account);
    db_arg_uuid(a, after);
    db_arg_int(a, limit);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret_count = (uint32_t)db_rows_count(call.rows);
    *ret = arena_array(c->arena, *ret_count + 1, sizeof(**ret));
    for (uint32_t i = 0; i < *ret_count; i++)
        (*ret)[i] = db_get_uuid(call.rows, (int)i, 0);
    return 0;
}

int own_find_held(struct call *c, const struct resource *res, struct uuid account, struct uuid id,
    struct record **ret, bool *ret_deleted)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    const char *whose = "$2::uuid IS NULL";
    int r;

    if (!uuid_is_nil(account))
        whose = person_condition(c->arena, res, "$2", true);
    call.stmt = db_stmt_built(c->arena, arena_printf(c->arena,
                                            "SELECT %s, r.deleted_at IS NOT NULL FROM %s r WHERE r.tenant_id "
                                            "= $1 AND %s AND r.id = $3 FOR UPDATE "
                                            "OF r",
                                            row_columns(c->arena, res, NULL), res->table, whose));
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid_or_null(a, account);
    db_arg_uuid(a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    *ret = record_new(c->arena, res);
    record_fill(*ret, c->arena, c->tenant, call.rows, 0);
    *ret_deleted = db_get_bool(call.rows, 0, db_rows_columns(call.rows) - 1);
    return 0;
}

/* ---- writing ---- */

static void write_value(
    struct jsonw *w, const struct own_column *column, const struct db_rows *rows, int row, int at)
{
    const char *v = db_get(rows, row, at);

    jsonw_key(w, column->name);
    if (!v)
        jsonw_null(w);
    else if (column->kind == OWN_TIME)
        jsonw_str(w, clock_format(db_get_time(rows, row, at)).s);
    else if (column->kind == OWN_NUMBER)
        jsonw_int(w, db_get_int(rows, row, at));
    else if (column->kind == OWN_BOOLEAN)
        jsonw_bool(w, db_get_bool(rows, row, at));
    else
        jsonw_str(w, v);
}

void own_item_write(struct call *c, const struct own_page *p, uint32_t i, struct jsonw *w)
{
    jsonw_object(w);
    if (p->section->res) {
        record_write_members(w, p->records[i], c->tenant, true);
    } else {
        jsonw_kstr(w, "id", db_get(p->rows, (int)i, 0));
        for (int k = 0; p->section->columns[k].name; k++)
            write_value(w, &p->section->columns[k], p->rows, (int)i, k + 1);
    }
    jsonw_object_end(w);
}

static void write_label(struct jsonw *w, const struct label *label)
{
    jsonw_key(w, "label");
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", label->zh);
    jsonw_kstr(w, "en", label->en);
    jsonw_object_end(w);
}

void own_fields_write(struct jsonw *w, const struct own_section *s)
{
    jsonw_key(w, "fields");
    jsonw_array(w);
    for (uint32_t i = 0; s->res && i < s->res->field_count; i++) {
        const struct field *f = &s->res->fields[i];

        jsonw_object(w);
        jsonw_kstr(w, "name", f->name);
        write_label(w, &f->label);
        jsonw_kstr(w, "sensitivity", f->sensitivity);
        jsonw_kstr(w, "purpose", f->purpose);
        jsonw_kstr(w, "retention", f->retention);
        jsonw_kstr(w, "correction", field_correction_names[f->correction]);
        jsonw_object_end(w);
    }
    for (uint32_t i = 0; !s->res && s->columns[i].name; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "name", s->columns[i].name);
        write_label(w, &s->columns[i].label);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}
