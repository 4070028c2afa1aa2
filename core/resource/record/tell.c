/* Who is told of a record, and with which parameters. */
#include "resource/record/tell.h"

#include "access/access.h"
#include "base/jsonw.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"

static const struct db_stmt read_holders = {"tell.holders",
    "SELECT holder FROM juxin.participant WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"
    " AND role <> ALL('{submitter,origin}'::text[]) ORDER BY holder"};

static int read_by_key(struct call *c, const struct record *rec, struct db_stmt stmt, struct db_rows **ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = stmt, .args = a};
    int r;

    record_key_args(a, c, rec->res, rec->id);
    r = call_read(c, &call, 1);
    *ret = call.rows;
    return r;
}

static const char *params_of(struct call *c, const struct record *rec, const struct transition *t)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    if (rec->number)
        jsonw_kstr(&w, "number", rec->number);
    if (t)
        jsonw_kstr(&w, "transition", t->name);
    if (rec->due)
        jsonw_kstr(&w, "due", rec->due);
    jsonw_object_end(&w);
    return arena_dup(c->arena, buf_str(&b));
}

static bool may_see(
    struct call *c, const struct record *rec, const struct db_rows *participants, struct uuid account)
{
    struct call theirs = *c; /* the same unit of work, seen by them */

    theirs.who = access_subject(c->tenant, account);
    return reader_access(&theirs, rec, participants) != ACCESS_NONE;
}

int tell_people(struct call *c, const struct record *rec, const char *kind, const struct transition *t,
    const struct uuid *holders, uint32_t count)
{
    struct notice n = {
        .kind = kind, .resource = rec->res->full_name, .record = rec->id, .unit = rec->unit_id};
    struct db_rows *participants;
    struct uuid *people;
    uint32_t all, kept = 0;
    int r;

    if (count == 0)
        return 0;
    r = read_by_key(c, rec, participant_holders, &participants);
    if (r < 0)
        return r;
    notice_people(c, holders, count, &people, &all);
    for (uint32_t i = 0; i < all; i++)
        if (!uuid_eq(people[i], c->who->account) && may_see(c, rec, participants, people[i]))
            people[kept++] = people[i];
    n.params = params_of(c, rec, t);
    return notice_add(c, &n, people, kept);
}

int tell_holders(struct call *c, const struct record *rec, const char *kind, const struct transition *t)
{
    struct db_rows *rows;
    struct uuid *holders;
    int r = read_by_key(c, rec, read_holders, &rows), n;

    if (r < 0)
        return r;
    n = db_rows_count(rows);
    holders = arena_array(c->arena, (size_t)n + 1, sizeof(*holders));
    for (int i = 0; i < n; i++)
        holders[i] = db_get_uuid(rows, i, 0);
    return tell_people(c, rec, kind, t, holders, (uint32_t)n);
}
