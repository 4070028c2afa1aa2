/* Making, filling, emptying posts. */
#include "access/post.h"

#include <errno.h>

#include "access/account.h"
#include "access/core_permissions.h"
#include "access/holder.h"
#include "access/permission.h"
#include "tenant/calendar.h"
#include "tenant/units.h"

static const struct db_stmt find_post = {"post.find",
    "SELECT unit_id, kind, council_id, department_id, title, seats, version, closed_at IS NOT NULL FROM "
    "juxin.post WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt find_council = {
    "post.find_council", "SELECT 1 FROM juxin.council WHERE tenant_id = $1 AND id = $2 AND unit_id = $3"};
static const struct db_stmt find_department = {"post.find_department",
    "SELECT 1 FROM juxin.department WHERE tenant_id = $1 AND id = $2 AND unit_id = $3 AND closed_at IS NULL"};
static const struct db_stmt insert_post = {"post.insert",
    "INSERT INTO juxin.post (tenant_id, id, unit_id, kind, council_id, department_id, title, seats, "
    "created_at, "
    "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"};
static const struct db_stmt update_post = {"post.update",
    "UPDATE juxin.post SET title = coalesce($4, title), seats = coalesce($5::int, seats), closed_at = "
    "$6::timestamptz, "
    "updated_at = $7, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $3 AND closed_at "
    "IS NULL"};
static const struct db_stmt end_grants = {"post.end_grants",
    "UPDATE juxin.access_grant SET valid_until = greatest(valid_from, now()), ended_by = $3 WHERE tenant_id "
    "= $1 "
    "AND post_id = $2 AND (valid_until IS NULL OR valid_until > now())"};
/* Those that are not over at $3. */
static const struct db_stmt list_tenures = {"post.tenures",
    "SELECT account_id, valid_from, valid_until FROM juxin.tenure WHERE tenant_id = $1 AND post_id = $2 AND "
    "(valid_until IS NULL OR valid_until > greatest(valid_from, $3::timestamptz)) ORDER BY valid_from LIMIT "
    "10000"};
static const struct db_stmt insert_tenure = {"post.hold",
    "INSERT INTO juxin.tenure (tenant_id, id, post_id, account_id, valid_from, valid_until, created_at, "
    "created_by, "
    "reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"};
/* By the database's clock, as grants end: see grant.c. */
static const struct db_stmt end_tenure = {"post.end",
    "UPDATE juxin.tenure SET valid_until = greatest(valid_from, coalesce($4::timestamptz, now())), ended_at "
    "= now(), "
    "ended_by = $5, reason = CASE WHEN $6 = '' THEN reason ELSE $6 END WHERE tenant_id = $1 AND id = $2 AND "
    "post_id = $3"};
static const struct db_stmt find_tenure = {"post.find_tenure",
    "SELECT valid_from, valid_until, valid_until <= greatest(valid_from, now()) FROM juxin.tenure WHERE "
    "tenant_id = "
    "$1 AND id = $2 AND post_id = $3"};
static const struct db_stmt is_active = {
    "post.is_active", "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active"};

static void id_args(struct call *c, struct db_args *a, struct uuid id)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, id);
}

static void time_or_null(struct db_args *a, int64_t us)
{
    if (us == INT64_MAX)
        db_arg_str(a, NULL);
    else
        db_arg_time(a, us);
}

int post_need(struct call *c, uint32_t unit)
{
    if (subject_may(c->who, c->tenant, core_permission(CORE_POST_WRITE), unit))
        return 0;
    return subject_may(c->who, c->tenant, core_permission(CORE_POST_READ), unit)
               ? call_forbidden(c, core_permission_name(CORE_POST_WRITE))
               : call_not_found(c);
}

int post_beyond_own(struct call *c, uint32_t missing)
{
    const char *name = permission_info(missing)->name;

    return call_fail(c, 403, "beyond_own",
        arena_printf(
            c->arena, "The post has been granted more than you may give for that time; missing: %s.", name),
        arena_printf(c->arena, "该职务获得的授权超出本人在该期限内可授予的权限；缺少：%s。", name));
}

