/* Loading roles and grants with the tenant's snapshot, and compiling subjects from them. */
#include "access/access.h"

#include "access/permission.h"
#include "base/clock.h"
#include "base/mem.h"

#define WORDS (PERMISSIONS_MAX / 64)
#define CREDENTIALS_MAX 16384
#define BUCKETS_MAX 4096 /* of compiled subjects */

static const struct db_stmt load_roles = {
    "access.load_roles", "SELECT id, name, is_builtin FROM juxin.role WHERE tenant_id = $1 ORDER BY id"};
static const struct db_stmt load_role_permissions = {"access.load_role_permissions",
    "SELECT role_id, permission FROM juxin.role_permission WHERE tenant_id = $1"};
static const struct db_stmt load_grants = {"access.load_grants",
    "SELECT id, account_id, department_id, role_id, unit_id, reach, valid_from, valid_until, post_id"
    " FROM juxin.access_grant WHERE tenant_id = $1 AND (valid_until IS NULL OR valid_until > now())"};
static const struct db_stmt load_tenures = {"access.load_tenures",
    "SELECT post_id, account_id, valid_from, valid_until FROM juxin.tenure"
    " WHERE tenant_id = $1 AND (valid_until IS NULL OR valid_until > now())"};
static const struct db_stmt load_members = {"access.load_members",
    "SELECT account_id, department_id, is_head FROM juxin.department_member WHERE tenant_id = $1"};

struct compiled {
    struct subject subject;
    struct compiled *newer;
};

struct access *access_of(const struct tenant *t)
{
    return t->parts[TENANT_PART_ACCESS];
}

/* ---- loading ---- */

static int by_role_id(const void *a, const void *b)
{
    return uuid_cmp(((const struct access_role *)a)->id, ((const struct access_role *)b)->id);
}

static struct access_role *find_role(const struct access *x, struct uuid id)
{
    struct access_role key = {.id = id};

    return x->role_count ? bsearch(&key, x->roles, x->role_count, sizeof(key), by_role_id) : NULL;
}

struct access_role *access_find_role(const struct tenant *t, struct uuid id)
{
    return find_role(access_of(t), id);
}

static struct uuid holder(const struct access_grant *g)
{
    return !uuid_is_nil(g->account) ? g->account : !uuid_is_nil(g->department) ? g->department : g->post;
}

static int by_holder(const void *a, const void *b)
{
    return uuid_cmp(holder(a), holder(b));
}

static int by_account(const void *a, const void *b)
{
    return uuid_cmp(((const struct access_member *)a)->account, ((const struct access_member *)b)->account);
}

static void take_roles(struct access *x, const struct db_rows *roles, const struct db_rows *permissions)
{
    x->role_count = (uint32_t)db_rows_count(roles);
    x->roles = mem_zarray(x->role_count + 1, sizeof(*x->roles));
    for (uint32_t i = 0; i < x->role_count; i++) {
        x->roles[i] = (struct access_role){.id = db_get_uuid(roles, (int)i, 0),
            .name = str_dup(db_get(roles, (int)i, 1)),
            .is_builtin = db_get_bool(roles, (int)i, 2),
            .permissions = mem_zarray(WORDS, sizeof(uint64_t))};
    }
    qsort(x->roles, x->role_count, sizeof(*x->roles), by_role_id);
    for (int i = 0; i < db_rows_count(permissions); i++) {
        struct access_role *role = find_role(x, db_get_uuid(permissions, i, 0));
        uint32_t p = permission_intern(db_get_text(permissions, i, 1));

        if (role && p != PERMISSION_NONE)
            role->permissions[p / 64] |= 1ull << (p % 64);
    }
}

static int by_post(const void *a, const void *b)
{
    return uuid_cmp(((const struct access_tenure *)a)->post, ((const struct access_tenure *)b)->post);
}

static void take_tenures(struct access *x, const struct db_rows *rows)
{
    x->tenure_count = (uint32_t)db_rows_count(rows);
    x->tenures = mem_zarray(x->tenure_count + 1, sizeof(*x->tenures));
    for (uint32_t i = 0; i < x->tenure_count; i++)
        x->tenures[i] = (struct access_tenure){.post = db_get_uuid(rows, (int)i, 0),
            .account = db_get_uuid(rows, (int)i, 1),
            .from = db_get_time(rows, (int)i, 2),
            .until = db_get(rows, (int)i, 3) ? db_get_time(rows, (int)i, 3) : INT64_MAX};
    qsort(x->tenures, x->tenure_count, sizeof(*x->tenures), by_post);
}

