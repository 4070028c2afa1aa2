/* Tenants, tree, accounts, sessions, grants and calls against a real PostgreSQL. */
#include "support.h"

#include <errno.h>

#include "access/access.h"
#include "access/account.h"
#include "access/core_permissions.h"
#include "access/explain.h"
#include "access/grant.h"
#include "access/org.h"
#include "access/permission.h"
#include "access/ratelimit.h"
#include "access/role.h"
#include "access/session.h"
#include "access/start.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/audit.h"
#include "db/retention.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "plugin/policy/policies_save.h"
#include "tenant/tenants.h"

#define TREE_FILE JUXIN_MIGRATIONS "/../../deploy/demo/330102.json"
#define PASSWORD "correct horse battery staple"

static const struct subject operator_subject = {.kind = SUBJECT_OPERATOR};
static struct db *db;
static struct arena *arena;
static struct keyring *keys;
static struct uuid admin_id, street_admin_id, worker_id;

/* A call of the tenant with a fresh snapshot; ended by close_call. */
static struct call open_call(const char *slug, const struct subject *who)
{
    struct call c;
    struct tenant *t;

    call_init(&c, db, arena);
    assert_int_equal(tenant_get(db, text_of(slug), &t), 0);
    c.tenant = t;
    while (call_fence(&c) == -EREMCHG) {
        struct tenant *fresh;

        assert_int_equal(tenant_refresh(db, t->id, c.seen_epoch, &fresh), 0);
        tenant_unref(t);
        call_again(&c, t = fresh, NULL);
    }
    c.is_fenced = false;
    c.who = who;
    return c;
}

static void close_call(struct call *c)
{
    call_done(c);
    tenant_unref(c->tenant);
}

static int commit(struct call *c)
{
    return call_commit(c);
}

static uint32_t at(const struct call *c, const char *code)
{
    uint32_t unit = tree_find_code(c->tenant->tree, text_of(code));

    assert_int_not_equal(unit, TREE_NONE);
    return unit;
}

/* Access in the shoes of an account. */
static const struct subject *as(const struct call *c, struct uuid account)
{
    return access_subject(c->tenant, account);
}

static void make_tenants(void)
{
    int32_t a, b, again;
    struct tenant *t;

    assert_int_equal(tenant_create(db, "shangcheng", "上城区", NULL, NULL, &a), 0);
    assert_int_equal(tenant_create(db, "lianhu", "莲湖县", NULL, NULL, &b), 0);
    assert_int_not_equal(a, b);
    assert_int_equal(tenant_create(db, "lianhu", "莲湖县", NULL, NULL, &again), -EEXIST);
    assert_int_equal(tenant_create(db, "Bad Slug", "x", NULL, NULL, &again), -EINVAL);
    assert_int_equal(tenant_get(db, TEXT("nowhere"), &t), -ENOENT);
    assert_int_equal(tenant_get(db, TEXT("nowhere"), &t), -ENOENT);
    assert_int_equal(tenant_get(db, TEXT("../etc"), &t), -ENOENT);
    assert_int_equal(tenant_get(db, TEXT("shangcheng"), &t), 0);
    assert_int_equal(t->id, a);
    assert_int_equal(tree_count(t->tree), 0);
    tenant_unref(t);
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.role WHERE name = 'administrator' AND is_builtin"), "2");
}

static struct units_import import(const char *slug, int expect)
{
    struct call c = open_call(slug, &operator_subject);
    struct units_import im;
    struct json_fault fault;
    json_t *root;

    assert_int_equal(json_read_file(TREE_FILE, 1 << 20, &root, &fault), 0);
    units_import_init(&im, arena);
    units_import_json(&im, root);
    units_import_check(&im, c.tenant->tree, false);
    assert_int_equal(im.fault_count, 0);
    assert_int_equal(org_unit_import(&c, &im), expect);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    json_decref(root);
    return im;
}

