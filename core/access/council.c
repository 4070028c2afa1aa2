/* The plan of a rollover, and doing it. */
#include "access/council.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/holder.h"
#include "access/permission.h"
#include "access/post.h"
#include "base/digest.h"
#include "db/pgarray.h"

static const struct db_stmt insert_council = {"council.insert",
    "INSERT INTO juxin.council (tenant_id, id, unit_id, name, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $5)"};
static const struct db_stmt find_council = {"council.find",
    "SELECT c.unit_id, c.name, c.version, (SELECT max(t.number) FROM juxin.term t WHERE t.tenant_id = $1 AND "
    "t.council_id = c.id), (SELECT max(t.valid_from) FROM juxin.term t WHERE t.tenant_id = $1 AND "
    "t.council_id = "
    "c.id) FROM juxin.council c WHERE c.tenant_id = $1 AND c.id = $2"};
static const struct db_stmt list_posts = {"council.posts",
    "SELECT p.id, p.title, p.seats FROM juxin.post p WHERE p.tenant_id = $1 AND p.council_id = $2 AND "
    "p.closed_at IS "
    "NULL ORDER BY p.id"};
static const struct db_stmt list_tenures = {"council.tenures",
    "SELECT t.id, t.post_id, t.account_id, p.title, a.display_name, t.valid_from, t.valid_until FROM "
    "juxin.tenure t "
    "JOIN juxin.post p ON p.tenant_id = $1 AND p.id = t.post_id JOIN juxin.account a ON a.tenant_id = $1 AND "
    "a.id = "
    "t.account_id WHERE t.tenant_id = $1 AND p.council_id = $2 AND (t.valid_until IS NULL OR t.valid_until > "
    "greatest(t.valid_from, $3::timestamptz)) ORDER BY t.id LIMIT 2000"};
static const struct db_stmt list_names = {"council.names",
    "SELECT id, display_name FROM juxin.account WHERE tenant_id = $1 AND id = ANY ($2::uuid[])"};
static const struct db_stmt touch_council = {"council.touch",
    "UPDATE juxin.council SET version = version + 1, updated_at = $4 WHERE tenant_id = $1 "
    "AND id = $2 AND version = $3"};
static const struct db_stmt touch_posts = {"council.touch_posts",
    "UPDATE juxin.post SET version = version + 1, updated_at = $3 WHERE tenant_id = $1 AND council_id = $2 "
    "AND "
    "closed_at IS NULL"};
static const struct db_stmt end_terms = {"council.end_terms",
    "UPDATE juxin.term SET valid_until = $3 WHERE tenant_id = $1 AND council_id = $2 AND (valid_until IS "
    "NULL OR "
    "valid_until > $3)"};
static const struct db_stmt insert_term = {"council.insert_term",
    "INSERT INTO juxin.term (tenant_id, id, council_id, number, name, valid_from, valid_until, created_at, "
    "created_by) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"};
static const struct db_stmt end_tenures = {"council.end_tenures",
    "UPDATE juxin.tenure SET valid_until = greatest(valid_from, $3::timestamptz), ended_at = now(), ended_by "
    "= $4 "
    "WHERE tenant_id = $1 AND id = ANY ($2::uuid[])"};
static const struct db_stmt insert_tenures = {"council.insert_tenures",
    "INSERT INTO juxin.tenure (tenant_id, id, post_id, account_id, term_id, valid_from, valid_until, "
    "created_at, "
    "created_by) SELECT $1, x.id, x.post, x.account, $5, $6, $7, $8, $9 FROM unnest($2::uuid[], $3::uuid[], "
    "$4::uuid[]) AS x(id, post, account) RETURNING id"};

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

int council_create(struct call *c, uint32_t unit, const char *name, struct uuid *ret_id)
{
    struct uuid id = uuid_new(), unit_id = tree_unit(c->tenant->tree, unit).id;
    struct db_args a;
    int r = post_need(c, unit);

    if (r == 0 && tree_unit(c->tenant->tree, unit).is_closed)
        r = call_fail_at(c, "/unit", "closed", "The unit is closed.", "该机构已关闭。");
    if (r == 0)
        r = post_check_title(c, "/name", name);
    if (r == 0)
        r = call_begin(c);
    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c); /* the unit is open until the commit */
    if (r < 0)
        return r;
    id_args(c, &a, id);
    db_arg_uuid(&a, unit_id);
    db_arg_str(&a, name);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, insert_council, &a, 1);
    if (r == 0)
        r = call_audit(c, "council.create", "council", id, unit_id, "unit,name");
    if (r == 0)
        *ret_id = id;
    return r;
}

