/* What each kind of change makes of the second side, and the units at which plugins run differently. */
#include "plugin/outlook/outlook.h"

#include "access/org.h"
#include "base/mem.h"
#include "plugin/outlook/outlook_people.h"

static void add_permissions(const char *plugin, uint64_t *bits)
{
    size_t len = strlen(plugin);

    for (uint32_t p = 0; p < permission_count(); p++) {
        const char *name = permission_info(p)->name;

        if (strncmp(name, plugin, len) == 0 && name[len] == '.')
            bits[p / 64] |= UINT64_C(1) << (p % 64);
    }
}

/* ---- what differs ---- */

static void find_flips(struct outlook *o)
{
    uint32_t room = 0;
    struct outlook_flip *flips = NULL;

    for (uint32_t set = 0; set < o->set_count; set++) {
        for (uint32_t u = o->first; o->in_play[set] && u < o->end; u++) {
            struct outlook_flip f = {
                set, u, outlook_state(o, OUTLOOK_BEFORE, set, u), outlook_state(o, OUTLOOK_AFTER, set, u)};

            if (f.before == f.after)
                continue;
            if (o->flip_count == room) {
                room = room ? 2 * room : 64;
                flips = mem_resize(flips, room, sizeof(*flips));
            }
            flips[o->flip_count++] = f;
            o->turned_on += f.after == EFFECTIVE_ON;
            o->turned_off += f.before == EFFECTIVE_ON;
        }
    }
    o->flips = flips;
    if (flips)
        arena_defer(o->c->arena, free, flips);
}

static bool is_turned(const struct outlook *o, uint32_t unit)
{
    for (uint32_t set = 0; set < o->set_count; set++)
        if (o->in_play[set] &&
            outlook_is_on(o, OUTLOOK_BEFORE, set, unit) != outlook_is_on(o, OUTLOOK_AFTER, set, unit))
            return true;
    return false;
}

static int finish(struct outlook *o)
{
    find_flips(o);
    return outlook_find_people(o);
}

/* ---- policies ---- */

/* The plugin and whoever needs it, at any distance. */
static void find_dependents(struct outlook *o, const char *plugin)
{
    bool grew = true;

    o->in_play[outlook_set_of(o, plugin)] = true;
    while (grew) {
        grew = false;
        for (uint32_t i = 0; i < o->set_count; i++) {
            const char *const *need = o->in_play[i] ? NULL : o->side[0].sets[i].plugin->requires;

            for (; need && *need && !o->in_play[i]; need++) {
                uint32_t other = outlook_set_of(o, *need);

                grew |= o->in_play[i] = other != UINT32_MAX && o->in_play[other];
            }
        }
    }
}

static int of_policy(struct call *c, const struct policy_change *ch, struct outlook *o)
{
    uint32_t root = ch->row.unit == TREE_NONE ? 0 : ch->row.unit;

    outlook_begin(c, o);
    o->at_us = ch->at_us;
    o->side[OUTLOOK_AFTER].sets = ch->sets;
    find_dependents(o, ch->plugin);
    outlook_range(o, root,
        ch->row.unit == TREE_NONE ? tree_count(c->tenant->tree)
        : ch->row.is_subtree      ? tree_end(c->tenant->tree, root)
                                  : root + 1);
    for (uint32_t i = 0; i < o->set_count; i++)
        if (o->in_play[i])
            add_permissions(o->side[0].sets[i].plugin->id, o->interest);
    for (uint32_t u = o->first; u < o->end; u++)
        if (is_turned(o, u))
            o->touched[o->touched_count++] = u;
    return finish(o);
}

int outlook_policy_set(struct call *c, const struct policy_input *in, struct outlook *ret)
{
    struct policy_change ch;
    int r = policy_change_set(c, in, &ch);

    return r < 0 ? r : of_policy(c, &ch, ret);
}

int outlook_policy_end(struct call *c, const char *plugin, struct uuid id, struct outlook *ret)
{
    struct policy_change ch;
    int r = policy_change_end(c, plugin, id, &ch);

    return r < 0 ? r : of_policy(c, &ch, ret);
}

/* ---- moves ---- */

static void free_tree(void *tree)
{
    tree_free(tree);
}

/* Rows and grants name units by number: the moved tree has other numbers. */
static void renumber(struct outlook *o, const struct tree *moved)
{
    struct arena *a = o->c->arena;
    struct outlook_side *s = &o->side[OUTLOOK_AFTER];
    struct policy_set *sets = arena_array(a, o->set_count + 1, sizeof(*sets));
    struct access_grant *grants = arena_array(a, s->grant_count + 1, sizeof(*grants));

    for (uint32_t i = 0; i < o->set_count; i++) {
        struct policy_row *rows = arena_array(a, s->sets[i].count + 1, sizeof(*rows));

        for (size_t k = 0; k < s->sets[i].count; k++) {
            rows[k] = s->sets[i].rows[k];
            if (rows[k].unit != TREE_NONE)
                rows[k].unit = tree_find(moved, tree_unit(s->tree, rows[k].unit).id);
        }
        sets[i] = (struct policy_set){s->sets[i].plugin, rows, s->sets[i].count};
    }
    for (uint32_t i = 0; i < s->grant_count; i++) {
        grants[i] = s->grants[i];
        grants[i].unit = tree_find(moved, tree_unit(s->tree, grants[i].unit).id);
    }
    s->tree = moved;
    s->sets = sets;
    s->grants = grants;
}