static void import_tree(void)
{
    struct units_import im = import("shangcheng", 0);
    struct call c;

    assert_int_equal(im.created, 218);
    im = import("shangcheng", 0);
    assert_int_equal(im.created, 0);
    assert_int_equal(im.unchanged, 218);
    import("lianhu", 0);
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.unit"), "436");
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.unit_parent WHERE valid_until IS NULL"), "436");
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.unit_name"), "436");
    /* every unit: its own key at its depth, its parent's keys above */
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.unit u LEFT JOIN juxin.unit p ON p.tenant_id ="
                    " u.tenant_id AND p.id = u.parent_id WHERE CASE u.depth WHEN 0 THEN u.a1 IS NULL WHEN 1 "
                    "THEN u.a1 = u.id"
                    " AND u.a2 IS NULL WHEN 2 THEN u.a1 = p.id AND u.a2 = u.id END IS NOT TRUE"),
        "0");
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(tree_count(c.tenant->tree), 218);
    assert_string_equal(tree_unit(c.tenant->tree, at(&c, "330102001051")).name, "清波门社区");
    close_call(&c);
}

static struct uuid make_account(const char *login, const char *name, const char *unit)
{
    struct call c = open_call("shangcheng", &operator_subject);
    struct account_input in = {.login = login, .display_name = name, .unit = unit ? at(&c, unit) : TREE_NONE};
    struct uuid id;

