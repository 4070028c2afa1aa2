/* Duplicates that are merged, and taken apart again. */
#include "resource/flow/merge.h"

#include <errno.h>

#include "access/permission.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "plugin/hook/hook.h"
#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "resource/record/merged.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"
#include "resource/record/tell.h"

static bool concerns(const struct transition *t)
{
    return t->merges || t->goal == GOAL_UNMERGE;
}

/* ---- locks ---- */

/* Whatever the records, as far as they are there, were merged into. */
static int find_others(struct call *c, const struct resource *res, const struct uuid *ids, uint32_t count,
    struct uuid *out, uint32_t *ret_count)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a,
        .stmt = db_stmt_built(c->arena,
            arena_printf(c->arena,
                "SELECT DISTINCT r.\"%s\" FROM %s r WHERE r.tenant_id = $1 AND r.id = ANY($2::uuid[]) AND "
                "r.\"%s\" IS NOT NULL",
                res->merging.field->name, res->table, res->merging.field->name))};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, pgarray_of_uuids(c->arena, ids, count));
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        out[(*ret_count)++] = db_get_uuid(call.rows, i, 0);
    return r;
}

int merge_lock(struct call *c, const struct resource *res, const struct transition *t, const struct uuid *ids,
    uint32_t count, const json_t *body)
{
    struct uuid *all = arena_array(c->arena, 2 * (size_t)count + 1, sizeof(*all));
    const char *into = json_str(body, "into");
    uint32_t n = count;
    struct db_args a;
    int r = 0;

    if (!concerns(t))
        return 0;
    memcpy(all, ids, count * sizeof(*all));
    if (t->merges && into && uuid_parse(text_of(into), &all[n]) == 0)
        n++;
    else if (t->goal == GOAL_UNMERGE)
        r = find_others(c, res, ids, count, all, &n);
    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, pgarray_of_uuids(c->arena, all, n));
    return db_exec(c->tx,
        db_stmt_built(c->arena, arena_printf(c->arena,
                                    "SELECT r.id FROM %s r WHERE r.tenant_id = $1 AND r.id = ANY($2::uuid[])"
                                    " ORDER BY r.id FOR UPDATE",
                                    res->table)),
        &a, NULL);
}

/* ---- which ---- */

static int take_into(
    struct call *c, const struct record *rec, const json_t *body, struct uuid *ret_id, int64_t *ret_version)
{
    const char *id = json_str(body, "into");
    const json_t *version = json_object_get(body, "into_version");
    int r = 0;

    if (!id || uuid_parse(text_of(id), ret_id) < 0)
        r = call_fail_at(
            c, "/into", "required", "The id of the record to merge into.", "必填：并入的记录编号。");
    else if (uuid_eq(*ret_id, rec->id))
        r = call_fail_at(c, "/into", "same_record", "Another record than this one.", "不能并入该记录自身。");
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return call_fail_at(c, "/into_version", "required", "The version of that record that was seen.",
            "必填：所见该记录的版本。");
    *ret_version = json_integer_value(version);
    return r;
}

/* The answer is the same for what is not there and for what may not be seen. */
static int fetch(struct call *c, const struct record *rec, struct uuid id, struct record **ret)
{
    int r = record_fetch(c, rec->res, id, true, ret);

    if (r != -EINVAL || c->fault.status != 404)
        return r;
    memset(&c->fault, 0, sizeof(c->fault));
    return call_fail_at(c, "/into", "unknown_record", "A record that you may see.", "应为您可见的记录。");
}

/* It names the one that is left of them, to who may see that. */
static int refuse_chain(struct call *c, const struct record *into)
{
    struct record *last;
    struct uuid id;
    bool sees = merged_into(into, &id);

    if (sees && record_fetch(c, into->res, id, false, &last) < 0) {
        memset(&c->fault, 0, sizeof(c->fault));
        sees = false;
    }
    (void)call_fail(c, 409, "into_merged", "That record was merged into another itself. Merge into that one.",
        "所选记录已并入其他记录，请并入最终的记录。");
    if (sees)
        (void)call_fail_at(c, "/into", "into_merged", arena_dup(c->arena, uuid_format(id).s),
            arena_dup(c->arena, uuid_format(id).s));
    return -EINVAL;
}

static int check_into(
    struct call *c, const struct record *rec, const struct transition *t, const struct record *into)
{
    const struct merging *m = &rec->res->merging;
    int64_t own = 0, others = 0;
    int r;