int outlook_unit_move(struct call *c, uint32_t unit, uint32_t parent, struct outlook *ret)
{
    struct tree *moved;
    int r = org_unit_move_check(c, unit, parent);

    if (r == 0)
        r = unit_moved_tree(c->tenant->tree, unit, parent, &moved);
    if (r < 0)
        return r;
    arena_defer(c->arena, free_tree, moved);
    outlook_begin(c, ret);
    outlook_range(ret, unit, tree_end(c->tenant->tree, unit));
    ret->after_first = tree_find(moved, tree_unit(c->tenant->tree, unit).id);
    renumber(ret, moved);
    memset(ret->in_play, true, ret->set_count);
    memset(ret->interest, 0xff, sizeof(ret->interest));
    for (uint32_t u = ret->first; u < ret->end; u++)
        ret->touched[ret->touched_count++] = u;
    return finish(ret);
}

int outlook_unit_retire(struct call *c, uint32_t unit, uint32_t into, bool carry_grants, struct outlook *ret)
{
    const struct access *access = access_of(c->tenant);
    struct access_grant *grants;
    uint32_t n;
    int r = org_unit_retire_check(c, unit, into);

    if (r < 0)
        return r;
    outlook_begin(c, ret);
    outlook_range(ret, unit, unit + 1);
    ret->after_first = into;
    grants = arena_array(c->arena, 2 * (size_t)access->grant_count + 1, sizeof(*grants));
    n = access->grant_count;
    memcpy(grants, access->grants, n * sizeof(*grants));
    for (uint32_t i = 0; carry_grants && i < access->grant_count; i++) {
        if (grants[i].unit != unit || !uuid_is_nil(grants[i].post))
            continue;
        grants[n] = grants[i];
        grants[n++].unit = into;
    }
    ret->side[OUTLOOK_AFTER].grants = grants;
    ret->side[OUTLOOK_AFTER].grant_count = n;
    memset(ret->in_play, true, ret->set_count);
    memset(ret->interest, 0xff, sizeof(ret->interest));
    ret->touched[ret->touched_count++] = unit;
    return finish(ret);
}

/* ---- grants ---- */

/* The sides but for the grant, which only one of them has. */
static int of_grant(struct outlook *o, const struct access_grant *g, const struct access_grant *with,
    uint32_t with_count, const struct access_grant *without, uint32_t without_count, bool is_new)
{
    const struct tree *t = o->c->tenant->tree;

    o->side[is_new ? OUTLOOK_AFTER : OUTLOOK_BEFORE].grants = with;
    o->side[is_new ? OUTLOOK_AFTER : OUTLOOK_BEFORE].grant_count = with_count;
    o->side[is_new ? OUTLOOK_BEFORE : OUTLOOK_AFTER].grants = without;
    o->side[is_new ? OUTLOOK_BEFORE : OUTLOOK_AFTER].grant_count = without_count;
    o->at_us = MAX(g->from, o->c->now_us);
    o->is_department = uuid_is_nil(g->account);
    o->holder = !uuid_is_nil(g->post) ? UUID_NIL : o->is_department ? g->department : g->account;
    memcpy(o->interest, g->role->permissions, sizeof(o->interest));
    outlook_range(o, g->unit, tree_end(t, g->unit));
    for (uint32_t u = o->first; u < o->end; u++)
        if (outlook_grant_reaches(t, g, u))
            o->touched[o->touched_count++] = u;
    return finish(o);
}

int outlook_grant(struct call *c, const struct grant_input *in, struct outlook *ret)
{
    struct access_grant g = {.account = in->account,
        .department = in->department,
        .post = in->post,
        .role = access_find_role(c->tenant, in->role),
        .unit = in->unit,
        .reach = in->reach,
        .from = MAX(in->from, c->now_us),
        .until = in->until};
    const struct access *access = access_of(c->tenant);
    const struct access_tenure *tenures;
    uint32_t held = access_tenures_of(access, in->post, &tenures), n = access->grant_count;
    struct access_grant *with;
    int r = grant_check(c, in);

    if (r < 0)
        return r;
    outlook_begin(c, ret);
    with = arena_array(c->arena, n + held + 1, sizeof(*with));
    memcpy(with, access->grants, n * sizeof(*with));
    with[n++] = g;
    for (uint32_t i = 0; i < held; i++)
        n += access_hold(&g, &tenures[i], &with[n]);
    return of_grant(ret, &g, with, n, access->grants, access->grant_count, true);
}