    assert_int_equal(account_create(&c, &in, PASSWORD, &id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    return id;
}

static struct uuid role_of(const struct call *c, const char *name)
{
    const struct access *x = access_of(c->tenant);

    for (uint32_t i = 0; i < x->role_count; i++) {
        if (strcmp(x->roles[i].name, name) == 0)
            return x->roles[i].id;
    }
    fail_msg("no role %s", name);
    return UUID_NIL;
}

static int give(
    struct uuid from, struct uuid to, const char *role, const char *unit, enum reach reach, int64_t until)
{
    struct call c = open_call("shangcheng", NULL);
    struct grant_input in = {
        .account = to, .role = role_of(&c, role), .unit = at(&c, unit), .reach = reach, .until = until};
    struct uuid id;
    int r;

    c.who = uuid_is_nil(from) ? &operator_subject : as(&c, from);
    r = grant_create(&c, &in, &id);
    if (r == 0)
        r = commit(&c);
    else
        r = c.fault.status ? -c.fault.status : r;
    close_call(&c);
    return r;
}

static void accounts_and_grants(void)
{
    struct call c;
    struct account_input twice = {.login = "ADMIN", .display_name = "x", .unit = TREE_NONE};
    struct uuid id;
    int64_t soon = clock_wall_us() + 60000000;

    admin_id = make_account("admin", "管理员", NULL);
    street_admin_id = make_account("street", "清波", "330102001");
    worker_id = make_account("worker", "工作人员", "330102001");
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(account_create(&c, &twice, PASSWORD, &id), -EINVAL);
    assert_string_equal(c.fault.errors->code, "duplicate");
    close_call(&c);
    assert_int_equal(give(UUID_NIL, admin_id, "administrator", "330102", REACH_SUBTREE, INT64_MAX), 0);
    assert_int_equal(
        give(admin_id, street_admin_id, "administrator", "330102001", REACH_SUBTREE, INT64_MAX), 0);
    /* nobody gives what they do not hold, elsewhere, wider, or for longer */
    assert_int_equal(
        give(street_admin_id, worker_id, "administrator", "330102003", REACH_SELF, INT64_MAX), -403);
    assert_int_equal(
        give(street_admin_id, worker_id, "administrator", "330102", REACH_SUBTREE, INT64_MAX), -403);
    assert_int_equal(give(street_admin_id, worker_id, "auditor", "330102001", REACH_SELF, INT64_MAX), -403);
    assert_int_equal(give(street_admin_id, worker_id, "administrator", "330102001", REACH_SELF, soon), 0);
    assert_int_equal(give(worker_id, worker_id, "administrator", "330102001", REACH_SELF, INT64_MAX), -403);
    assert_int_equal(give(worker_id, worker_id, "administrator", "330102001", REACH_SUBTREE, soon), -403);
    c = open_call("shangcheng", NULL);
    assert_true(
        subject_may(as(&c, admin_id), c.tenant, core_permission(CORE_UNIT_MOVE), at(&c, "330102003")));
    assert_false(
        subject_may(as(&c, street_admin_id), c.tenant, core_permission(CORE_UNIT_MOVE), at(&c, "330102003")));
    assert_true(subject_may(
        as(&c, street_admin_id), c.tenant, core_permission(CORE_UNIT_MOVE), at(&c, "330102001051")));
    close_call(&c);
}

/* What was decided from an old snapshot is noticed: by a read, by a write, and by the bump. */
static void fence(void)
{
    struct call old = open_call("shangcheng", &operator_subject),
                late = open_call("shangcheng", &operator_subject);
    struct tenant *fresh;
    struct uuid id;
    struct unit_input in = {.code = "p1", .name = "园区一", .level = LEVEL_PARK};

    assert_int_equal(call_begin(&late), 0);
    in.parent = at(&old, "330102");
    assert_int_equal(org_unit_create(&old, &in, &id), 0);
    assert_int_equal(commit(&old), 0);
    assert_int_equal(call_read(&old, NULL, 0), -EREMCHG);
    assert_int_equal(call_begin(&old), -EREMCHG);
    assert_int_equal(call_bump(&late), -EREMCHG);
    call_rollback(&late);
    assert_int_equal(tenant_refresh(db, old.tenant->id, old.seen_epoch, &fresh), 0);
    assert_int_equal(tree_count(fresh->tree), 219);
    assert_int_equal(tree_count(old.tenant->tree), 218); /* who holds it keeps it */
    tenant_unref(fresh);
    close_call(&old);
    close_call(&late);
}

static int64_t version_of(const char *code)
{
    char sql[160];

    snprintf(sql, sizeof(sql), "SELECT version FROM juxin.unit WHERE code = '%s' AND tenant_id = 1", code);
    return strtoll(support_sql(sql), NULL, 10);
}

static uint32_t hook_count;

static int count_places(
    struct db_tx *tx, const struct tenant *t, const struct unit_place *places, size_t count)
{
    (void)tx;
    (void)t;
    assert_true(uuid_eq(places[0].a[places[0].depth - 1], places[0].id));
    hook_count += (uint32_t)count;
    return 0;
}

static int move(struct uuid who, const char *code, const char *parent, int64_t version)
{
    struct call c = open_call("shangcheng", NULL);
    int r;

    c.who = uuid_is_nil(who) ? &operator_subject : as(&c, who);
    r = org_unit_move(&c, at(&c, code), at(&c, parent), version, &version);
    if (r == 0)
        r = commit(&c);
    else if (c.fault.status)
        r = -c.fault.status;
    close_call(&c);
    return r;
}

static void moves(void)
{
    struct uuid none = UUID_NIL;

    assert_int_equal(move(none, "330102001", "p1", version_of("330102001") + 1), -ESTALE);
    assert_int_equal(move(none, "p1", "330102001", version_of("p1")), 0);
    assert_int_equal(move(none, "330102001", "p1", version_of("330102001")), -422); /* a cycle */
    assert_int_equal(move(none, "330102", "p1", version_of("330102")), -409);
    assert_int_equal(
        move(none, "330102003", "330102001", version_of("330102003")), -422); /* street under street */
    assert_int_equal(move(none, "p1", "330102", version_of("p1")), 0);
    assert_int_equal(hook_count, 2);
    hook_count = 0;
    assert_int_equal(move(none, "330102001", "p1", version_of("330102001")), 0);
    assert_true(hook_count > 5);
    assert_string_equal(
        support_sql(
            "SELECT count(*) FROM juxin.unit u JOIN juxin.unit p ON p.tenant_id = u.tenant_id"
            " AND p.id = u.parent_id JOIN juxin.unit q ON q.tenant_id = u.tenant_id AND q.id = p.parent_id"
            " WHERE u.code = '330102001051' AND u.tenant_id = 1 AND u.depth = 3 AND u.a3 = u.id AND u.a2 = "
            "p.id"
            " AND u.a1 = q.id AND p.code = '330102001' AND q.code = 'p1'"),
        "1");
    assert_int_equal(
        move(street_admin_id, "330102001", "330102", version_of("330102001")), -422); /* not seen there */
    assert_int_equal(move(street_admin_id, "330102003", "330102001", version_of("330102003")), -404);
    assert_int_equal(move(admin_id, "330102001", "330102", version_of("330102001")), 0);
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.unit_parent p JOIN juxin.unit u ON u.tenant_id ="
                    " p.tenant_id AND u.id = p.unit_id WHERE u.code = '330102001' AND u.tenant_id = 1"),
        "3");
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.unit u WHERE tenant_id = 1 AND depth > 2"), "0");
}

