/* Who gains and who loses: for every account that a change can reach, what it may do at each touched unit on one side and
 * on the other. A plugin's permission counts where the plugin runs; the core's count everywhere. */
#include "plugin/outlook/outlook_people.h"

#include "access/core_permissions.h"
#include "base/mem.h"
#include "db/pgarray.h"

#define WORDS (PERMISSIONS_MAX / 64)

static const struct db_stmt find_inactive = {
    "outlook.inactive", "SELECT id FROM juxin.account WHERE tenant_id = $1 AND NOT is_active ORDER BY id"};
static const struct db_stmt find_names = {"outlook.names",
    "SELECT id, display_name, unit_id FROM juxin.account WHERE tenant_id = $1 AND id = ANY($2::uuid[])"};

/* One account's part in one grant of one side. */
struct holding {
    struct uuid account;
    const struct access_grant *grant;
    int side;
};

struct people {
    struct outlook *o;
    struct holding *list;
    size_t count, room;
    uint32_t *set_of; /* whose permission it is, by permission: number of the set, or one of the two below */
};
#define SET_CORE (UINT32_MAX - 1)
#define SET_NOBODY UINT32_MAX

static int by_id(const void *a, const void *b)
{
    return uuid_cmp(*(const struct uuid *)a, *(const struct uuid *)b);
}

static bool is_inactive(const struct outlook *o, struct uuid account)
{
    return o->inactive_count &&
           bsearch(&account, o->inactive, o->inactive_count, sizeof(account), by_id) != NULL;
}

static bool is_interesting(const struct outlook *o, const struct access_grant *g)
{
    for (size_t i = 0; i < WORDS; i++)
        if (g->role->permissions[i] & o->interest[i])
            return true;
    return false;
}