int outlook_grant_end(struct call *c, struct uuid id, struct outlook *ret)
{
    const struct access *access = access_of(c->tenant);
    const struct access_grant *g;
    struct access_grant *without;
    uint32_t n = 0;
    int r = grant_check_end(c, id, &g);

    if (r < 0)
        return r;
    outlook_begin(c, ret);
    without = arena_array(c->arena, access->grant_count + 1, sizeof(*without));
    for (uint32_t i = 0; i < access->grant_count; i++)
        if (!uuid_eq(access->grants[i].id, id))
            without[n++] = access->grants[i];
    return of_grant(ret, g, access->grants, access->grant_count, without, n, false);
}

/* ---- roles and memberships ---- */

/* All units that one of the grants reaches, by what is true of it. */
static void touch_reached(
    struct outlook *o, bool (*is_about)(const struct access_grant *g, const void *arg), const void *arg)
{
    const struct outlook_side *s = &o->side[OUTLOOK_BEFORE];
    uint32_t count = tree_count(s->tree);
    bool *reached = arena_array(o->c->arena, count + 1, sizeof(*reached));

    outlook_range(o, 0, count);
    for (uint32_t i = 0; i < s->grant_count; i++) {
        const struct access_grant *g = &s->grants[i];

        if (!is_about(g, arg))
            continue;
        for (uint32_t u = g->unit; u < tree_end(s->tree, g->unit); u++)
            reached[u] |= outlook_grant_reaches(s->tree, g, u);
    }
    for (uint32_t u = 0; u < count; u++)
        if (reached[u])
            o->touched[o->touched_count++] = u;
}

static bool is_of_role(const struct access_grant *g, const void *role)
{
    return g->role == role;
}

static struct access_role *changed_role(
    struct call *c, const struct access_role *role, const struct role_input *in)
{
    struct access_role *changed = arena_alloc(c->arena, sizeof(*changed));

    *changed = *role;
    if (!in->permissions)
        return changed;
    changed->permissions = arena_array(c->arena, PERMISSIONS_MAX / 64, sizeof(uint64_t));
    for (uint32_t i = 0; i < in->permission_count; i++) {
        uint32_t p = permission_find(text_of(in->permissions[i]));

        changed->permissions[p / 64] |= UINT64_C(1) << (p % 64);
    }
    return changed;
}

int outlook_role(struct call *c, struct uuid id, const struct role_input *in, struct outlook *ret)
{
    const struct access *access = access_of(c->tenant);
    const struct access_role *role;
    struct access_role *changed;
    struct access_grant *grants;
    int r = role_update_check(c, id, in, &role);

    if (r < 0)
        return r;
    changed = changed_role(c, role, in);
    outlook_begin(c, ret);
    grants = arena_array(c->arena, access->grant_count + 1, sizeof(*grants));
    for (uint32_t i = 0; i < access->grant_count; i++) {
        grants[i] = access->grants[i];
        if (grants[i].role == role)
            grants[i].role = changed;
    }
    ret->side[OUTLOOK_AFTER].grants = grants;
    for (size_t i = 0; i < PERMISSIONS_MAX / 64; i++)
        ret->interest[i] = role->permissions[i] ^ changed->permissions[i];
    touch_reached(ret, is_of_role, role);
    return finish(ret);
}

static bool is_of_department(const struct access_grant *g, const void *department)
{
    return uuid_is_nil(g->account) && uuid_eq(g->department, *(const struct uuid *)department);
}

int outlook_member(
    struct call *c, struct uuid department, struct uuid account, bool is_put, struct outlook *ret)
{
    const struct access *access = access_of(c->tenant);
    struct outlook_side *after = &ret->side[OUTLOOK_AFTER];
    struct access_member *members;
    uint32_t n = 0;
    int r = org_member_check(c, department, account, is_put);

    if (r < 0)
        return r;
    outlook_begin(c, ret);
    members = arena_array(c->arena, access->member_count + 1, sizeof(*members));
    for (uint32_t i = 0; i < access->member_count; i++)
        if (!uuid_eq(access->members[i].department, department) ||
            !uuid_eq(access->members[i].account, account))
            members[n++] = access->members[i];
    if (is_put)
        members[n++] = (struct access_member){.account = account, .department = department};
    after->members = members;
    after->member_count = n;
    ret->holder = account;
    for (uint32_t i = 0; i < access->grant_count; i++)
        for (size_t k = 0; is_of_department(&access->grants[i], &department) && k < PERMISSIONS_MAX / 64; k++)
            ret->interest[k] |= access->grants[i].role->permissions[k];
    touch_reached(ret, is_of_department, &department);
    return finish(ret);
}