static int sign_in(const char *login, const char *password, struct session_opened *s)
{
    struct call c = open_call("shangcheng", NULL);
    int r =
        session_open(&c, text_of(login), text_of(password), (struct text){NULL, 0}, "192.0.2.1", "test", s);

    if (r < 0 && c.fault.status)
        r = -c.fault.status;
    close_call(&c);
    return r;
}

static int whose(const char *token, bool bearer, struct uuid *ret)
{
    struct call c = open_call("shangcheng", NULL);
    struct credential *k;
    int r = session_authenticate(&c, text_of(token), bearer, &k);

    if (r == 0)
        *ret = k->account;
    close_call(&c);
    return r;
}

static void sessions(void)
{
    struct session_opened a, b;
    struct call c;
    struct uuid who;

    assert_int_equal(sign_in("admin", "wrong password", &a), -401);
    assert_int_equal(sign_in("nobody-here", PASSWORD, &a), -401);
    assert_int_equal(sign_in("Admin", PASSWORD, &a), 0);
    assert_int_equal(sign_in("admin", PASSWORD, &b), 0);
    assert_int_equal(whose(a.token, false, &who), 0);
    assert_true(uuid_eq(who, admin_id));
    assert_int_equal(whose(a.token, false, &who), 0); /* from the cache */
    assert_int_equal(whose(a.token, true, &who), -EACCES);
    assert_int_equal(whose("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false, &who), -EACCES);
    c = open_call("shangcheng", NULL);
    assert_int_equal(call_begin(&c), 0);
    assert_int_equal(call_bump(&c), 0);
    assert_int_equal(session_end(&c, worker_id, a.id), -ENOENT); /* not one's own */
    call_rollback(&c);
    assert_int_equal(call_begin(&c), 0);
    assert_int_equal(call_bump(&c), 0);
    c.who = &operator_subject;
    assert_int_equal(session_end(&c, admin_id, a.id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    assert_int_equal(whose(a.token, false, &who), -EACCES);
    assert_int_equal(whose(b.token, false, &who), 0);
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(account_update(&c, admin_id,
                         &(struct account_input){.unit = TREE_NONE, .set_active = true, .is_active = false},
                         1, &(int64_t){0}),
        0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    assert_int_equal(whose(b.token, false, &who), -EACCES);
    assert_int_equal(sign_in("admin", PASSWORD, &a), -401);
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(account_update(&c, admin_id,
                         &(struct account_input){.unit = TREE_NONE, .set_active = true, .is_active = true}, 1,
                         &(int64_t){0}),
        -ESTALE);
    call_rollback(&c);
    assert_int_equal(account_update(&c, admin_id,
                         &(struct account_input){.unit = TREE_NONE, .set_active = true, .is_active = true}, 2,
                         &(int64_t){0}),
        0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    assert_string_equal(
        support_sql("SELECT count(*) FROM juxin.session WHERE token_hash !~ '^[0-9a-f]{64}$'"), "0");
}

static void tokens(void)
{
    struct call c = open_call("shangcheng", NULL);
    struct token_issued t;
    struct uuid who;

    c.who = as(&c, street_admin_id);
    assert_int_equal(token_issue(&c, admin_id, "steal", c.now_us + 1000000, &t), -EINVAL);
    assert_int_equal(c.fault.status, 403);
    call_again(&c, c.tenant, as(&c, street_admin_id));
    assert_int_equal(token_issue(&c, street_admin_id, "mine", c.now_us + 60000000, &t), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    assert_int_equal(whose(t.token, true, &who), 0);
    assert_true(uuid_eq(who, street_admin_id));
    assert_int_equal(whose(t.token, false, &who), -EACCES);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, worker_id);
    assert_int_equal(token_revoke(&c, t.id), -EINVAL);
    assert_int_equal(c.fault.status, 404);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, street_admin_id);
    assert_int_equal(token_revoke(&c, t.id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    assert_int_equal(whose(t.token, true, &who), -EACCES);
}

static void limits(void)
{
    static const struct ratelimit_rule rule = {"login", 4, 300};
    struct text key = TEXT("somebody");
    int64_t wait = 0;
    struct db_tx *tx;

    for (int i = 0; i < 5; i++)
        assert_int_equal(ratelimit_take(db, 1, rule, key, &wait), 0);
    assert_int_equal(ratelimit_take(db, 1, rule, key, &wait), -EDQUOT);
    assert_int_equal(wait, 1);
    support_sql("UPDATE juxin.rate_limit SET blocked_until = blocked_until - interval '1 second'");
    assert_int_equal(ratelimit_take(db, 1, rule, key, &wait), 0);
    support_sql("UPDATE juxin.rate_limit SET blocked_until = blocked_until - interval '1 second'");
    assert_int_equal(ratelimit_take(db, 1, rule, key, &wait), -EDQUOT);
    assert_int_equal(wait, 1);
    assert_int_equal(ratelimit_take(db, 2, rule, key, &wait), 0); /* another tenant's */
    assert_int_equal(ratelimit_take(db, 1, rule, TEXT("else"), &wait), 0);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(ratelimit_forget(tx, "login", key), 0);
    assert_int_equal(db_commit(tx), 0);
    assert_int_equal(ratelimit_take(db, 1, rule, key, &wait), 0);
}

static int keyed(const char *key, const char *body, struct call *ret)
{
    struct call c = open_call("shangcheng", NULL);
    int r;

    c.who = as(&c, admin_id);
    c.idempotency_key = key;
    c.idempotency_hash = arena_alloc(arena, sizeof(struct sha256));
    *c.idempotency_hash = sha256_of(text_of(body));
    r = call_begin(&c);
    *ret = c;
    return r;
}

static void idempotency(void)
{
    struct call first, other;
    struct uuid id = uuid_new();

    assert_int_equal(keyed("k-1", "body", &first), 0);
    assert_false(first.is_replay);
    assert_int_equal(keyed("k-1", "body", &other), -EINVAL);
    assert_int_equal(other.fault.status, 409);
    close_call(&other);
    first.result_status = 201;
    first.result_id = id;
    first.result_version = 7;
    assert_int_equal(commit(&first), 0);
    close_call(&first);
    assert_int_equal(keyed("k-1", "body", &other), 0);
    assert_true(other.is_replay);
    assert_null(other.tx);
    assert_int_equal(other.replay_status, 201);
    assert_true(uuid_eq(other.replay_id, id));
    assert_int_equal(other.replay_version, 7);
    close_call(&other);
    assert_int_equal(keyed("k-1", "changed", &other), -EINVAL);
    assert_int_equal(other.fault.status, 422);
    close_call(&other);
    assert_int_equal(keyed("k-2", "body", &first), 0); /* given up: as if it never was */
    close_call(&first);
    assert_int_equal(keyed("k-2", "changed", &first), 0);
    assert_false(first.is_replay);
    close_call(&first);
}

static void departments(void)
{
    struct call c = open_call("shangcheng", &operator_subject);
    struct department_input in = {.code = "housing", .name = "住房和城乡建设局", .unit = at(&c, "330102")};
    struct grant_input g = {.role = role_of(&c, "administrator"),
        .unit = at(&c, "330102"),
        .reach = REACH_SUBTREE,
        .until = INT64_MAX};
    struct explain_answer x;
    struct uuid id, grant;

    assert_int_equal(org_department_create(&c, &in, &id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(org_department_create(&c, &in, &grant), -EINVAL);
    assert_string_equal(c.fault.errors->pointer, "/code");
    close_call(&c);
    c = open_call("shangcheng", &operator_subject);
    g.department = id;
    assert_int_equal(grant_create(&c, &g, &grant), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", &operator_subject);
    assert_int_equal(org_member_put(&c, id, worker_id, true), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    assert_true(
        subject_may(as(&c, worker_id), c.tenant, core_permission(CORE_UNIT_MOVE), at(&c, "330102003")));
    assert_true(subject_in_department(as(&c, worker_id), id, true));
    assert_false(subject_in_department(as(&c, street_admin_id), id, false));
    c.who = &operator_subject;
    assert_int_equal(
        explain_account(&c, worker_id, core_permission(CORE_UNIT_MOVE), at(&c, "330102003"), &x), 0);
    assert_true(x.may);
    assert_true(uuid_eq(x.lines[0].department, id));
    assert_int_equal(grant_end(&c, grant), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", &operator_subject);
    assert_false(
        subject_may(as(&c, worker_id), c.tenant, core_permission(CORE_UNIT_MOVE), at(&c, "330102003")));
    assert_int_equal(
        explain_account(&c, worker_id, core_permission(CORE_UNIT_MOVE), at(&c, "330102003"), &x), 0);
    assert_false(x.may);
    assert_int_equal(x.lines[0].reason, EXPLAIN_EXPIRED);
    assert_int_equal(org_member_remove(&c, id, worker_id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
}

/* A department admin cannot reach beyond their own rights by adding themselves to a stronger department. */
static void no_escalation(void)
{
    struct call c = open_call("shangcheng", &operator_subject);
    struct department_input in = {.code = "strong", .name = "强", .unit = at(&c, "330102001")};
    struct grant_input g = {.role = role_of(&c, "administrator"),
        .unit = at(&c, "330102"),
        .reach = REACH_SUBTREE,
        .until = INT64_MAX};
    struct uuid id, grant;

    assert_int_equal(org_department_create(&c, &in, &id), 0);
    g.department = id;
    assert_int_equal(grant_create(&c, &g, &grant), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, street_admin_id);
    assert_int_equal(org_member_put(&c, id, street_admin_id, false), -EINVAL);
    assert_int_equal(c.fault.status, 403);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, street_admin_id);
    assert_int_equal(account_reset_password(&c, admin_id, PASSWORD), -EINVAL);
    assert_true(c.fault.status == 404); /* admin belongs to the root, which the street does not see */
    close_call(&c);
}

static void roles(void)
{
    struct call c = open_call("shangcheng", NULL);
    const char *some[] = {"core.unit.read", "core.grant.read"}, *beyond[] = {"core.audit.read"},
               *wrong[] = {"no.such"};
    struct role_input in = {
        .name = "reader", .label_zh = "查看员", .permissions = some, .permission_count = 2};
    struct uuid id;
    int64_t version;

    c.who = as(&c, admin_id);
    assert_int_equal(role_create(&c, &in, &id), 0);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, admin_id);
    assert_true(access_find_role(c.tenant, id)->permissions[core_permission(CORE_UNIT_READ) / 64] >>
                    (core_permission(CORE_UNIT_READ) % 64) &
                1);
    in.permissions = beyond;
    in.permission_count = 1;
    assert_int_equal(role_update(&c, id, &in, 1, &version), -EINVAL);
    assert_string_equal(c.fault.errors->code, "beyond_own");
    call_again(&c, c.tenant, c.who);
    in.permissions = wrong;
    assert_int_equal(role_update(&c, id, &in, 1, &version), -EINVAL);
    assert_string_equal(c.fault.errors->pointer, "/permissions/0");
    call_again(&c, c.tenant, c.who);
    in.permissions = NULL;
    in.label_zh = "只读";
    assert_int_equal(role_update(&c, id, &in, 1, &version), 0);
    assert_int_equal(version, 2);
    assert_int_equal(commit(&c), 0);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, admin_id);
    assert_int_equal(role_update(&c, role_of(&c, "administrator"), &in, 1, &version), -EINVAL);
    assert_int_equal(c.fault.status, 409);
    close_call(&c);
    c = open_call("shangcheng", NULL);
    c.who = as(&c, street_admin_id);
    assert_int_equal(role_create(&c, &in, &id), -EINVAL);
    assert_int_equal(c.fault.status, 403);
    close_call(&c);
}

/* Many fibers that find no snapshot load it once. */
static uint32_t loaded;
static struct fiber_wait all_loaded;

static void load_fiber(void *arg)
{
    struct tenant *t;

    (void)arg;
    assert_int_equal(tenant_get_by_id(db, 1, &t), 0);
    assert_int_equal(tree_count(t->tree), 219);
    tenant_unref(t);
    if (++loaded == 50)
        fiber_wake(&all_loaded);
}

static void retention(void)
{
    int64_t now = clock_wall_us(), day = 86400ll * 1000000;
    uint64_t n = 99;

    assert_int_equal(retention_run(db, 1, now, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(retention_run(db, 1, now + 3 * day, &n), 0);
    assert_true(n > 0);
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.rate_limit WHERE tenant_id = 1"), "0");
    assert_string_equal(support_sql("SELECT count(*) > 0 FROM juxin.rate_limit WHERE tenant_id = 2"), "t");
    assert_string_equal(support_sql("SELECT count(*) > 0 FROM juxin.session WHERE tenant_id = 1"), "t");
    assert_int_equal(retention_run(db, 1, now + 32 * day, &n), 0);
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.session WHERE tenant_id = 1"), "0");
    assert_string_equal(support_sql("SELECT count(*) FROM juxin.idempotency WHERE tenant_id = 1"), "0");
}

static int restless(struct call *c, void *arg)
{
    ++*(int *)arg;
    c->seen_epoch = c->tenant->epoch;
    return -EREMCHG;
}

/* A tenant that changes under every look has not been looked at. */
static void every_tenant(void)
{
    struct call c;
    int looks = 0;

    call_init(&c, db, arena);
    c.who = &operator_subject;
    assert_int_equal(policy_each_tenant(&c, restless, &looks), -EAGAIN);
    assert_int_equal(looks, 8);
    call_done(&c);
}

static void single_flight(void)
{
    struct db_stats before, after;
    struct fiber *f;

    tenant_cache_clear();
    db_stats(db, &before);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fiber_spawn(load_fiber, NULL, "load", &f), 0);
    assert_int_equal(fiber_park(&all_loaded, clock_mono_ms() + 5000), 0);
    db_stats(db, &after);
    assert_int_equal(after.units[0] + after.units[1] - before.units[0] - before.units[1], 1);
}

static void body(void *arg)
{
    struct helper_limits helpers = {.threads = {1, 1}, .waiting = {32, 32}};

    (void)arg;
    assert_int_equal(helper_init(helpers), 0);
    db = support_open("juxin_app", 2, 8, 6);
    arena = arena_new();
    access_init();
    unit_move_hook(count_places);
    make_tenants();
    import_tree();
    accounts_and_grants();
    fence();
    moves();
    sessions();
    tokens();
    limits();
    idempotency();
    departments();
    no_escalation();
    roles();
    every_tenant();
    single_flight();
    retention();
    assert_string_equal(support_sql("SELECT count(*) > 20 FROM juxin.audit"), "t");
    arena_free(arena);
    tenant_cache_clear();
    db_close(db);
    helper_done();
}

static void test_all(void **state)
{
    char path[] = "/tmp/juxin-keys-XXXXXX";

    (void)state;
    support_migrate();
    assert_non_null(mkdtemp(path));
    {
        char *file = str_printf("%s/keys.json", path);

        assert_int_equal(keyring_load(file, true, &keys), 0);
        audit_set_keys(keys);
        support_fiber(body, NULL);
        assert_int_equal(remove(file), 0);
        free(file);
    }
    assert_int_equal(remove(path), 0);
    keyring_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

    return support_main(tests, ARRAY_LEN(tests), NULL);
}