    if (!change_may(c, rec->res, t->permission_id, into->unit))
        return call_forbidden(c, permission_info(t->permission_id)->name);
    if (into->state == m->state)
        return refuse_chain(c, into);
    if (!(m->into >> into->state & 1))
        return call_fail(c, 409, "wrong_state_of_into",
            arena_printf(c->arena, "Nothing is merged into a record in the state \"%s\".",
                rec->res->states[into->state].label.en),
            arena_printf(
                c->arena, "所选记录当前状态为“%s”，不能并入。", rec->res->states[into->state].label.zh));
    r = merged_count(c, rec, &own);
    if (r == 0)
        r = merged_count(c, into, &others);
    if (r < 0)
        return r;
    if (own > 0)
        return call_fail(c, 409, "has_duplicates",
            arena_printf(c->arena,
                "%lld duplicates were merged into this record. Merge the other into this one instead.",
                (long long)own),
            arena_printf(
                c->arena, "已有 %lld 条重复记录并入该记录，请改为将对方并入该记录。", (long long)own));
    if (others >= MERGED_MAX)
        return call_fail(c, 409, "too_many",
            arena_printf(c->arena, "At most %d duplicates of one record.", MERGED_MAX),
            arena_printf(c->arena, "一条记录最多并入 %d 条重复记录。", MERGED_MAX));
    return 0;
}

int merge_find(struct call *c, const struct record *rec, const struct transition *t, const json_t *body,
    struct record **ret)
{
    struct record *into = NULL;
    struct uuid id = UUID_NIL;
    int64_t version = 0;
    int r;

    *ret = NULL;
    if (!concerns(t))
        return 0;
    if (t->goal == GOAL_UNMERGE)
        return merged_into(rec, &id) ? record_find_any(c, rec->res, id, ret) : 0;
    r = take_into(c, rec, body, &id, &version);
    if (r == 0)
        r = fetch(c, rec, id, &into);
    if (r == 0 && into->version != version)
        r = call_fail(c, 412, "stale",
            arena_printf(c->arena,
                "The record to merge into was changed meanwhile and is at version %lld now. Read it again.",
                (long long)into->version),
            arena_printf(c->arena, "所并入的记录已被他人修改，当前版本为 %lld，请重新读取。",
                (long long)into->version));
    if (r == 0)
        r = check_into(c, rec, t, into);
    if (r == 0)
        *ret = into;
    return r;
}

/* ---- afterwards ---- */

int merge_done(
    struct call *c, const struct record *rec, const struct transition *t, const struct record *other)
{
    const char *verb = t->merges ? "merge" : "unmerge";
    struct history_entry entry = {.action = verb, .redirected_from = TREE_NONE, .other = rec};
    int r = 0;

    if (!concerns(t))
        return 0;
    if (other) {
        r = history_add(c, other, &entry);
        if (r == 0)
            r = call_audit(c, arena_printf(c->arena, "%s.%s", rec->res->full_name, verb), rec->res->full_name,
                other->id, other->unit_id, NULL);
        if (r == 0)
            r = change_publish(c, other, verb);
    }
    if (r == 0 && !(t->tells & TELLS_SUBMITTER) && !uuid_is_nil(rec->created_by))
        r = tell_people(c, rec, NOTICE_PROGRESS, t, &rec->created_by, 1);
    return r;
}

int merge_tell(struct call *c, const struct record *into, const struct transition *t)
{
    const struct resource *res = into->res;
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a};
    int r = 0;

    if (!res->merging.field)
        return 0;
    call.stmt = merged_select(
        c->arena, res, "r.id, r.unit_id, r.number, r.created_by", TEXT(" AND r.created_by IS NOT NULL"));
    merged_args(a, c, into);
    r = call_read(c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++) {
        struct record *rec = record_new(c->arena, res);

        rec->id = db_get_uuid(call.rows, i, 0);
        rec->unit_id = db_get_uuid(call.rows, i, 1);
        rec->unit = tree_find(c->tenant->tree, rec->unit_id);
        rec->number = db_get(call.rows, i, 2);
        rec->created_by = db_get_uuid(call.rows, i, 3);
        rec->state = res->merging.state;
        r = tell_people(c, rec, NOTICE_PROGRESS, t, &rec->created_by, 1);
    }
    return r;
}

/* ---- what duplicates follow ---- */