int post_check_title(struct call *c, const char *pointer, const char *title)
{
    const char *why = unit_name_objection(text_of(title));

    return why ? call_fail_at(c, pointer, why, "A name has 1 to 100 characters and no control characters.",
                     "名称为 1 至 100 个字符，不含控制字符。")
               : 0;
}

static int check_seats(struct call *c, int64_t seats)
{
    return seats >= 1 && seats <= POST_SEATS_MAX
               ? 0
               : call_fail_at(c, "/seats", "range", "1 to 500.", "应为 1 至 500。");
}

int post_find(struct call *c, struct uuid id, struct post *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find_post, .args = a};
    const struct db_rows *rows;
    uint32_t unit;
    int r;

    id_args(c, a, id);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    rows = call.rows;
    unit = db_rows_count(rows) ? tree_find(c->tenant->tree, db_get_uuid(rows, 0, 0)) : TREE_NONE;
    if (unit == TREE_NONE || !subject_may(c->who, c->tenant, core_permission(CORE_POST_READ), unit))
        return call_not_found(c);
    *ret = (struct post){.id = id,
        .unit = unit,
        .kind = db_get(rows, 0, 1),
        .council = db_get_uuid(rows, 0, 2),
        .department = db_get_uuid(rows, 0, 3),
        .title = db_get(rows, 0, 4),
        .seats = db_get_int(rows, 0, 5),
        .version = db_get_int(rows, 0, 6),
        .is_closed = db_get_bool(rows, 0, 7)};
    return 0;
}

/* The unit of work, the epoch, and the post as it is in it. */
static int open_post(struct call *c, struct uuid id, int64_t version, struct post *ret)
{
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = post_find(c, id, ret);
    if (r == 0)
        r = post_need(c, ret->unit);
    if (r == 0 && ret->version != version)
        r = -ESTALE;
    if (r == 0 && ret->is_closed)
        r = call_fail(c, 409, "closed", "The post is closed.", "该职务已撤销。");
    return r;
}

static int change(struct call *c, const struct post *p, const char *title, int64_t seats, bool close)
{
    struct db_args a;

    id_args(c, &a, p->id);
    db_arg_int(&a, p->version);
    db_arg_str(&a, title);
    if (seats)
        db_arg_int(&a, seats);
    else
        db_arg_str(&a, NULL);
    time_or_null(&a, close ? c->now_us : INT64_MAX);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, update_post, &a, 1);
}

static struct uuid unit_id(const struct call *c, const struct post *p)
{
    return tree_unit(c->tenant->tree, p->unit).id;
}

/* ---- making ---- */

/* What it belongs to stands at the same unit. */
static int check_body(struct call *c, const struct post_input *in)
{
    bool of_council = strcmp(in->kind, "council") == 0;
    struct db_args a;
    struct db_call call = {.stmt = of_council ? find_council : find_department, .args = &a};
    int r;

    if (strcmp(in->kind, "leader") == 0)
        return 0;
    id_args(c, &a, of_council ? in->council : in->department);
    db_arg_uuid(&a, tree_unit(c->tenant->tree, in->unit).id);
    r = call_read(c, &call, 1);
    if (r == 0 && db_rows_count(call.rows) == 0)
        r = of_council
                ? call_fail_at(c, "/council", "unknown", "A council of this unit.", "应为该机构的理事会。")
                : call_fail_at(
                      c, "/department", "unknown", "A department of this unit.", "应为该机构的部门。");
    return r;
}

int post_create(struct call *c, const struct post_input *in, struct uuid *ret_id)
{
    struct uuid id = uuid_new(), unit = tree_unit(c->tenant->tree, in->unit).id;
    struct db_args a;
    int r = post_need(c, in->unit);

    if (r < 0)
        return r;
    if (tree_unit(c->tenant->tree, in->unit).is_closed)
        (void)call_fail_at(c, "/unit", "closed", "The unit is closed.", "该机构已关闭。");
    (void)post_check_title(c, "/title", in->title);
    (void)check_seats(c, in->seats);
    r = c->fault.status ? -EINVAL : call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = check_body(c, in);
    if (r < 0)
        return r;
    id_args(c, &a, id);
    db_arg_uuid(&a, unit);
    db_arg_str(&a, in->kind);
    db_arg_uuid_or_null(&a, in->council);
    db_arg_uuid_or_null(&a, in->department);
    db_arg_str(&a, in->title);
    db_arg_int(&a, in->seats);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_post, &a, 1);
    if (r == 0)
        r = call_audit(c, "post.create", "post", id, unit, "unit,kind,council,department,title,seats");
    if (r == 0)
        *ret_id = id;
    return r;
}