/* ---- what is there ---- */

struct found {
    const struct db_rows *council, *posts, *tenures, *names;
};

static int read_all(struct call *c, const struct rollover_input *in, struct found *ret)
{
    struct db_args *a = arena_alloc(c->arena, 2 * sizeof(*a)), *ids = a + 1;
    struct db_call calls[] = {{.stmt = find_council, .args = a}, {.stmt = list_posts, .args = a},
        {.stmt = list_tenures, .args = ids}, {.stmt = list_names, .args = NULL}};
    struct db_args *names = arena_alloc(c->arena, sizeof(*names));
    struct uuid *accounts = arena_array(c->arena, in->seat_count + 1, sizeof(*accounts));
    int r;

    for (uint32_t i = 0; i < in->seat_count; i++)
        accounts[i] = in->seats[i].account;
    id_args(c, a, in->council);
    id_args(c, ids, in->council);
    db_arg_time(ids, in->from);
    db_args_reset(names);
    db_arg_int(names, c->tenant->id);
    db_arg_str(names, pgarray_of_uuids(c->arena, accounts, in->seat_count));
    calls[3].args = names;
    r = call_read(c, calls, ARRAY_LEN(calls));
    if (r == 0)
        *ret = (struct found){calls[0].rows, calls[1].rows, calls[2].rows, calls[3].rows};
    return r;
}

static int take_council(struct call *c, const struct found *f, struct rollover *x)
{
    const struct rollover_input *in = x->in;

    x->unit =
        db_rows_count(f->council) ? tree_find(c->tenant->tree, db_get_uuid(f->council, 0, 0)) : TREE_NONE;
    if (x->unit == TREE_NONE)
        return call_not_found(c);
    x->council_name = db_get(f->council, 0, 1);
    x->council_version = db_get_int(f->council, 0, 2);
    x->number = db_get_int(f->council, 0, 3) + 1;
    if (post_need(c, x->unit) < 0)
        return -EINVAL;
    if (tree_unit(c->tenant->tree, x->unit).is_closed)
        return call_fail(c, 409, "unit_closed", "The unit is closed.", "该机构已关闭。");
    (void)post_check_title(c, "/name", in->name);
    if (in->until <= in->from)
        (void)call_fail_at(c, "/until", "before_from", "The last day is not before the first.",
            "截止日期不得早于开始日期。");
    if (db_get(f->council, 0, 4) && in->from <= db_get_time(f->council, 0, 4))
        (void)call_fail_at(
            c, "/from", "before_last", "After the first day of the last term.", "应晚于上一届的开始日期。");
    return c->fault.status ? -EINVAL : 0;
}

/* ---- rights ---- */

static void take_rights(struct call *c, struct rollover_tenure *t, int64_t at)
{
    const struct access *x = access_of(c->tenant);

    t->rights = arena_array(c->arena, x->grant_count + 1, sizeof(*t->rights));
    for (uint32_t i = 0; i < x->grant_count; i++)
        if (uuid_eq(x->grants[i].post, t->post) && uuid_is_nil(x->grants[i].account) &&
            x->grants[i].until > at)
            t->rights[t->right_count++].grant = &x->grants[i];
}

static bool is_same(const struct access_grant *a, const struct access_grant *b)
{
    return a->role == b->role && a->unit == b->unit && a->reach == b->reach;
}

static void mark_kept(struct rollover_tenure *t, const struct rollover_tenure *others, uint32_t count)
{
    for (uint32_t i = 0; i < t->right_count; i++)
        for (uint32_t k = 0; k < count; k++)
            for (uint32_t n = 0; uuid_eq(others[k].account, t->account) && n < others[k].right_count; n++)
                t->rights[i].is_kept |= is_same(t->rights[i].grant, others[k].rights[n].grant);
}

/* ---- the two halves ---- */

static void take_ends(struct call *c, const struct found *f, struct rollover *x)
{
    x->ends = arena_array(c->arena, (size_t)db_rows_count(f->tenures) + 1, sizeof(*x->ends));
    for (int i = 0; i < db_rows_count(f->tenures); i++) {
        struct rollover_tenure *t = &x->ends[x->end_count++];

        *t = (struct rollover_tenure){.id = db_get_uuid(f->tenures, i, 0),
            .post = db_get_uuid(f->tenures, i, 1),
            .account = db_get_uuid(f->tenures, i, 2),
            .title = db_get(f->tenures, i, 3),
            .account_name = db_get(f->tenures, i, 4),
            .from = db_get_time(f->tenures, i, 5),
            .until = db_get(f->tenures, i, 6) ? db_get_time(f->tenures, i, 6) : INT64_MAX};
        take_rights(c, t, x->in->from);
    }
}

