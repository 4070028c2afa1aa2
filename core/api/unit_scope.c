#include "api/unit_scope.h"

#include "db/pgarray.h"

static const char *scope_array(const struct call *c, const struct scope *s, enum reach reach)
{
    struct pgarray a = PGARRAY_INIT;
    const char *text;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->entries[i].reach == reach)
            pgarray_uuid(&a, tree_unit(c->tenant->tree, s->entries[i].unit).id);
    }
    text = arena_dup(c->arena, pgarray_end(&a));
    pgarray_done(&a);
    return text;
}

void unit_scope_args(const struct call *c, enum core_permission permission, struct db_args *a)
{
    struct scope scope;

    subject_scope(c->who, c->tenant, core_permission(permission), c->arena, &scope);
    db_arg_bool(a, scope.everywhere);
    db_arg_str(a, scope_array(c, &scope, REACH_SELF));
    db_arg_str(a, scope_array(c, &scope, REACH_CHILDREN));
    db_arg_str(a, scope_array(c, &scope, REACH_SUBTREE));
}