/* ---- seats ---- */

struct tenures {
    const struct db_rows *rows;
    int count;
};

static int read_tenures(struct call *c, struct uuid post, int64_t from, struct tenures *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = list_tenures, .args = a};
    int r;

    id_args(c, a, post);
    db_arg_time(a, from);
    r = call_read(c, &call, 1);
    if (r == 0)
        *ret = (struct tenures){call.rows, db_rows_count(call.rows)};
    return r;
}

static int64_t end_of(const struct tenures *t, int i)
{
    return db_get(t->rows, i, 2) ? db_get_time(t->rows, i, 2) : INT64_MAX;
}

static int64_t held_at(const struct tenures *t, int64_t at)
{
    int64_t n = 0;

    for (int i = 0; i < t->count; i++)
        n += db_get_time(t->rows, i, 1) <= at && at < end_of(t, i);
    return n;
}

/* The most who hold it at once in that time: that changes only where somebody begins. */
static int64_t most_held(const struct tenures *t, int64_t from, int64_t until)
{
    int64_t most = held_at(t, from);

    for (int i = 0; i < t->count; i++) {
        int64_t at = db_get_time(t->rows, i, 1);

        if (at > from && at < until)
            most = MAX(most, held_at(t, at));
    }
    return most;
}

int post_update(
    struct call *c, struct uuid id, const char *title, int64_t seats, int64_t version, int64_t *ret_version)
{
    struct tenures held;
    struct post p;
    int r = open_post(c, id, version, &p);

    if (r < 0 || c->is_replay)
        return r;
    if (title)
        (void)post_check_title(c, "/title", title);
    if (seats)
        (void)check_seats(c, seats);
    if (c->fault.status)
        return -EINVAL;
    r = read_tenures(c, id, c->now_us, &held);
    if (r == 0 && seats && most_held(&held, c->now_us, INT64_MAX) > seats)
        r = call_fail_at(c, "/seats", "held", "More hold it, or are to, than there would be seats.",
            "现任或已安排的任职人数超过席位数。");
    if (r == 0)
        r = change(c, &p, title, seats, false);
    if (r == 0)
        r = call_audit(c, "post.update", "post", id, unit_id(c, &p),
            title && seats ? "title,seats"
            : title        ? "title"
                           : "seats");
    *ret_version = version + 1;
    return r;
}

int post_close(struct call *c, struct uuid id, int64_t version, int64_t *ret_version)
{
    struct tenures held;
    struct db_args a;
    struct post p;
    int r = open_post(c, id, version, &p);

    if (r < 0 || c->is_replay)
        return r;
    r = read_tenures(c, id, c->now_us, &held);
    if (r == 0 && held.count)
        r = call_fail(c, 409, "held", "Somebody holds the post, or is to; end that first.",
            "该职务有现任或已安排的任职，请先办理免职。");
    if (r < 0)
        return r;
    id_args(c, &a, id);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec(c->tx, end_grants, &a, NULL);
    if (r == 0)
        r = change(c, &p, NULL, 0, true);
    if (r == 0)
        r = call_audit(c, "post.close", "post", id, unit_id(c, &p), "closed_at");
    *ret_version = version + 1;
    return r;
}

/* ---- tenures ---- */

int post_check_account(struct call *c, struct uuid account, const char *pointer)
{
    struct db_args a;
    struct db_call call = {.stmt = is_active, .args = &a};
    uint32_t home;
    int r = account_unit(c, account, CORE_ACCOUNT_READ, &home);

    if (r == 0) {
        id_args(c, &a, account);
        r = call_read(c, &call, 1);
        if (r < 0 || db_rows_count(call.rows))
            return r;
        return call_fail_at(c, pointer, "disabled", "The account is not active.", "该账号已停用。");
    }
    if (r != -EINVAL)
        return r;
    memset(&c->fault, 0, sizeof(c->fault));
    return call_fail_at(c, pointer, "unknown", "There is no such account.", "账号不存在。");
}

