/* Many new records in few round trips. */
#include "resource/record/create.h"
#include "resource/record/take.h"

#include <errno.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/audit.h"
#include "db/outbox.h"
#include "db/pgarray.h"
#include "plugin/hook/hook.h"
#include "resource/declare/ddl.h"
#include "resource/record/change.h"
#include "resource/record/consent.h"
#include "resource/record/custom_value.h"
#include "resource/record/gate.h"
#include "resource/record/search.h"
#include "resource/record/secret.h"
#include "resource/record/store.h"
#include "tenant/tree.h"

/* ---- faults ---- */

/* What the call was told goes to the item, and the call is as before. */
static void move_fault(struct call *c, struct create_item *item)
{
    if (!c->fault.status)
        return;
    if (!item->fault.errors) {
        item->fault = c->fault;
    } else if (c->fault.errors) {
        *item->fault.tail = c->fault.errors;
        item->fault.tail = c->fault.tail;
        item->fault.count += c->fault.count;
    }
    c->fault = (struct call_fault){0};
}

void create_prepare(struct call *c, const struct resource *res, const json_t *body, struct create_item *ret)
{
    struct record *rec = record_new(c->arena, res);
    int r;

    *ret = (struct create_item){.rec = rec};
    c->fault = (struct call_fault){0};
    rec->is_new = true;
    r = create_take(c, rec, body);
    if (r == 0)
        r = gate_require(c, res->plugin, rec->unit);
    if (r == 0)
        create_start(c, rec);
    move_fault(c, ret);
}

/* ---- checks ---- */

static bool needs_look_up(const struct record *rec)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        enum field_type t = rec->res->fields[i].type;

        if (rec->values[i] &&
            (t == FIELD_REFERENCE || t == FIELD_DEPARTMENT || t == FIELD_DEPARTMENTS || t == FIELD_ACCOUNT))
            return true;
    }
    return false;
}

/* References one by one: each record that is referred to has to be seen. Units are in memory. */
static int check_references(struct call *c, struct create_item *items, uint32_t count)
{
    int r = 0;

    for (uint32_t i = 0; i < count && r == 0; i++) {
        const struct record *rec = items[i].rec;

        if (items[i].fault.status || !needs_look_up(rec))
            continue;
        r = take_check_stored(c, rec);
        if (r == 0)
            r = consent_check(c, rec);
        if (r == -EINVAL && c->fault.status)
            r = 0;
        move_fault(c, &items[i]);
    }
    return r;
}

struct taken {
    const char *value;
    struct uuid unit;
};

static int by_value(const void *a, const void *b)
{
    const struct taken *x = a, *y = b;
    int r = strcmp(x->value, y->value);

    return r ? r : memcmp(&x->unit, &y->unit, sizeof(x->unit));
}

static void report_taken(struct call *c, struct create_item *item, const struct field *f)
{
    (void)call_fail_at(
        c, arena_printf(c->arena, "/%s", f->name), "taken", "This value exists already.", "该值已存在。");
    move_fault(c, item);
}

static int read_taken(struct call *c, const struct resource *res, const struct field *f,
    struct create_item *items, uint32_t count, struct taken **ret, uint32_t *ret_count)
{
    struct pgarray values = PGARRAY_INIT;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r;

    for (uint32_t i = 0; i < count; i++)
        if (items[i].rec->values[f->index])
            pgarray_str(&values, items[i].rec->values[f->index]);
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, arena_dup(c->arena, pgarray_end(&values)));
    pgarray_done(&values);
    call.stmt = db_stmt_built(
        c->arena, arena_printf(c->arena,
                      "SELECT r.\"%s\"::text, r.unit_id FROM %s r WHERE r.tenant_id = $1 AND r.\"%s\" = "
                      "ANY($2::%s[]) AND r.deleted_at IS NULL",
                      f->name, res->table, f->name, ddl_column_type(f->type)));
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    *ret_count = (uint32_t)db_rows_count(call.rows);
    *ret = arena_array(c->arena, *ret_count + 1, sizeof(**ret));
    for (uint32_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (struct taken){db_get(call.rows, (int)i, 0),
            f->unique == UNIQUE_UNIT ? db_get_uuid(call.rows, (int)i, 1) : UUID_NIL};
    qsort(*ret, *ret_count, sizeof(**ret), by_value);
    return 0;
}

