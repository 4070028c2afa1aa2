/* What one account holds goes to another, item by item. */
#include "resource/batch/handover.h"

#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/notice.h"
#include "access/org.h"
#include "db/pgarray.h"
#include "resource/batch/many.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/flow/part.h"
#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"

static const struct db_stmt duties = {"handover.duties",
    "SELECT m.department_id, d.unit_id, d.name, m.is_head FROM juxin.department_member m JOIN "
    "juxin.department d"
    " ON d.tenant_id = m.tenant_id AND d.id = m.department_id WHERE m.tenant_id = $1 AND m.account_id = $2"
    " AND d.closed_at IS NULL ORDER BY m.department_id"};
static const struct db_stmt is_person = {"handover.is_person",
    "SELECT 1 FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND is_active AND kind = 'person'"};
static const struct db_stmt heads = {"handover.member",
    "SELECT is_head FROM juxin.department_member WHERE tenant_id = $1 AND department_id = "
    "$2 AND account_id = $3"};

static bool may_hand_over(const struct call *c, uint32_t unit)
{
    return unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_HANDOVER), unit);
}

/* ---- may the receiver hold it? ---- */

struct receiving {
    struct call *c;
    const struct batch *b;
    const struct subject *to;
    struct uuid *departments; /* that come along */
    uint32_t department_count;
    struct batch_item *items;
    uint32_t count, capacity;
    int64_t left_out;
};

/* By a grant to a department that is handed over as well. */
static bool comes_along(const struct receiving *x, uint32_t permission, uint32_t unit)
{
    const struct access *access = access_of(x->c->tenant);

    for (uint32_t i = 0; i < access->grant_count; i++) {
        const struct access_grant *g = &access->grants[i];

        for (uint32_t k = 0; k < x->department_count; k++)
            if (uuid_eq(g->department, x->departments[k]) && g->from <= x->c->now_us &&
                x->c->now_us < g->until && g->role->permissions[permission / 64] >> permission % 64 & 1 &&
                (unit == TREE_NONE || reach_covers(x->c->tenant->tree, g->unit, g->reach, unit)))
                return true;
    }
    return false;
}

static bool may_there(const struct receiving *x, uint32_t permission, uint32_t unit)
{
    return subject_may(x->to, x->c->tenant, permission, unit) || comes_along(x, permission, unit);
}

/* Some right of the resource's at the unit; and, where a part goes over, the right by which it is done. */
static void judge(const struct receiving *x, const struct resource *res, const struct field *f, uint32_t unit,
    struct batch_item *item)
{
    bool any = false, completes = true;

    if (uuid_is_nil(x->b->to))
        return;
    for (int i = 0; i < RESOURCE_ACTIONS && !any; i++)
        any = may_there(x, res->permissions[i], unit);
    for (uint32_t i = 0; i < res->transition_count && !any; i++)
        any = may_there(x, res->transitions[i].permission_id, unit);
    for (uint32_t i = 0; i < res->transition_count; i++)
        for (uint32_t k = 0; k < res->transition_count && res->transitions[i].completes; k++)
            for (uint32_t p = 0; p < res->transitions[k].participant_count; p++) {
                const struct transition_participant *who = &res->transitions[k].participants[p];
                uint32_t permission = res->transitions[i].permission_id;

                if (who->field == f && who->opens && strcmp(who->role, res->transitions[i].completes) == 0)
                    completes &=
                        subject_may_anywhere(x->to, permission) || comes_along(x, permission, TREE_NONE);
            }
    if (any && completes)
        return;
    item->code = any ? "cannot_complete" : "no_right";
    item->en = any ? "The receiver lacks the right by which this part is done."
                   : "The receiver has no right of these records' at this unit.";
    item->zh = any ? "接收人没有办理该事项的权限。" : "接收人在该组织机构没有此类记录的权限。";
}

/* ---- what is held ---- */

static void add(struct receiving *x, struct batch_item item)
{
    if (x->count == x->capacity) {
        struct batch_item *grown = arena_array(x->c->arena, x->capacity * 2 + 64, sizeof(*grown));

        if (x->count)
            memcpy(grown, x->items, x->count * sizeof(*grown));
        x->items = grown;
        x->capacity = x->capacity * 2 + 64;
    }
    x->items[x->count++] = item;
}

