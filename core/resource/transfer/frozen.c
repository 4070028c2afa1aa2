/* The export of frozen records: the list, turned round. */
#include "resource/transfer/frozen.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "db/pgarray.h"
#include "plugin/policy/policies.h"
#include "tenant/tree.h"

/* Does the subject hold the right somewhere in the unit's subtree? */
static int check_unit(struct call *c, uint32_t unit)
{
    const struct tree *t = c->tenant->tree;
    uint32_t at = unit == TREE_NONE ? 0 : unit;
    uint32_t right = core_permission(CORE_FROZEN_EXPORT);

    for (uint32_t u = at; u < (tree_count(t) ? tree_end(t, at) : 0); u++)
        if (subject_may(c->who, c->tenant, right, u))
            return 0;
    if (unit != TREE_NONE && !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), unit))
        return call_not_found(c);
    return call_forbidden(c, core_permission_name(CORE_FROZEN_EXPORT));
}

/* Units of the subtree where the plugin does not run and the subject may take out what is there. */
static const char *frozen_units(struct call *c, const char *plugin, uint32_t root)
{
    const uint32_t *units;
    struct uuid *ids;
    uint32_t count, n = 0;

    policy_off_units(c, plugin, root, &units, &count);
    ids = arena_array(c->arena, count + 1, sizeof(*ids));
    for (uint32_t i = 0; i < count; i++)
        if (subject_may(c->who, c->tenant, core_permission(CORE_FROZEN_EXPORT), units[i]))
            ids[n++] = tree_unit(c->tenant->tree, units[i]).id;
    return pgarray_of_uuids(c->arena, ids, n);
}

int frozen_page(
    struct call *c, const struct resource *res, const struct frozen_input *in, struct query_page *ret)
{
    const struct query_param params[] = {{TEXT("order"), TEXT("id.asc")}, {TEXT("cursor"), in->cursor}};
    uint32_t root = in->unit == TREE_NONE ? 0 : in->unit;
    struct query q;
    int r = check_unit(c, in->unit);

    if (r == 0)
        r = query_parse(c, res, params, in->cursor.ptr ? 2 : 1, &q);
    if (r < 0)
        return r;
    q.unit = in->unit;
    q.limit = in->limit;
    q.frozen = frozen_units(c, res->plugin, in->unit);
    r = call_begin(c);
    if (r == 0)
        r = query_run(c, &q, ret);
    if (r == 0)
        r = call_audit(c, arena_printf(c->arena, "%s.export_frozen", res->full_name), res->full_name,
            UUID_NIL, tree_unit(c->tenant->tree, root).id, NULL);
    return r;
}