/* Against what is stored, then among themselves: the first keeps the value. */
static int check_unique(struct call *c, const struct resource *res, const struct field *f,
    struct create_item *items, uint32_t count)
{
    struct taken *stored, *own = arena_array(c->arena, count + 1, sizeof(*own)), key;
    uint32_t stored_count, n = 0;
    int r = read_taken(c, res, f, items, count, &stored, &stored_count);

    for (uint32_t i = 0; i < count && r == 0; i++) {
        const struct record *rec = items[i].rec;
        uint32_t low = 0, high = n;

        if (!rec->values[f->index])
            continue;
        key = (struct taken){rec->values[f->index], f->unique == UNIQUE_UNIT ? rec->unit_id : UUID_NIL};
        if (bsearch(&key, stored, stored_count, sizeof(key), by_value)) {
            report_taken(c, &items[i], f);
            continue;
        }
        while (low < high) {
            uint32_t mid = (low + high) / 2;

            if (by_value(&own[mid], &key) < 0)
                low = mid + 1;
            else
                high = mid;
        }
        if (low < n && by_value(&own[low], &key) == 0) {
            report_taken(c, &items[i], f);
            continue;
        }
        if (items[i].fault.status) /* it does not come to be, so others may have the value */
            continue;
        memmove(&own[low + 1], &own[low], (n - low) * sizeof(*own));
        own[low] = key;
        n++;
    }
    return r;
}

static int by_unit(const void *a, const void *b)
{
    const struct create_item *x = *(struct create_item *const *)a, *y = *(struct create_item *const *)b;

    return x->rec->unit == y->rec->unit ? (x > y) - (x < y) : x->rec->unit < y->rec->unit ? -1 : 1;
}

static int ask(struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    int r = hook_filter(c, HOOK_VALIDATE, res->full_name, NULL, recs, count);

    return r < 0 ? r : hook_filter(c, HOOK_BEFORE_CREATE, res->full_name, NULL, recs, count);
}

static bool may_write(const struct resource *res)
{
    return hook_is_filtered(HOOK_VALIDATE, res->full_name) ||
           hook_is_filtered(HOOK_BEFORE_CREATE, res->full_name);
}

/* As ask; what filters wrote of records that are refused is taken back. *ret_refused: with the call's fault. */
static int try_ask(
    struct call *c, const struct resource *res, struct record *const *recs, uint32_t count, bool *ret_refused)
{
    bool is_filtered = may_write(res);
    int r = is_filtered ? db_savepoint(c->tx, "filters") : 0;

    if (r == 0)
        r = ask(c, res, recs, count);
    *ret_refused = r == -EINVAL && c->fault.status;
    if (*ret_refused)
        return is_filtered ? db_savepoint_rollback(c->tx, "filters") : 0;
    return r == 0 && is_filtered ? db_savepoint_release(c->tx, "filters") : r;
}

/* Records of one unit at once; when one of them is refused, each alone and as it was sent, to know which. */
static int ask_unit(struct call *c, const struct resource *res, struct create_item **items, uint32_t count)
{
    struct record **recs = arena_array(c->arena, count + 1, sizeof(*recs));
    size_t size = res->field_count * sizeof(*recs[0]->values);
    const char **sent = arena_array(c->arena, (size_t)count * res->field_count + 1, sizeof(*sent));
    bool is_refused;
    int r;

    for (uint32_t i = 0; i < count; i++) {
        recs[i] = items[i]->rec;
        memcpy(sent + (size_t)i * res->field_count, recs[i]->values, size);
    }
    r = try_ask(c, res, recs, count, &is_refused);
    if (r == 0 && is_refused && count == 1)
        move_fault(c, items[0]);
    for (uint32_t i = 0; i < count && count > 1 && r == 0 && is_refused; i++)
        memcpy(recs[i]->values, sent + (size_t)i * res->field_count, size);
    if (r < 0 || !is_refused || count == 1)
        return r;
    c->fault = (struct call_fault){0};
    for (uint32_t i = 0; i < count && r == 0; i++) {
        r = try_ask(c, res, &recs[i], 1, &is_refused);
        if (r == 0)
            move_fault(c, items[i]);
    }
    return r;
}