static int row_of(const struct db_rows *rows, struct uuid id)
{
    for (int i = 0; i < db_rows_count(rows); i++)
        if (uuid_eq(db_get_uuid(rows, i, 0), id))
            return i;
    return -1;
}

/* Who else of the input sits there, before number `until`. */
static uint32_t seated(const struct rollover_input *in, uint32_t until, bool *ret_same)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < until; i++) {
        if (!uuid_eq(in->seats[i].post, in->seats[until].post))
            continue;
        *ret_same |= uuid_eq(in->seats[i].account, in->seats[until].account);
        n++;
    }
    return n;
}

static int take_begin(struct call *c, const struct found *f, struct rollover *x, uint32_t i)
{
    const struct rollover_seat *seat = &x->in->seats[i];
    const char *at = arena_printf(c->arena, "/seats/%u", i);
    struct rollover_tenure *t = &x->begins[x->begin_count];
    int post = row_of(f->posts, seat->post), name;
    bool same = false;
    uint32_t missing;
    int r;

    if (post < 0)
        return call_fail_at(c, arena_printf(c->arena, "%s/post", at), "unknown",
            "An open post of this council.", "应为该理事会的现有职务。");
    r = post_check_account(c, seat->account, arena_printf(c->arena, "%s/account", at));
    if (r < 0)
        return r;
    if (seated(x->in, i, &same) >= (uint32_t)db_get_int(f->posts, post, 2) || same)
        return call_fail_at(c, at, same ? "twice" : "no_seat",
            same ? "Named twice." : "More than there are seats.", same ? "重复。" : "超过席位数。");
    if (!holder_may_fill(c, seat->post, seat->account, x->in->from, x->in->until, &missing))
        return post_beyond_own(c, missing);
    name = row_of(f->names, seat->account);
    *t = (struct rollover_tenure){.post = seat->post,
        .account = seat->account,
        .title = db_get(f->posts, post, 1),
        .account_name = name < 0 ? "" : db_get(f->names, name, 1),
        .from = x->in->from,
        .until = x->in->until};
    take_rights(c, t, x->in->from);
    x->begin_count++;
    return 0;
}

/* ---- the version ---- */

static void add_tenure_text(struct buf *b, const struct call *c, const struct rollover_tenure *t)
{
    buf_addf(b, "%s/%s/", uuid_format(t->id).s, uuid_format(t->post).s);
    buf_addf(b, "%s/%s/%lld/%lld\n", uuid_format(t->account).s, t->account_name, (long long)t->from,
        (long long)t->until);
    for (uint32_t i = 0; i < t->right_count; i++) {
        const struct access_grant *g = t->rights[i].grant;

        buf_addf(b, "%s/%s/", uuid_format(g->id).s, uuid_format(g->role->id).s);
        buf_addf(b, "%s/%d/%lld/%d/", uuid_format(tree_unit(c->tenant->tree, g->unit).id).s, (int)g->reach,
            (long long)g->until, t->rights[i].is_kept);
        for (size_t k = 0; k < PERMISSIONS_MAX / 64; k++)
            buf_addf(b, "%llx,", (unsigned long long)g->role->permissions[k]);
        buf_addc(b, '\n');
    }
}

/* Sixty-two bits of a digest, as an ETag has a number in it. */
static int64_t version_of(const struct call *c, const struct rollover *x)
{
    struct buf b = BUF_INIT;
    struct sha256 h;
    int64_t n;

    buf_addf(&b, "rollover/%d/%s/%lld/%lld/", c->tenant->id, uuid_format(x->in->council).s,
        (long long)x->council_version, (long long)x->number);
    buf_addf(&b, "%s/%lld/%lld\n", x->in->name, (long long)x->in->from, (long long)x->in->until);
    for (uint32_t i = 0; i < x->end_count; i++)
        add_tenure_text(&b, c, &x->ends[i]);
    buf_adds(&b, "begins\n");
    for (uint32_t i = 0; i < x->begin_count; i++)
        add_tenure_text(&b, c, &x->begins[i]);
    h = sha256_of(buf_text(&b));
    buf_done(&b);
    memcpy(&n, h.b, sizeof(n));
    return (n & INT64_C(0x3fffffffffffffff)) | 1;
}