static int find_duties(struct receiving *x)
{
    struct call *c = x->c;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = duties, .args = a};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, x->b->from);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    x->departments = arena_array(c->arena, (size_t)db_rows_count(call.rows) + 1, sizeof(*x->departments));
    for (int i = 0; i < db_rows_count(call.rows); i++) {
        struct batch_item item = {.is_member = true,
            .resource = "department",
            .id = db_get_uuid(call.rows, i, 0),
            .unit = db_get_uuid(call.rows, i, 1),
            .part = db_get_bool(call.rows, i, 3) ? "head" : "member",
            .number = db_get(call.rows, i, 2)};

        if (!may_hand_over(c, tree_find(c->tenant->tree, item.unit))) {
            x->left_out++;
            continue;
        }
        r = uuid_is_nil(x->b->to) ? 0 : org_member_check(c, item.id, x->b->to, true);
        if (r < 0) {
            struct batch_item refused = item;

            if (r != -EINVAL || !c->fault.status)
                return r;
            many_refused(c, &refused);
            item.code = refused.code;
            item.en = refused.en;
            item.zh = refused.zh;
        } else {
            x->departments[x->department_count++] = item.id;
        }
        add(x, item);
    }
    return 0;
}

static const char *open_states(struct call *c, const struct resource *res)
{
    struct text *names = arena_array(c->arena, res->state_count + 1, sizeof(*names));
    size_t n = 0;

    for (uint32_t i = 0; i < res->state_count; i++)
        if (!res->states[i].is_final)
            names[n++] = text_of(res->states[i].name);
    return pgarray_of_texts(c->arena, names, n);
}

/* Of closed ones the field says who had it, and stays. */
static int find_field(struct receiving *x, const struct resource *res, const struct field *f)
{
    struct call *c = x->c;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a,
        .stmt = db_stmt_built(c->arena,
            arena_printf(c->arena,
                "SELECT r.id, r.unit_id, r.version, r.number FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" = "
                "$2::uuid AND r.deleted_at IS NULL AND r.state = ANY($3::text[]) ORDER BY r.id LIMIT %d",
                res->table, f->name, BATCH_MAX + 1))};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, x->b->from);
    db_arg_str(a, open_states(c, res));
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++) {
        struct batch_item item = {.resource = res->full_name,
            .id = db_get_uuid(call.rows, i, 0),
            .unit = db_get_uuid(call.rows, i, 1),
            .part = f->name,
            .version = db_get_int(call.rows, i, 2),
            .number = db_get(call.rows, i, 3)};
        uint32_t unit = tree_find(c->tenant->tree, item.unit);

        if (!may_hand_over(c, unit) || !gate_is_on(c, res->plugin, unit)) {
            x->left_out++;
            continue;
        }
        judge(x, res, f, unit, &item);
        add(x, item);
    }
    return r;
}

int handover_freeze(struct call *c, const struct batch *b, int64_t *ret_count, int64_t *ret_left_out)
{
    struct receiving x = {.c = c, .b = b, .to = access_subject(c->tenant, b->to)};
    int r = find_duties(&x);

    for (uint32_t i = 0; r == 0 && i < resource_count(); i++) {
        const struct resource *res = edition_of(c->tenant, resource_at(i));

        for (uint32_t k = 0; r == 0 && res && k < res->field_count; k++)
            if (field_is_assignment(res, &res->fields[k]))
                r = find_field(&x, res, &res->fields[k]);
    }
    if (r == 0 && x.count > BATCH_MAX)
        r = call_fail(c, 422, "too_many", arena_printf(c->arena, "More than %d items.", BATCH_MAX),
            arena_printf(c->arena, "超过 %d 项。", BATCH_MAX));
    if (r == 0)
        r = batch_items_add(c, b->id, x.items, x.count, 1);
    *ret_count = x.count;
    *ret_left_out = x.left_out;
    return r;
}

/* ---- handing over ---- */

/* The participation and the open part that go with the field. */
static int move_roles(
    struct call *c, const struct record *rec, const struct field *f, struct uuid from, struct uuid to)
{
    int r = 0;

    for (uint32_t i = 0; i < rec->res->transition_count; i++)
        for (uint32_t p = 0; r == 0 && p < rec->res->transitions[i].participant_count; p++) {
            const struct transition_participant *who = &rec->res->transitions[i].participants[p];

            if (who->field != f)
                continue;
            r = participant_move(c, rec, from, to, who->role);
            if (r == 0 && who->opens)
                r = part_move(c, rec, who->role, from, to);
        }
    return r;
}

