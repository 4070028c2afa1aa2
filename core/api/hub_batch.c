/* Events as they go out, and who may see each of them now. */
#include <errno.h>

#include "access/access.h"
#include "access/core_permissions.h"
#include "api/hub_parts.h"
#include "base/json.h"
#include "db/pgarray.h"
#include "plugin/policy/policies.h"
#include "resource/declare/resource.h"

#define CHUNK 65536u /* sent in one go; a client that does not take it all is given the rest later */

static const struct db_stmt read_events = {"hub.events",
    "SELECT seq, topic, payload FROM juxin.event WHERE tenant_id = $1 AND seq > $2 AND seq <= $3"
    " ORDER BY seq LIMIT $4"};
static const struct db_stmt read_holders = {"hub.holders",
    "SELECT record_id, holder FROM juxin.participant WHERE tenant_id = $1 AND resource = ANY($2::text[])"
    " AND record_id = ANY($3::uuid[]) ORDER BY record_id"};

struct hub_event {
    int64_t seq;
    const char *text; /* as it goes out */
    enum hub_topic topic;
    struct uuid about; /* the job, the record or the report */
    struct uuid owner; /* whose job */
    struct uuid *told; /* whose notice */
    uint32_t told_count;
    const struct resource *res; /* of a record */
    uint32_t unit;              /* that handled it then; of a report */
    bool is_old;                /* a later one tells the same people as much */
    uint32_t first_holder, end_holder;
};

struct hub_holder { /* who takes part in a record */
    struct uuid record, holder;
    uint32_t unit; /* when the holder is one; TREE_NONE */
};

/* ---- reading ---- */

static struct uuid member_id(const json_t *j, const char *key)
{
    const char *s = json_str(j, key);
    struct uuid id;

    return s && uuid_parse(text_of(s), &id) == 0 ? id : UUID_NIL;
}

/* False where nobody may see it: the unit is gone, the plugin is not installed or not effective there. */
static bool take_record(struct hub_batch *b, struct hub_event *e, const json_t *j)
{
    e->topic = HUB_RECORD;
    e->res = resource_find(json_str_or(j, "resource", ""));
    e->unit = tree_find(b->c->tenant->tree, member_id(j, "unit"));
    return e->res && e->unit != TREE_NONE && policy_is_on(b->c, e->res->plugin, e->unit);
}

static bool take_notice(struct hub_batch *b, struct hub_event *e, json_t *j)
{
    const json_t *list = json_object_get(j, "accounts"), *v;
    size_t i;

    e->topic = HUB_NOTICE;
    e->about = UUID_NIL;
    e->told = arena_array(b->c->arena, json_array_size(list) + 1, sizeof(*e->told));
    json_array_foreach(list, i,
        v) if (json_is_string(v) && uuid_parse(text_of(json_string_value(v)), &e->told[e->told_count]) == 0)
        e->told_count++;
    json_object_del(j, "accounts"); /* who else was told is nobody's business */
    json_object_del(j, "notices");
    json_object_del(j, "unit");
    return e->told_count > 0;
}

static bool take_payload(struct hub_batch *b, struct hub_event *e, const char *topic, json_t *j)
{
    e->about = member_id(j, "id");
    e->owner = member_id(j, "created_by");
    if (strcmp(topic, "record") == 0)
        return take_record(b, e, j);
    if (strcmp(topic, "notice") == 0)
        return take_notice(b, e, j);
    if (strcmp(topic, "report") == 0) {
        e->topic = HUB_REPORT;
        e->unit = tree_find(b->c->tenant->tree, member_id(j, "unit"));
        return e->unit != TREE_NONE;
    }
    e->topic = HUB_JOB;
    return strcmp(topic, "job") == 0;
}

/* A record's event is told by a later one of the same unit, a job's by any later one. */
static void mark_old(struct hub_batch *b, const struct hub_event *by)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct hub_event *e = &b->events[i];

        if (e->topic == by->topic && !uuid_is_nil(e->about) && uuid_eq(e->about, by->about) &&
            e->unit == by->unit)
            e->is_old = true;
    }
}

static void take_event(struct hub_batch *b, const struct db_rows *rows, int i)
{
    struct hub_event e = {.seq = db_get_int(rows, i, 0)};
    const char *topic = db_get(rows, i, 1);
    json_t *j = NULL;
    char *text = NULL;

    if (json_parse(db_get_text(rows, i, 2), JSON_LIMITS, &j, NULL) < 0)
        return;
    if (take_payload(b, &e, topic, j)) {
        json_object_del(j, "created_by"); /* not for everybody who may read */
        text = json_dumps(j, JSON_COMPACT);
    }
    json_decref(j);
    if (!text)
        return;
    e.text = arena_printf(b->c->arena, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)e.seq, topic, text);
    free(text);
    mark_old(b, &e);
    b->events[b->count++] = e;
}

static int read_events_into(struct hub_batch *b, int64_t after, int64_t head)
{
    struct db_args a;
    struct db_call call = {.stmt = read_events, .args = &a};
    int r, n;

    db_args_reset(&a);
    db_arg_int(&a, b->c->tenant->id);
    db_arg_int(&a, after);
    db_arg_int(&a, head);
    db_arg_int(&a, HUB_BATCH);
    r = call_read(b->c, &call, 1);
    if (r < 0)
        return r;
    n = db_rows_count(call.rows);
    b->events = arena_array(b->c->arena, (size_t)n + 1, sizeof(*b->events));
    for (int i = 0; i < n; i++)
        take_event(b, call.rows, i);
    b->upto = n == HUB_BATCH ? db_get_int(call.rows, n - 1, 0) : head;
    return 0;
}