/* The first of the touched units that is not before the given one, on that side. */
static uint32_t touched_from(const struct outlook *o, int side, uint32_t unit)
{
    uint32_t low = 0, high = o->touched_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (outlook_at(o, side, o->touched[middle]) < unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The touched units that lie in the grant's subtree, as numbers in o->touched. */
static void touched_by(
    const struct outlook *o, int side, const struct access_grant *g, uint32_t *ret_first, uint32_t *ret_end)
{
    *ret_first = touched_from(o, side, g->unit);
    *ret_end = touched_from(o, side, tree_end(o->side[side].tree, g->unit));
}

static void add(struct people *p, struct uuid account, const struct access_grant *g, int side)
{
    if (is_inactive(p->o, account))
        return;
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 256;
        p->list = mem_resize(p->list, p->room, sizeof(*p->list));
    }
    p->list[p->count++] = (struct holding){account, g, side};
}

static void add_holders(struct people *p, const struct access_grant *g, int side)
{
    const struct outlook_side *s = &p->o->side[side];

    if (!uuid_is_nil(g->account))
        add(p, g->account, g, side);
    for (uint32_t i = 0; uuid_is_nil(g->account) && i < s->member_count; i++)
        if (uuid_eq(s->members[i].department, g->department))
            add(p, s->members[i].account, g, side);
}

static void collect(struct people *p)
{
    for (int side = 0; side < 2; side++) {
        const struct outlook_side *s = &p->o->side[side];

        for (uint32_t i = 0; i < s->grant_count; i++) {
            uint32_t first, end;

            if (!outlook_grant_is_current(&s->grants[i], p->o->at_us) || !is_interesting(p->o, &s->grants[i]))
                continue;
            touched_by(p->o, side, &s->grants[i], &first, &end);
            if (first < end)
                add_holders(p, &s->grants[i], side);
        }
    }
}

static int by_account(const void *a, const void *b)
{
    const struct holding *x = a, *y = b;
    int by = uuid_cmp(x->account, y->account);

    return by ? by : x->side - y->side;
}

/* Whose permission each is. */
static void find_owners(struct people *p)
{
    p->set_of = mem_zarray(permission_count() + 1, sizeof(*p->set_of));
    for (uint32_t i = 0; i < permission_count(); i++) {
        struct text rest = text_of(permission_info(i)->name), owner = text_split(&rest, '.');

        p->set_of[i] = text_is(owner, "core") ? SET_CORE : SET_NOBODY;
        for (uint32_t set = 0; set < p->o->set_count && p->set_of[i] == SET_NOBODY; set++)
            if (text_is(owner, p->o->side[0].sets[set].plugin->id))
                p->set_of[i] = set;
    }
}

static void held_at(const struct people *p, const struct holding *group, size_t count, int side,
    uint32_t unit, uint64_t *bits)
{
    const struct tree *t = p->o->side[side].tree;

    memset(bits, 0, WORDS * sizeof(*bits));
    for (size_t i = 0; i < count; i++)
        if (group[i].side == side && outlook_grant_reaches(t, group[i].grant, outlook_at(p->o, side, unit)))
            for (size_t k = 0; k < WORDS; k++)
                bits[k] |= group[i].grant->role->permissions[k];
}

static bool counts(const struct people *p, int side, uint32_t permission, uint32_t unit)
{
    uint32_t set = permission < permission_count() ? p->set_of[permission] : SET_NOBODY;

    return set == SET_CORE || (set != SET_NOBODY && outlook_is_on(p->o, side, set, unit));
}

/* Is there anything that the account may do at the unit on `here` and not on the other side? */
static bool is_more(
    const struct people *p, const struct holding *group, size_t count, int here, uint32_t unit)
{
    uint64_t mine[WORDS], other[WORDS];

    held_at(p, group, count, here, unit, mine);
    held_at(p, group, count, 1 - here, unit, other);
    for (uint32_t k = 0; k < WORDS; k++) {
        for (uint64_t rest = mine[k] & p->o->interest[k]; rest; rest &= rest - 1) {
            uint32_t permission = k * 64 + (uint32_t)__builtin_ctzll(rest);

            if (!counts(p, here, permission, unit))
                continue;
            if (!(other[k] & rest & -rest) || !counts(p, 1 - here, permission, unit))
                return true;
        }
    }
    return false;
}

static void judge(
    const struct people *p, const struct holding *group, size_t count, struct outlook_person *person)
{
    bool *found[2] = {&person->loses, &person->gains}; /* more before, more after */

    for (size_t i = 0; i < count; i++) {
        int side = group[i].side;
        uint32_t first, end;

        touched_by(p->o, side, group[i].grant, &first, &end);
        for (uint32_t n = first; n < end && !*found[side]; n++)
            if (outlook_grant_reaches(
                    p->o->side[side].tree, group[i].grant, outlook_at(p->o, side, p->o->touched[n])))
                *found[side] = is_more(p, group, count, side, p->o->touched[n]);
    }
}

/* Of a change of grants only those who hold the grant, of a membership only the member. */
static bool is_concerned(const struct outlook *o, struct uuid account)
{
    const struct outlook_side *s = &o->side[OUTLOOK_BEFORE];

    if (uuid_is_nil(o->holder) || uuid_eq(o->holder, account))
        return true;
    for (uint32_t i = 0; o->is_department && i < s->member_count; i++)
        if (uuid_eq(s->members[i].department, o->holder) && uuid_eq(s->members[i].account, account))
            return true;
    return false;
}

static void judge_all(struct people *p)
{
    struct outlook *o = p->o;
    struct outlook_person *people = arena_array(o->c->arena, p->count + 1, sizeof(*people));

    for (size_t from = 0, to; from < p->count; from = to) {
        struct outlook_person person = {.account = p->list[from].account};

        for (to = from + 1; to < p->count && uuid_eq(p->list[to].account, person.account);)
            to++;
        if (is_concerned(o, person.account))
            judge(p, p->list + from, to - from, &person);
        if (!person.gains && !person.loses)
            continue;
        o->gaining += person.gains;
        o->losing += person.loses;
        people[o->person_count++] = person;
    }
    o->people = people;
}

/* ---- from the database: who is active, what they are called ---- */

static int read_inactive(struct outlook *o)
{
    struct db_args args;
    struct db_call call = {.stmt = find_inactive, .args = &args};
    int r;

    db_args_reset(&args);
    db_arg_int(&args, o->c->tenant->id);
    r = call_read(o->c, &call, 1);
    if (r < 0)
        return r;
    o->inactive_count = (uint32_t)db_rows_count(call.rows);
    o->inactive = arena_array(o->c->arena, o->inactive_count + 1, sizeof(*o->inactive));
    for (uint32_t i = 0; i < o->inactive_count; i++)
        o->inactive[i] = db_get_uuid(call.rows, (int)i, 0);
    qsort(o->inactive, o->inactive_count, sizeof(*o->inactive), by_id);
    return 0;
}

static int by_person(const void *a, const void *b)
{
    return uuid_cmp(((const struct outlook_person *)a)->account, ((const struct outlook_person *)b)->account);
}

static void take_name(struct outlook *o, const struct db_rows *rows, int i)
{
    struct outlook_person key = {.account = db_get_uuid(rows, i, 0)}, *person;
    struct uuid home = db_get_uuid(rows, i, 2);
    uint32_t unit = uuid_is_nil(home) ? 0 : tree_find(o->c->tenant->tree, home);

    person = bsearch(&key, o->people, o->person_count, sizeof(key), by_person);
    if (person && unit != TREE_NONE &&
        subject_may(o->c->who, o->c->tenant, core_permission(CORE_ACCOUNT_READ), unit))
        person->name = arena_dup(o->c->arena, db_get(rows, i, 1));
}

static int read_names(struct outlook *o)
{
    struct pgarray ids = PGARRAY_INIT;
    struct db_args args;
    struct db_call call = {.stmt = find_names, .args = &args};
    int r;

    for (uint32_t i = 0; i < o->person_count; i++)
        pgarray_uuid(&ids, o->people[i].account);
    db_args_reset(&args);
    db_arg_int(&args, o->c->tenant->id);
    db_arg_str(&args, pgarray_end(&ids));
    r = call_read(o->c, &call, 1);
    for (int i = 0; r == 0 && i < db_rows_count(call.rows); i++)
        take_name(o, call.rows, i);
    pgarray_done(&ids);
    return r;
}

int outlook_find_people(struct outlook *o)
{
    struct people p = {.o = o};
    int r = read_inactive(o);

    if (r < 0)
        return r;
    find_owners(&p);
    collect(&p);
    if (p.count > 1)
        qsort(p.list, p.count, sizeof(*p.list), by_account);
    judge_all(&p);
    free(p.list);
    free(p.set_of);
    return read_names(o);
}

/* ---- units without anybody ---- */

static bool has_active_holder(
    const struct outlook *o, const struct outlook_side *s, const struct access_grant *g)
{

    if (!uuid_is_nil(g->account))
        return !is_inactive(o, g->account);
    for (uint32_t i = 0; i < s->member_count; i++)
        if (uuid_eq(s->members[i].department, g->department) && !is_inactive(o, s->members[i].account))
            return true;
    return false;
}

void outlook_attended(const struct outlook *o, int side, const uint64_t *permissions, bool *ret)
{
    const struct outlook_side *s = &o->side[side];

    memset(ret, 0, o->touched_count * sizeof(*ret));
    for (uint32_t i = 0; i < s->grant_count; i++) {
        const struct access_grant *g = &s->grants[i];
        uint32_t first, end;
        bool has = false;

        for (size_t k = 0; k < WORDS; k++)
            has |= (g->role->permissions[k] & permissions[k]) != 0;
        if (!has || !outlook_grant_is_current(g, o->at_us))
            continue;
        touched_by(o, side, g, &first, &end);
        if (first == end || !has_active_holder(o, s, g))
            continue;
        for (uint32_t n = first; n < end; n++)
            ret[n] |= outlook_grant_reaches(s->tree, g, outlook_at(o, side, o->touched[n]));
    }
}