int rollover_plan(struct call *c, const struct rollover_input *in, struct rollover *ret)
{
    struct rollover x = {.in = in, .begins = arena_array(c->arena, in->seat_count + 1, sizeof(*x.begins))};
    struct found f = {0};
    int r = read_all(c, in, &f);

    if (r == 0)
        r = take_council(c, &f, &x);
    if (r < 0)
        return r;
    take_ends(c, &f, &x);
    for (uint32_t i = 0; i < in->seat_count; i++) {
        r = take_begin(c, &f, &x, i);
        if (r < 0 && (r != -EINVAL || c->fault.status != 422))
            return r;
    }
    if (c->fault.status)
        return -EINVAL;
    for (uint32_t i = 0; i < x.end_count; i++)
        mark_kept(&x.ends[i], x.begins, x.begin_count);
    for (uint32_t i = 0; i < x.begin_count; i++)
        mark_kept(&x.begins[i], x.ends, x.end_count);
    x.version = version_of(c, &x);
    *ret = x;
    return 0;
}

/* ---- doing it ---- */

static int write_ends(struct call *c, const struct rollover *x)
{
    struct uuid *ids = arena_array(c->arena, x->end_count + 1, sizeof(*ids)),
                unit = tree_unit(c->tenant->tree, x->unit).id;
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < x->end_count; i++)
        ids[i] = x->ends[i].id;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, pgarray_of_uuids(c->arena, ids, x->end_count));
    db_arg_time(&a, x->in->from);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, end_tenures, &a, x->end_count);
    for (uint32_t i = 0; i < x->end_count && r == 0; i++)
        r = call_audit(c, "post.end", "tenure", ids[i], unit, "until");
    return r;
}

static int write_begins(struct call *c, const struct rollover *x, struct uuid term)
{
    struct uuid *ids[3], unit = tree_unit(c->tenant->tree, x->unit).id;
    struct db_args a;
    int r;

    for (int k = 0; k < 3; k++)
        ids[k] = arena_array(c->arena, x->begin_count + 1, sizeof(*ids[k]));
    for (uint32_t i = 0; i < x->begin_count; i++) {
        ids[0][i] = uuid_new();
        ids[1][i] = x->begins[i].post;
        ids[2][i] = x->begins[i].account;
    }
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    for (int k = 0; k < 3; k++)
        db_arg_str(&a, pgarray_of_uuids(c->arena, ids[k], x->begin_count));
    db_arg_uuid(&a, term);
    db_arg_time(&a, x->in->from);
    time_or_null(&a, x->in->until);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec_expect(c->tx, insert_tenures, &a, x->begin_count);
    for (uint32_t i = 0; i < x->begin_count && r == 0; i++)
        r = call_audit(c, "post.hold", "tenure", ids[0][i], unit, "post,account,from,until");
    return r;
}

static int write_term(struct call *c, const struct rollover *x, struct uuid term)
{
    struct db_args a;
    int r;

    id_args(c, &a, x->in->council);
    db_arg_int(&a, x->council_version);
    db_arg_time(&a, c->now_us);
    r = db_exec_expect(c->tx, touch_council, &a, 1);
    if (r < 0)
        return r;
    id_args(c, &a, x->in->council);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, touch_posts, &a, NULL);
    if (r < 0)
        return r;
    id_args(c, &a, x->in->council);
    db_arg_time(&a, x->in->from);
    r = db_exec(c->tx, end_terms, &a, NULL);
    if (r < 0)
        return r;
    id_args(c, &a, term);
    db_arg_uuid(&a, x->in->council);
    db_arg_int(&a, x->number);
    db_arg_str(&a, x->in->name);
    db_arg_time(&a, x->in->from);
    time_or_null(&a, x->in->until);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec_expect(c->tx, insert_term, &a, 1);
}

int rollover_do(struct call *c, const struct rollover_input *in, int64_t version, struct rollover *ret,
    struct uuid *ret_term)
{
    struct uuid term = uuid_new();
    int r = call_begin(c);

    if (r < 0 || c->is_replay)
        return r;
    r = call_bump(c);
    if (r == 0)
        r = rollover_plan(c, in, ret);
    if (r == 0 && ret->version != version)
        r = -ESTALE;
    if (r == 0)
        r = write_term(c, ret, term);
    if (r == 0)
        r = write_ends(c, ret);
    if (r == 0)
        r = write_begins(c, ret, term);
    if (r == 0)
        r = call_audit(c, "council.rollover", "council", in->council,
            tree_unit(c->tenant->tree, ret->unit).id, "term,tenures");
    if (r == 0)
        *ret_term = term;
    return r;
}