static uint32_t first_tenure(const struct access *x, struct uuid post)
{
    uint32_t lo = 0, hi = x->tenure_count;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (uuid_cmp(x->tenures[mid].post, post) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool access_hold(const struct access_grant *g, const struct access_tenure *t, struct access_grant *ret)
{
    *ret = *g;
    ret->account = t->account;
    ret->from = MAX(g->from, t->from);
    ret->until = MIN(g->until, t->until);
    return ret->from < ret->until;
}

uint32_t access_tenures_of(const struct access *x, struct uuid post, const struct access_tenure **ret)
{
    uint32_t first = first_tenure(x, post), end = first;

    while (end < x->tenure_count && uuid_eq(x->tenures[end].post, post))
        end++;
    *ret = x->tenures + first;
    return end - first;
}

static void add_grant(struct access *x, uint32_t *room, struct access_grant g, int64_t now)
{
    if (x->grant_count == *room) {
        *room += *room / 2 + 16;
        x->grants = mem_resize(x->grants, *room, sizeof(*x->grants));
    }
    if (g.from <= now)
        g.from = 0; /* begun already: nothing to compare at each check */
    x->grants[x->grant_count++] = g;
}

static void add_held(struct access *x, uint32_t *room, const struct access_grant *g, int64_t now)
{
    const struct access_tenure *tenures;
    uint32_t count = access_tenures_of(x, g->post, &tenures);

    for (uint32_t i = 0; i < count; i++) {
        struct access_grant held;

        if (access_hold(g, &tenures[i], &held))
            add_grant(x, room, held, now);
    }
}

static void take_grants(struct access *x, const struct tenant *t, const struct db_rows *rows)
{
    int count = db_rows_count(rows);
    int64_t now = MAX(clock_agreed_us(), t->as_of_us);
    uint32_t room = (uint32_t)count + 1;

    x->grants = mem_zarray(room, sizeof(*x->grants));
    for (int i = 0; i < count; i++) {
        struct access_grant g = {.id = db_get_uuid(rows, i, 0),
            .account = db_get_uuid(rows, i, 1),
            .department = db_get_uuid(rows, i, 2),
            .role = find_role(x, db_get_uuid(rows, i, 3)),
            .unit = tree_find(t->tree, db_get_uuid(rows, i, 4)),
            .from = db_get_time(rows, i, 6),
            .until = db_get(rows, i, 7) ? db_get_time(rows, i, 7) : INT64_MAX,
            .post = db_get_uuid(rows, i, 8)};

        /* what cannot be understood gives nothing */
        if (!g.role || g.unit == TREE_NONE || reach_parse(db_get_text(rows, i, 5), &g.reach) < 0)
            continue;
        add_grant(x, &room, g, now);
        if (!uuid_is_nil(g.post))
            add_held(x, &room, &g, now);
    }
    qsort(x->grants, x->grant_count, sizeof(*x->grants), by_holder);
}

static void take_members(struct access *x, const struct db_rows *rows)
{
    x->member_count = (uint32_t)db_rows_count(rows);
    x->members = mem_zarray(x->member_count + 1, sizeof(*x->members));
    for (uint32_t i = 0; i < x->member_count; i++)
        x->members[i] = (struct access_member){.account = db_get_uuid(rows, (int)i, 0),
            .department = db_get_uuid(rows, (int)i, 1),
            .is_head = db_get_bool(rows, (int)i, 2)};
    qsort(x->members, x->member_count, sizeof(*x->members), by_account);
}

/* For about as many accounts as may have rights; a worker may hold thousands of small tenants. */
static uint32_t bucket_count(uint32_t holders)
{
    uint32_t n = 16;

    while (n < holders && n < BUCKETS_MAX)
        n *= 2;
    return n;
}

static int access_load(struct db_tx *tx, struct tenant *t, void **ret)
{
    struct db_args a;
    struct db_call calls[] = {{.stmt = load_roles, .args = &a}, {.stmt = load_role_permissions, .args = &a},
        {.stmt = load_grants, .args = &a}, {.stmt = load_members, .args = &a},
        {.stmt = load_tenures, .args = &a}};
    struct access *x;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, t->id);
    r = db_exec_many(tx, calls, ARRAY_LEN(calls));
    if (r < 0)
        return r;
    x = mem_zalloc(sizeof(*x));
    take_roles(x, calls[0].rows, calls[1].rows);
    take_tenures(x, calls[4].rows);
    take_grants(x, t, calls[2].rows);
    take_members(x, calls[3].rows);
    x->subject_buckets = bucket_count(x->grant_count + x->member_count);
    x->subjects = mem_zarray(x->subject_buckets, sizeof(struct compiled *));
    db_calls_done(calls, ARRAY_LEN(calls));
    *ret = x;
    return 0;
}

static void free_compiled(struct compiled *c)
{
    while (c) {
        struct compiled *next = c->newer;

        subject_index_free(c->subject.index);
        free(c->subject.grants);
        free(c->subject.departments);
        free(c->subject.heads);
        free(c);
        c = next;
    }
}

static void access_free(void *part)
{
    struct access *x = part;

    for (uint32_t i = 0; i < x->subject_buckets; i++)
        free_compiled(x->subjects[i]);
    free(x->subjects);
    for (uint32_t i = 0; i < CREDENTIAL_BUCKETS; i++) {
        for (struct credential *c = x->credentials[i], *next; c; c = next) {
            next = c->next;
            free(c->display_name);
            free(c);
        }
    }
    for (uint32_t i = 0; i < x->role_count; i++) {
        free(x->roles[i].name);
        free(x->roles[i].permissions);
    }
    free(x->roles);
    free(x->grants);
    free(x->tenures);
    free(x->members);
    free(x);
}

/* ---- subjects ---- */

struct range {
    uint32_t first, end;
};

static struct range grants_of(const struct access *x, struct uuid who)
{
    uint32_t lo = 0, hi = x->grant_count;
    struct range r;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (uuid_cmp(holder(&x->grants[mid]), who) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    r.first = r.end = lo;
    while (r.end < x->grant_count && uuid_eq(holder(&x->grants[r.end]), who))
        r.end++;
    return r;
}

static struct range members_of(const struct access *x, struct uuid account)
{
    uint32_t lo = 0, hi = x->member_count;
    struct range r;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (uuid_cmp(x->members[mid].account, account) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    r.first = r.end = lo;
    while (r.end < x->member_count && uuid_eq(x->members[r.end].account, account))
        r.end++;
    return r;
}

static void add_grants(struct subject *s, const struct tenant *t, struct range at)
{
    const struct access *x = access_of(t);

    s->grants = mem_resize(s->grants, s->grant_count + (at.end - at.first) + 1, sizeof(*s->grants));
    for (uint32_t i = at.first; i < at.end; i++) {
        const struct access_grant *g = &x->grants[i];

        s->grants[s->grant_count++] = (struct subject_grant){.from = (uint64_t)g->from,
            .until = (uint64_t)g->until,
            .permissions = g->role->permissions,
            .unit = g->unit,
            .end = tree_end(t->tree, g->unit),
            .reach = g->reach,
            .grant_id = g->id,
            .department = g->department,
            .post = g->post,
            .role = g->role->name};
    }
}

static struct compiled *compile(const struct tenant *t, struct uuid account)
{
    const struct access *x = access_of(t);
    struct compiled *c = mem_zalloc(sizeof(*c));
    struct subject *s = &c->subject;
    struct range members = members_of(x, account);
    uint32_t n = members.end - members.first;

    s->kind = SUBJECT_ACCOUNT;
    s->account = account;
    s->departments = mem_zarray(n + 1, sizeof(*s->departments));
    s->heads = mem_zarray(n + 1, sizeof(*s->heads));
    s->index = subject_index_new();
    add_grants(s, t, grants_of(x, account));
    for (uint32_t i = members.first; i < members.end; i++) {
        s->departments[s->department_count] = x->members[i].department;
        s->heads[s->department_count++] = x->members[i].is_head;
        add_grants(s, t, grants_of(x, x->members[i].department));
    }
    return c;
}

const struct subject *access_subject(const struct tenant *t, struct uuid account)
{
    struct access *x = access_of(t);
    struct compiled **bucket = &x->subjects[uuid_hash(account) % x->subject_buckets];
    struct compiled *c;

    for (c = *bucket; c; c = c->newer) {
        if (uuid_eq(c->subject.account, account))
            return &c->subject;
    }
    c = compile(t, account);
    c->newer = *bucket;
    *bucket = c;
    x->subject_count++;
    return &c->subject;
}

/* ---- credentials ---- */

static struct credential **credential_bucket(struct access *x, const struct sha256 *hash)
{
    return &x->credentials[hash->b[0] % CREDENTIAL_BUCKETS];
}

struct credential *access_credential(const struct tenant *t, const struct sha256 *hash)
{
    struct credential *c = *credential_bucket(access_of(t), hash);

    while (c && !secret_eq(c->hash.b, hash->b, SHA256_LEN))
        c = c->next;
    return c;
}

struct credential *access_credential_put(const struct tenant *t, const struct credential *from)
{
    struct access *x = access_of(t);
    struct credential **bucket = credential_bucket(x, &from->hash);
    struct credential *c = access_credential(t, &from->hash);

    if (!c) {
        if (x->credential_count >= CREDENTIALS_MAX &&
            *bucket) { /* full: the newest of this bucket makes room */
            struct credential *out = *bucket;

            *bucket = out->next;
            free(out->display_name);
            free(out);
            x->credential_count--;
        }
        c = mem_zalloc(sizeof(*c));
        c->next = *bucket;
        *bucket = c;
        x->credential_count++;
    } else {
        free(c->display_name);
    }
    {
        struct credential *next = c->next;

        *c = *from;
        c->next = next;
    }
    c->display_name = str_dup(from->display_name);
    return c;
}

const struct tenant_part access_part = {.name = "access", .load = access_load, .free = access_free};