static int ask_hooks(struct call *c, const struct resource *res, struct create_item *items, uint32_t count)
{
    struct create_item **good = arena_array(c->arena, count + 1, sizeof(struct create_item *));
    uint32_t n = 0;
    int r = 0;

    for (uint32_t i = 0; i < count; i++)
        if (!items[i].fault.status)
            good[n++] = &items[i];
    qsort(good, n, sizeof(struct create_item *), by_unit);
    for (uint32_t from = 0, to; from < n && r == 0; from = to) {
        for (to = from + 1; to < n && good[to]->rec->unit == good[from]->rec->unit;)
            to++;
        r = ask_unit(c, res, good + from, to - from);
    }
    return r;
}

/* Of a statement that was sent and not waited for: a unique value was taken meanwhile, or a unit was closed. */
static int again(int r)
{
    return r == -EEXIST || r == -ENOLINK || r == -ESTALE ? -EDEADLK : r;
}

int create_settle(struct call *c)
{
    return again(db_settle(c->tx));
}

int create_check_many(struct call *c, struct create_item *items, uint32_t count, bool is_dry)
{
    const struct resource *res = count ? items[0].rec->res : NULL;
    int r = 0;

    if (count == 0)
        return 0;
    if (may_write(res)) /* what went wrong before is not for plugins to see */
        r = db_settle(c->tx);
    if (r == 0 && is_dry)
        r = db_savepoint(c->tx, "dry_run");
    if (r == 0)
        r = ask_hooks(c, res, items, count);
    if (r == 0 && is_dry)
        r = db_savepoint_rollback(c->tx, "dry_run");
    if (r == 0)
        r = check_references(c, items, count);
    for (uint32_t i = 0; i < res->field_count && r == 0; i++)
        if (res->fields[i].unique != UNIQUE_NO)
            r = check_unique(c, res, &res->fields[i], items, count);
    return again(r);
}

/* ---- storing ---- */

static const struct db_stmt add_participants = {"participant.insert_many",
    "INSERT INTO juxin.participant (tenant_id, resource, record_id, holder, role, created_at)"
    " SELECT $1, $2, x.id, $4, $5, $6 FROM unnest($3::uuid[]) AS x(id) RETURNING 1"};

static int add_rows(struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    uint32_t arrays = 4 + res->column_count;
    struct pgarray *lists = arena_array(c->arena, arrays, sizeof(*lists));
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    const char *types = "", *names = "", *values = "";
    int r;

    for (uint32_t i = 0; i < count; i++) {
        pgarray_uuid(&lists[0], recs[i]->id);
        pgarray_uuid(&lists[1], recs[i]->unit_id);
        pgarray_str(&lists[2], recs[i]->number);
        pgarray_str(&lists[3], change_auto_at(c, res, recs[i]->state));
        for (uint32_t k = 0; k < res->column_count; k++)
            pgarray_str(&lists[4 + k], recs[i]->values[k]);
    }
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, res->states[recs[0]->state].name);
    db_arg_time(a, c->now_us);
    db_arg_uuid_or_null(a, c->who->account);
    db_arg_uuid_or_null(a, recs[0]->batch);
    for (uint32_t k = 0; k < arrays; k++)
        db_arg_str(a, pgarray_end(&lists[k]));
    for (uint32_t k = 0; k < res->column_count; k++) {
        const char *type = ddl_column_type(res->fields[k].type);

        types = arena_printf(c->arena, "%s, $%u::%s[]", types, 10 + k, type);
        names = arena_printf(c->arena, "%s, f%u", names, k);
        values = arena_printf(c->arena, "%s, x.f%u", values, k);
    }
    r = db_post(c->tx,
        db_stmt_built(c->arena,
            arena_printf(c->arena,
                "INSERT INTO %s (tenant_id, id, unit_id, a1, a2, a3, a4, origin_unit_id, version, state, "
                "state_since, created_at, created_by, updated_at, updated_by, batch_id, number, auto_at%s) "
                "SELECT u.tenant_id, x.id, u.id, u.a1, u.a2, u.a3, u.a4, u.id, 1, $2::text, $3::timestamptz, "
                "$3::timestamptz, $4::uuid, $3::timestamptz, $4::uuid, $5::uuid, x.number, x.auto_at%s "
                "FROM unnest($6::uuid[], $7::uuid[], $8::text[], $9::date[]%s) AS x(id, unit_id, number, "
                "auto_at%s) "
                "JOIN juxin.unit u ON u.tenant_id = $1 AND u.id = x.unit_id AND u.closed_at IS NULL "
                "FOR KEY SHARE OF u RETURNING 1",
                res->table, change_columns(c->arena, res), values, types, names)),
        a, count);
    for (uint32_t k = 0; k < arrays; k++)
        pgarray_done(&lists[k]);
    return r;
}