static int check(struct call *c, const struct batch *b, const struct record *rec, const struct field *f,
    const struct batch_item *item)
{
    struct receiving x = {.c = c, .b = b, .to = access_subject(c->tenant, b->to)};
    struct batch_item judged = {.code = NULL};
    const char *now = rec->values[f->index];
    struct uuid held;
    int r;

    if (!may_hand_over(c, rec->unit))
        return call_forbidden(c, core_permission_name(CORE_HANDOVER));
    r = gate_require(c, rec->res->plugin, rec->unit);
    if (r == 0)
        r = change_expect(c, rec, item->version);
    if (r < 0)
        return r;
    if (!now || uuid_parse(text_of(now), &held) < 0 || !uuid_eq(held, b->from))
        return call_fail(
            c, 409, "not_held", "It is not held by that person any more.", "该记录已不由其承办。");
    if (rec->res->states[rec->state].is_final)
        return call_fail(c, 409, "final", "The record is closed; it cannot be changed any more.",
            "记录已办结，不能再修改。");
    judge(&x, rec->res, f, rec->unit, &judged);
    return judged.code ? call_fail(c, 409, judged.code, judged.en, judged.zh) : 0;
}

static int take_record(struct call *c, const struct batch *b, struct batch_item *item)
{
    const struct resource *res = edition_find(c->tenant, item->resource);
    const struct field *f = res ? resource_field(res, text_of(item->part)) : NULL;
    struct record *rec = NULL;
    int r = f && field_is_assignment(res, f) ? record_find_any(c, res, item->id, &rec) : 0;

    if (r == 0)
        r = rec ? check(c, b, rec, f, item) : call_not_found(c);
    if (r < 0)
        return r;
    rec->values[f->index] = arena_dup(c->arena, uuid_format(b->to).s);
    r = record_store_as(c, rec, "handover");
    if (r == 0)
        r = move_roles(c, rec, f, b->from, b->to);
    item->number = rec->number;
    item->new_version = rec->version;
    item->new_state = res->states[rec->state].name;
    return r;
}

/* A head there already stays one. */
static int take_duty(struct call *c, const struct batch *b, struct batch_item *item)
{
    struct db_args a;
    struct db_call call = {.stmt = heads, .args = &a};
    bool is_head = strcmp(item->part, "head") == 0;
    int r;

    if (!may_hand_over(c, tree_find(c->tenant->tree, item->unit)))
        return call_forbidden(c, core_permission_name(CORE_HANDOVER));
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, item->id);
    db_arg_uuid(&a, b->to);
    r = call_read(c, &call, 1);
    if (r == 0)
        r = org_member_put(
            c, item->id, b->to, is_head || (db_rows_count(call.rows) && db_get_bool(call.rows, 0, 0)));
    return r < 0 ? r : org_member_remove(c, item->id, b->from);
}

static int check_receiver(struct call *c, const struct batch *b)
{
    struct db_args a;
    struct db_call call = {.stmt = is_person, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, b->to);
    r = call_read(c, &call, 1);
    return r < 0 || db_rows_count(call.rows) == 1
               ? r
               : call_fail(
                     c, 409, "not_active", "The receiver is not active any more.", "接收人账号已停用。");
}

static int take_one(struct call *c, const struct batch *b, struct batch_item *item)
{
    int r = db_savepoint(c->tx, "batch_item");

    if (r == 0)
        r = item->is_member ? take_duty(c, b, item) : take_record(c, b, item);
    if (r == 0) {
        item->status = 200;
        item->code = item->en = item->zh = NULL;
        return db_savepoint_release(c->tx, "batch_item");
    }
    if (r != -EINVAL || !c->fault.status)
        return r;
    many_refused(c, item);
    item->new_version = 0;
    item->new_state = NULL;
    return db_savepoint_rollback(c->tx, "batch_item");
}

/* Members change what the snapshot says: the epoch is taken before any savepoint, so that none takes it back. */
int handover_take(struct call *c, const struct batch *b, struct batch_item *items, uint32_t count)
{
    int r = check_receiver(c, b);

    if (r == 0 && items[0].is_member)
        r = call_bump(c);
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = take_one(c, b, &items[i]);
    return r;
}

int handover_done(struct call *c, const struct batch *b, int64_t done, int64_t refused)
{
    struct uuid both[] = {b->from, b->to};
    struct notice n = {.kind = NOTICE_HANDOVER,
        .unit = tree_unit(c->tenant->tree, 0).id,
        .params = arena_printf(
            c->arena, "{\"done\":\"%lld\",\"refused\":\"%lld\"}", (long long)done, (long long)refused)};

    return notice_add(c, &n, both, 2);
}