static int check_seat(struct call *c, const struct post *p, const struct tenure_input *in)
{
    struct tenures held;
    int r = read_tenures(c, p->id, in->from, &held);

    for (int i = 0; r == 0 && i < held.count; i++)
        if (uuid_eq(db_get_uuid(held.rows, i, 0), in->account) && db_get_time(held.rows, i, 1) < in->until)
            r = call_fail_at(c, "/account", "held", "This account holds the post in that time already.",
                "该账号在此期间已担任该职务。");
    if (r == 0 && most_held(&held, in->from, in->until) >= p->seats)
        r = call_fail(
            c, 409, "no_seat", "All seats are taken at some time in that span.", "该期间席位已满。");
    return r;
}

static int add_tenure(struct call *c, const struct post *p, const struct tenure_input *in, struct uuid id)
{
    struct db_args a;

    id_args(c, &a, id);
    db_arg_uuid(&a, p->id);
    db_arg_uuid(&a, in->account);
    db_arg_time(&a, in->from);
    time_or_null(&a, in->until);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, in->reason);
    return db_exec_expect(c->tx, insert_tenure, &a, 1);
}

/* From today is from now: whoever held it this morning is no longer in the way. */
static int64_t begin_of(const struct call *c, const struct tenure_input *in)
{
    return in->from == calendar_begin(calendar_today(c->now_us)) ? c->now_us : in->from;
}

int post_hold(struct call *c, struct uuid id, const struct tenure_input *asked, int64_t version,
    int64_t *ret_version, struct uuid *ret_tenure)
{
    struct tenure_input held = *asked, *in = &held;
    struct uuid tenure = uuid_new();
    struct post p;
    uint32_t missing;
    int r = open_post(c, id, version, &p);

    if (r < 0 || c->is_replay)
        return r;
    in->from = begin_of(c, asked);
    if (in->until <= in->from)
        return call_fail_at(c, "/until", "before_from", "The last day is not before the first.",
            "截止日期不得早于开始日期。");
    if (tree_unit(c->tenant->tree, p.unit).is_closed)
        return call_fail(c, 409, "unit_closed", "The unit is closed.", "该机构已关闭。");
    r = post_check_account(c, in->account, "/account");
    if (r == 0 && !holder_may_fill(c, id, in->account, in->from, in->until, &missing))
        r = post_beyond_own(c, missing);
    if (r == 0)
        r = check_seat(c, &p, in);
    if (r == 0)
        r = change(c, &p, NULL, 0, false);
    if (r == 0)
        r = add_tenure(c, &p, in, tenure);
    if (r == 0)
        r = call_audit(c, "post.hold", "tenure", tenure, unit_id(c, &p), "post,account,from,until");
    *ret_version = version + 1;
    *ret_tenure = tenure;
    return r;
}

static int check_end(struct call *c, struct uuid post, struct uuid tenure, int64_t until)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find_tenure, .args = a};
    int r;

    id_args(c, a, tenure);
    db_arg_uuid(a, post);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0)
        return call_not_found(c);
    if (db_get_bool(call.rows, 0, 2))
        return call_fail(c, 409, "ended", "This tenure is over.", "该任职已结束。");
    if (until != INT64_MAX && db_get(call.rows, 0, 1) && until > db_get_time(call.rows, 0, 1))
        return call_fail_at(
            c, "/until", "later", "It ends earlier than that by itself.", "该任职原定更早结束。");
    return 0;
}

int post_end(struct call *c, struct uuid id, struct uuid tenure, int64_t until, const char *reason,
    int64_t version, int64_t *ret_version)
{
    struct db_args a;
    struct post p;
    int r = open_post(c, id, version, &p);

    if (r < 0 || c->is_replay)
        return r;
    r = check_end(c, id, tenure, until);
    if (r < 0)
        return r;
    id_args(c, &a, tenure);
    db_arg_uuid(&a, id);
    time_or_null(&a, until);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, reason);
    r = db_exec_expect(c->tx, end_tenure, &a, 1);
    if (r == 0)
        r = change(c, &p, NULL, 0, false);
    if (r == 0)
        r = call_audit(c, "post.end", "tenure", tenure, unit_id(c, &p), "until");
    *ret_version = version + 1;
    return r;
}