/* The members that are shown of it, and whatever plugins want to look at when they decide what to hide. */
static struct choice *public_choice(struct call *c, const struct resource *res)
{
    struct choice *choice = arena_alloc(c->arena, sizeof(*choice));

    choice->shown = arena_array(c->arena, res->field_count + 1, sizeof(bool));
    choice->fetched = arena_array(c->arena, res->field_count + 1, sizeof(bool));
    for (uint32_t i = 0; i < res->merging.show_count; i++)
        choice->shown[res->merging.shows[i]->index] = choice->fetched[res->merging.shows[i]->index] = true;
    if (hook_is_filtered(HOOK_SERIALISE, res->full_name))
        memset(choice->fetched, true, res->field_count);
    return choice;
}

static int find_public(
    struct call *c, const struct resource *res, const struct uuid *ids, uint32_t count, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.args = a,
        .stmt = db_stmt_built(c->arena, arena_printf(c->arena,
                                            "SELECT %s FROM %s r WHERE r.tenant_id = $1 AND r.id = "
                                            "ANY($2::uuid[]) AND r.deleted_at IS NULL",
                                            row_columns(c->arena, res, public_choice(c, res)), res->table))};
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, pgarray_of_uuids(c->arena, ids, count));
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

int merge_follow(struct call *c, struct record *const *records, uint32_t count)
{
    const struct resource *res = count ? records[0]->res : NULL;
    struct uuid *ids = arena_array(c->arena, count + 1u, sizeof(*ids));
    struct record **others;
    struct db_rows *rows;
    uint32_t n = 0, kept = 0;
    int r;

    for (uint32_t i = 0; res && res->merging.field && i < count; i++)
        n += choice_shows(records[i]->choice, res->merging.field) && merged_into(records[i], &ids[n]);
    if (n == 0)
        return 0;
    r = find_public(c, res, ids, n, &rows);
    if (r < 0)
        return r;
    others = arena_array(c->arena, (size_t)db_rows_count(rows) + 1, sizeof(*others));
    for (int i = 0; i < db_rows_count(rows); i++) {
        struct record *other = record_new(c->arena, res);

        other->choice = public_choice(c, res);
        record_fill(other, c->arena, c->tenant, rows, i);
        if (gate_is_on(c, res->plugin, other->unit))
            others[kept++] = other;
    }
    r = records_serialise(c, others, kept);
    for (uint32_t i = 0; r == 0 && i < count; i++)
        for (uint32_t k = 0; k < kept; k++)
            if (merged_into(records[i], &ids[0]) && uuid_eq(ids[0], others[k]->id))
                records[i]->follows = others[k];
    return r;
}

/* ---- what was merged into a record ---- */

static int write_items(struct call *c, const struct record *into, const struct db_rows *rows, bool handles,
    enum access_by by, struct jsonw *w)
{
    struct record **list = arena_array(c->arena, (size_t)db_rows_count(rows) + 1, sizeof(*list));
    uint32_t n = 0;
    int r;

    for (int i = 0; handles && i < db_rows_count(rows); i++) {
        struct record *rec = record_new(c->arena, into->res);

        record_fill(rec, c->arena, c->tenant, rows, i);
        if (by == ACCESS_DEPARTMENT && !reader_reaches(c, rec))
            record_hide_submitter(rec);
        if (rec->unit != TREE_NONE && gate_is_on(c, into->res->plugin, rec->unit))
            list[n++] = rec;
    }
    r = records_serialise(c, list, n);
    jsonw_object(w);
    jsonw_kint(w, "count", db_rows_count(rows));
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        jsonw_object(w);
        record_write_members(w, list[i], c->tenant, record_may_unmask(c, list[i]));
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return r;
}

int merge_write(struct call *c, const struct record *into, struct jsonw *w)
{
    struct db_args key, a;
    struct db_call calls[2] = {{.stmt = participant_holders, .args = &key}, {.args = &a}};
    int r;

    record_key_args(&key, c, into->res, into->id);
    calls[1].stmt = merged_select(
        c->arena, into->res, row_columns(c->arena, into->res, NULL), TEXT(" ORDER BY r.id LIMIT 500"));
    merged_args(&a, c, into);
    r = call_read(c, calls, 2);
    return r < 0 ? r
                 : write_items(c, into, calls[1].rows, reader_handles(c, into, calls[0].rows),
                       reader_access(c, into, calls[0].rows), w);
}
