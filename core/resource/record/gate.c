/* The policy floor, as the engine asks it. */
#include "resource/record/gate.h"

#include "db/pgarray.h"
#include "plugin/policy/policies.h"
#include "tenant/tree.h"

bool gate_is_on(struct call *c, const char *plugin, uint32_t unit)
{
    return unit != TREE_NONE && policy_is_on(c, plugin, unit);
}

int gate_require(struct call *c, const char *plugin, uint32_t unit)
{
    return unit == TREE_NONE ? call_not_found(c) : policy_gate(c, plugin, unit);
}

int gate_require_somewhere(struct call *c, const char *plugin)
{
    const struct tree *t = c->tenant->tree;
    const uint32_t *units;
    uint32_t count, unit = 0;

    policy_off_units(c, plugin, TREE_NONE, &units, &count);
    if (count < tree_count(t) || count == 0)
        return 0;
    /* The first unit that it could run at says best why not. */
    while (unit < count && policy_state_at(c, plugin, unit) == EFFECTIVE_NOT_APPLICABLE)
        unit++;
    return policy_gate(c, plugin, unit < count ? unit : 0);
}

bool gate_is_fault(const struct call *c)
{
    return c->fault.status &&
           (strcmp(c->fault.code, POLICY_DISABLED) == 0 || strcmp(c->fault.code, POLICY_UNAVAILABLE) == 0);
}

uint32_t gate_nearest_on(struct call *c, const char *plugin, uint32_t unit)
{
    return policy_nearest_on(c, plugin, unit);
}

const char *gate_off_units(struct call *c, const char *plugin)
{
    const uint32_t *units;
    struct uuid *ids;
    uint32_t count;

    policy_off_units(c, plugin, TREE_NONE, &units, &count);
    if (count == 0)
        return NULL;
    ids = arena_array(c->arena, count, sizeof(*ids));
    for (uint32_t i = 0; i < count; i++)
        ids[i] = tree_unit(c->tenant->tree, units[i]).id;
    return pgarray_of_uuids(c->arena, ids, count);
}
