/* Once when the deadline is near, those at the unit or nearest above it; once when it is over, all who may decide. */
#include "resource/own/own_remind.h"

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/notice.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "tenant/calendar.h"
#include "tenant/tree.h"

#define EVERY_S 3600
#define PAGE 50

struct watch {
    const char *kind;
    struct db_stmt find, note;
    bool is_overdue;
    int found; /* by the last step */
    uint32_t told;
};

/* $1 tenant, $2 up to this day, $3 how many. */
static const struct db_stmt find_soon = {"own_remind.soon",
    "SELECT id, unit_id, due_on FROM juxin.own_request WHERE tenant_id = $1 AND state = 'open' AND due_on <= "
    "$2 AND "
    "soon_told_at IS NULL ORDER BY due_on, id LIMIT $3 FOR UPDATE SKIP LOCKED"};
static const struct db_stmt find_overdue = {"own_remind.overdue",
    "SELECT id, unit_id, due_on FROM juxin.own_request WHERE tenant_id = $1 AND state = 'open' AND due_on <= "
    "$2 AND "
    "overdue_told_at IS NULL ORDER BY due_on, id LIMIT $3 FOR UPDATE SKIP LOCKED"};
static const struct db_stmt note_soon = {"own_remind.note_soon",
    "UPDATE juxin.own_request SET soon_told_at = $3 WHERE tenant_id = $1 AND id = $2"};
static const struct db_stmt note_overdue = {"own_remind.note_overdue",
    "UPDATE juxin.own_request SET soon_told_at = coalesce(soon_told_at, $3), overdue_told_at = $3 WHERE "
    "tenant_id = $1 AND "
    "id = $2"};

/* ---- those responsible ---- */

struct deciders {
    struct uuid *ids; /* accounts and departments */
    uint32_t count, depth;
};

/* Of grants that let somebody decide at the unit: with is_near those at the lowest unit only. */
static void find_deciders(struct call *c, uint32_t unit, bool is_near, struct deciders *ret)
{
    const struct access *x = access_of(c->tenant);
    uint32_t permission = core_permission(CORE_OWN_DECIDE);

    *ret = (struct deciders){.ids = arena_array(c->arena, x->grant_count + 1, sizeof(*ret->ids))};
    for (uint32_t i = 0; i < x->grant_count; i++) {
        const struct access_grant *g = &x->grants[i];
        uint32_t depth = tree_depth(c->tenant->tree, g->unit);

        if (!(g->role->permissions[permission / 64] >> permission % 64 & 1) || g->from > c->now_us ||
            g->until <= c->now_us ||
            (uuid_is_nil(g->account) && uuid_is_nil(g->department)) || /* a post: its holders have one each */
            !reach_covers(c->tenant->tree, g->unit, g->reach, unit))
            continue;
        if (is_near && depth > ret->depth)
            ret->count = 0;
        if (is_near && ret->count && depth < ret->depth)
            continue;
        ret->depth = depth;
        ret->ids[ret->count++] = uuid_is_nil(g->account) ? g->department : g->account;
    }
}

static int tell(struct call *c, const struct watch *w, struct uuid unit, const char *due)
{
    uint32_t at = tree_find(c->tenant->tree, unit), count;
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct notice n = {.kind = w->kind, .unit = unit};
    struct deciders deciders;
    struct uuid *people;
    struct jsonw json;

    if (at == TREE_NONE)
        return 0;
    find_deciders(c, at, !w->is_overdue, &deciders);
    notice_people(c, deciders.ids, deciders.count, &people, &count);
    jsonw_init(&json, &b);
    jsonw_object(&json);
    jsonw_kstr(&json, "due", due);
    jsonw_object_end(&json);
    n.params = buf_str(&b);
    return notice_add(c, &n, people, count);
}

/* ---- the job ---- */

static int note(struct call *c, const struct watch *w, struct uuid id)
{
    struct db_args a;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, id);
    db_arg_time(&a, c->now_us);
    return db_exec_expect(c->tx, w->note, &a, 1);
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct watch *w = arg;
    int32_t today = calendar_today(c->now_us);
    struct db_args a;
    struct db_call call = {.stmt = w->find, .args = &a};
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_date(
        &a, w->is_overdue ? today - 1 : calendar_add(tenant_calendar(c->tenant), today, OWN_REMIND_DAYS));
    db_arg_int(&a, PAGE);
    r = call_read(c, &call, 1);
    w->found = r == 0 ? db_rows_count(call.rows) : 0;
    for (int i = 0; r == 0 && i < w->found; i++) {
        r = tell(c, w, db_get_uuid(call.rows, i, 1), db_get(call.rows, i, 2));
        if (r == 0)
            r = note(c, w, db_get_uuid(call.rows, i, 0));
    }
    j->stage = w->kind;
    return r;
}

static int run(struct job *j)
{
    struct watch watches[] = {
        {.kind = NOTICE_OWN_OVERDUE, .find = find_overdue, .note = note_overdue, .is_overdue = true},
        {.kind = NOTICE_OWN_DUE, .find = find_soon, .note = note_soon}};
    uint32_t total = 0;
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(watches) && r == 0; i++) {
        do {
            r = job_step(j, step, &watches[i]);
            total += r == 0 ? (uint32_t)watches[i].found : 0;
        } while (r == 0 && watches[i].found == PAGE);
    }
    if (total)
        log_event(LOG_INFO, "own_requests.told", LF_INT("tenant", j->tenant), LF_INT("count", total));
    return r;
}

const struct job_kind own_remind_job = {.name = "own.deadlines",
    .label_zh = "个人信息请求期限提醒",
    .label_en = "Reminders of requests about personal data",
    .as = JOB_AS_SYSTEM,
    .every_s = EVERY_S,
    .run = run};
