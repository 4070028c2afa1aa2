/* Beginning, asking, numbering. */
#include "plugin/outlook/outlook_sides.h"

#include "plugin/policy/policies.h"

uint32_t outlook_set_of(const struct outlook *o, const char *plugin)
{
    for (uint32_t i = 0; i < o->set_count; i++)
        if (strcmp(o->side[0].sets[i].plugin->id, plugin) == 0)
            return i;
    return UINT32_MAX;
}

enum policy_state outlook_state(const struct outlook *o, int side, uint32_t set, uint32_t unit)
{
    const struct outlook_side *s = &o->side[side];
    uint8_t *state;

    if (!s->states[set])
        s->states[set] = arena_array(o->c->arena, o->end - o->first, 1);
    state = &s->states[set][unit - o->first];
    if (*state == 0)
        *state = (uint8_t)(policy_effective(s->tree, s->sets, o->set_count, s->sets[set].plugin->id,
                               outlook_at(o, side, unit), o->at_us)
                               .state +
                           1);
    return (enum policy_state)(*state - 1);
}

void outlook_begin(struct call *c, struct outlook *o)
{
    const struct access *access = access_of(c->tenant);
    size_t count;
    const struct policy_set *sets = policy_all(c, &count);

    *o = (struct outlook){.c = c, .at_us = c->now_us, .set_count = (uint32_t)count};
    for (int i = 0; i < 2; i++)
        o->side[i] = (struct outlook_side){.tree = c->tenant->tree,
            .sets = sets,
            .grants = access ? access->grants : NULL,
            .grant_count = access ? access->grant_count : 0,
            .members = access ? access->members : NULL,
            .member_count = access ? access->member_count : 0,
            .states = arena_array(c->arena, count + 1, sizeof(uint8_t *))};
    o->in_play = arena_array(c->arena, count + 1, sizeof(bool));
}

void outlook_range(struct outlook *o, uint32_t first, uint32_t end)
{
    o->first = o->after_first = first;
    o->end = end;
    o->touched = arena_array(o->c->arena, end - first + 1, sizeof(*o->touched));
}