static int add_participations(
    struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    struct pgarray ids = PGARRAY_INIT;
    struct db_args a;
    int r;

    if (c->who->kind != SUBJECT_ACCOUNT)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        pgarray_uuid(&ids, recs[i]->id);
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, res->full_name);
    db_arg_str(&a, pgarray_end(&ids));
    db_arg_uuid(&a, c->who->account);
    db_arg_str(&a, "submitter");
    db_arg_time(&a, c->now_us);
    r = db_post(c->tx, add_participants, &a, count);
    pgarray_done(&ids);
    return r;
}

static int add_audit(struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    struct audit_entry *entries = arena_array(c->arena, count, sizeof(*entries));
    const char *action = arena_printf(c->arena, "%s.create", res->full_name);

    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct audit_entry){.action = action,
            .object_kind = res->full_name,
            .object = recs[i]->id,
            .unit = recs[i]->unit_id,
            .fields = record_changed_names(c->arena, recs[i]),
            .actor_kind = subject_kind_name(c->who->kind),
            .actor = c->who->account,
            .request_id = c->request_id};
    return audit_add_many(c->tx, entries, count);
}

static int take_numbers(
    struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    int r = 0;

    if (res->number_prefix)
        r = number_next_many(c, res, count, recs);
    return r;
}

static int tell(struct call *c, const struct resource *res, struct record *const *recs, uint32_t count)
{
    int r = 0;

    for (uint32_t i = 0; i < count && r == 0; i++)
        r = hook_actions(c, HOOK_AFTER_CREATE, res->full_name, NULL, recs[i], recs[i]->version,
            record_changed_names(c->arena, recs[i]));
    /* For those who watch, one event for each unit: the list has changed. */
    for (uint32_t i = 0; i < count && r == 0; i++) {
        bool told = false;

        for (uint32_t k = 0; k < i && !told; k++)
            told = recs[k]->unit == recs[i]->unit;
        if (!told)
            r = change_publish(c, recs[i], "create");
    }
    return r;
}

static int store(struct call *c, const struct resource *res, struct record *const *recs, uint32_t n)
{
    int r = add_rows(c, res, recs, n);

    if (r == 0)
        r = custom_value_write(c, recs, n);
    if (r == 0)
        r = search_write_many(c, recs, n);
    if (r == 0)
        r = add_participations(c, res, recs, n);
    if (r == 0)
        r = history_add_many(c, recs, n);
    if (r == 0)
        r = add_audit(c, res, recs, n);
    return r < 0 ? r : tell(c, res, recs, n);
}

int create_store_many(struct call *c, struct create_item *items, uint32_t count)
{
    struct record **recs = arena_array(c->arena, count + 1, sizeof(*recs));
    const struct resource *res;
    uint32_t n = 0;
    int r;

    for (uint32_t i = 0; i < count; i++)
        if (!items[i].fault.status)
            recs[n++] = items[i].rec;
    if (n == 0)
        return 0;
    res = recs[0]->res;
    r = take_numbers(c, res, recs, n);
    for (uint32_t i = 0; i < n && r == 0; i++)
        r = secret_seal(c, recs[i]);
    return again(r < 0 ? r : store(c, res, recs, n));
}