static void take_holders(struct hub_batch *b, const struct db_rows *rows)
{
    b->holder_count = (uint32_t)db_rows_count(rows);
    b->holders = arena_array(b->c->arena, b->holder_count + 1u, sizeof(*b->holders));
    for (uint32_t i = 0; i < b->holder_count; i++) {
        struct uuid holder = db_get_uuid(rows, (int)i, 1);

        b->holders[i] =
            (struct hub_holder){db_get_uuid(rows, (int)i, 0), holder, tree_find(b->c->tenant->tree, holder)};
    }
    for (uint32_t i = 0; i < b->count; i++) {
        struct hub_event *e = &b->events[i];

        while (e->first_holder < b->holder_count && !uuid_eq(b->holders[e->first_holder].record, e->about))
            e->first_holder++;
        e->end_holder = e->first_holder;
        while (e->end_holder < b->holder_count && uuid_eq(b->holders[e->end_holder].record, e->about))
            e->end_holder++;
    }
}

static int load_holders(struct hub_batch *b)
{
    struct pgarray resources = PGARRAY_INIT, ids = PGARRAY_INIT;
    struct db_args a;
    struct db_call call = {.stmt = read_holders, .args = &a};
    uint32_t asked = 0;
    int r = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        if (b->events[i].topic != HUB_RECORD || b->events[i].is_old)
            continue;
        asked++;
        pgarray_str(&resources, b->events[i].res->full_name);
        pgarray_uuid(&ids, b->events[i].about);
    }
    db_args_reset(&a);
    db_arg_int(&a, b->c->tenant->id);
    db_arg_str(&a, pgarray_end(&resources));
    db_arg_str(&a, pgarray_end(&ids));
    if (asked)
        r = call_read(b->c, &call, 1);
    if (r == 0 && asked)
        take_holders(b, call.rows);
    pgarray_done(&resources);
    pgarray_done(&ids);
    return r;
}

int hub_batch_load(struct hub_batch *b, struct call *c, int64_t after, int64_t head)
{
    int r;

    *b = (struct hub_batch){.c = c};
    r = read_events_into(b, after, head);
    return r < 0 ? r : load_holders(b);
}

/* ---- who may see it ---- */

struct viewer {
    const struct hub_listener *l;
    const struct subject *who;
    uint32_t within, end; /* of the units asked for */
    bool manages_jobs;
};

static bool takes_part(const struct hub_batch *b, const struct viewer *v, const struct hub_event *e)
{
    for (uint32_t i = e->first_holder; i < e->end_holder; i++) {
        const struct hub_holder *h = &b->holders[i];

        if (uuid_eq(h->holder, v->l->account) || subject_in_department(v->who, h->holder, false) ||
            (h->unit != TREE_NONE &&
                subject_may(v->who, b->c->tenant, e->res->permissions[ACTION_READ], h->unit)))
            return true;
    }
    return false;
}

static bool was_told(const struct hub_event *e, struct uuid account)
{
    for (uint32_t i = 0; i < e->told_count; i++)
        if (uuid_eq(e->told[i], account))
            return true;
    return false;
}

static bool may_see(const struct hub_batch *b, const struct viewer *v, const struct hub_event *e)
{
    if (e->topic == HUB_JOB)
        return uuid_eq(e->owner, v->l->account) || v->manages_jobs;
    if (e->topic == HUB_NOTICE)
        return was_told(e, v->l->account);
    if (!tree_contains(e->unit, v->within, v->end))
        return false;
    if (e->topic == HUB_REPORT)
        return subject_may(v->who, b->c->tenant, core_permission(CORE_REPORT_READ), e->unit);
    if (v->l->res && v->l->res != e->res)
        return false;
    return subject_may(v->who, b->c->tenant, e->res->permissions[ACTION_READ], e->unit) ||
           takes_part(b, v, e);
}

static struct viewer look_at(const struct tenant *t, const struct hub_listener *l)
{
    const struct subject *who = access_subject(t, l->account);
    struct viewer v = {.l = l,
        .who = who,
        .manages_jobs = subject_may_anywhere(who, core_permission(CORE_JOB_MANAGE)),
        .end = tree_count(t->tree)};

    if (!uuid_is_nil(l->unit)) {
        v.within = tree_find(t->tree, l->unit);
        v.end =
            v.within == TREE_NONE ? 0 : tree_end(t->tree, v.within); /* a unit that is gone has no events */
    }
    return v;
}

int64_t hub_batch_write(const struct hub_batch *b, const struct hub_listener *l, struct buf *out)
{
    struct viewer v = look_at(b->c->tenant, l);

    for (uint32_t i = 0; i < b->count; i++) {
        const struct hub_event *e = &b->events[i];

        if (e->seq <= l->after || e->is_old || !(l->topics & e->topic) || !may_see(b, &v, e))
            continue;
        if (out->len > CHUNK)
            return e->seq - 1;
        buf_adds(out, e->text);
    }
    return b->upto;
}
