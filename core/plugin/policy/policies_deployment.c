/* Policies of the deployment, above every tenant's root. */
#include <errno.h>

#include "plugin/package/plugin.h"
#include "plugin/policy/policies_save.h"

#define ATTEMPTS 8 /* against a tenant that keeps changing */

static const struct db_stmt find_tenants = {
    "policy.tenants", "SELECT id FROM juxin.tenant WHERE is_active ORDER BY id"};
static const struct db_stmt find_overlap = {"policy.deployment_overlap",
    "SELECT id, rule, levels FROM juxin.deployment_policy WHERE plugin = $1"
    " AND (valid_until IS NULL OR valid_until > greatest(coalesce($2, now()), valid_from))"
    " AND ($3::timestamptz IS NULL OR valid_from < $3)"};
static const struct db_stmt insert_row = {"policy.deployment_insert",
    "INSERT INTO juxin.deployment_policy (id, plugin, rule, levels, reason, actor, valid_from, valid_until)"
    " VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, now()), $8)"};
static const struct db_stmt end_row = {"policy.deployment_end",
    "UPDATE juxin.deployment_policy SET valid_until = greatest(now(), valid_from)"
    " WHERE plugin = $1 AND id = $2 AND (valid_until IS NULL OR valid_until > greatest(now(), valid_from))"};

static bool is_operator(const struct call *c)
{
    return c->who->kind == SUBJECT_OPERATOR || c->who->kind == SUBJECT_SYSTEM;
}

/* ---- every tenant ---- */

static int in_tenant(struct call *t, int32_t id, int (*fn)(struct call *c, void *arg), void *arg)
{
    int r = tenant_get_by_id(t->db, id, &t->tenant);

    for (int i = 0; r == 0 && i < ATTEMPTS; i++) {
        struct tenant *fresh;

        call_use(t, t->tenant);
        r = fn(t, arg);
        if (r == 0)
            r = call_fence(t);
        if (r != -EREMCHG)
            return r;
        r = tenant_refresh(t->db, id, t->seen_epoch, &fresh);
        if (r == 0) {
            tenant_unref(t->tenant);
            call_again(t, fresh, t->who);
        }
    }
    return r < 0 ? r : -EAGAIN; /* it changed under us every time: nothing was found out */
}

static void take_fault(struct call *c, const struct call_fault *f)
{
    if (!f->status)
        return;
    (void)call_fail(c, f->status, f->code, f->en, f->zh);
    for (const struct call_error *e = f->errors; e; e = e->next)
        (void)call_fail_at(c, e->pointer, e->code, e->en, e->zh);
}

int policy_each_tenant(struct call *c, int (*fn)(struct call *c, void *arg), void *arg)
{
    struct db_call tenants = {.stmt = find_tenants};
    int r = db_read(c->db, 0, &tenants, 1, NULL, NULL);

    if (r < 0)
        return r;
    for (int i = 0; r == 0 && i < db_rows_count(tenants.rows); i++) {
        struct arena *arena = arena_new();
        struct call t;

        call_init(&t, c->db, arena);
        t.who = c->who;
        t.request_id = c->request_id;
        r = in_tenant(&t, (int32_t)db_get_int(tenants.rows, i, 0), fn, arg);
        take_fault(c, &t.fault);
        call_done(&t);
        tenant_unref(t.tenant);
        arena_free(arena);
    }
    db_calls_done(&tenants, 1);
    return r;
}

/* ---- rows ---- */

/* 0: now, by the database's clock, see call_use. */
static void arg_from(struct db_args *a, int64_t from_us)
{
    if (from_us == 0)
        db_arg_str(a, NULL);
    else
        db_arg_time(a, from_us);
}

static void arg_until(struct db_args *a, int64_t until_us)
{
    if (until_us == INT64_MAX)
        db_arg_str(a, NULL);
    else
        db_arg_time(a, until_us);
}

static int check_overlap(struct call *c, const struct policy_input *in)
{
    struct db_rows *rows CLEANUP(db_rows_freep) = NULL;
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_str(&a, in->plugin);
    arg_from(&a, in->from_us);
    arg_until(&a, in->until_us);
    r = db_exec(c->tx, find_overlap, &a, &rows);
    if (r < 0)
        return r;
    for (int i = 0; i < db_rows_count(rows); i++) {
        uint8_t levels;

        if (policy_levels_parse(db_get_text(rows, i, 2), &levels) < 0 ||
            (levels != 0 && in->levels != 0 && !(levels & in->levels)))
            continue;
        return call_fail(c, 409, "policy_overlap",
            arena_printf(c->arena, "The deployment has a rule for these levels and this time already (%s).",
                db_get(rows, i, 1)),
            arena_printf(c->arena, "平台在相同层级和时间段已有规则（%s）。", db_get(rows, i, 1)));
    }
    return 0;
}

static int check_tenant(struct call *c, void *arg)
{
    struct policy_change ch;

    return policy_change_set(c, arg, &ch);
}

int policy_set_deployment(struct call *c, const struct policy_input *in, struct uuid *ret_id)
{
    struct policy_input above = *in;
    struct uuid id = uuid_new();
    struct db_args a;
    int r;

    if (!is_operator(c))
        return call_not_found(c);
    if (!plugin_find(in->plugin))
        return call_fail(
            c, 404, "unknown_plugin", "There is no such plugin on this server.", "本平台没有该插件。");
    if ((in->rule == POLICY_OFF || in->rule == POLICY_FORBIDDEN) && (!in->reason || !in->reason[0]))
        return call_fail_at(
            c, "/reason", "required", "Say why: people are told.", "请说明原因，使用者会看到。");
    above.unit = TREE_NONE;
    r = policy_each_tenant(c, check_tenant, &above);
    if (r == 0)
        r = call_begin(c);
    if (r == 0)
        r = epoch_bump_deployment(c->tx);
    if (r == 0)
        r = check_overlap(c, in);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_uuid(&a, id);
    db_arg_str(&a, in->plugin);
    db_arg_str(&a, policy_rule_name(in->rule));
    db_arg_str(&a, policy_levels_text(c->arena, in->levels));
    db_arg_str(&a, in->reason ? in->reason : "");
    db_arg_uuid_or_null(&a, c->who->account);
    arg_from(&a, in->from_us);
    arg_until(&a, in->until_us);
    r = db_exec_expect(c->tx, insert_row, &a, 1);
    if (r == 0)
        r = call_audit(
            c, "plugin.policy.set", "deployment_policy", id, UUID_NIL, "plugin,rule,levels,reason");
    if (r == 0)
        *ret_id = id;
    return r;
}

int policy_end_deployment(struct call *c, const char *plugin, struct uuid id)
{
    struct db_args a;
    int r;

    if (!is_operator(c))
        return call_not_found(c);
    r = call_begin(c);
    if (r == 0)
        r = epoch_bump_deployment(c->tx);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_str(&a, plugin);
    db_arg_uuid(&a, id);
    r = db_exec_expect(c->tx, end_row, &a, 1);
    if (r == -ESTALE)
        return call_not_found(c);
    return r < 0 ? r : call_audit(c, "plugin.policy.end", "deployment_policy", id, UUID_NIL, "valid_until");
}
