/*
 * Lists of what stands at a unit (people, departments, grants), cut by the database to where the caller may see. A list
 * that fetched more and dropped what may not be seen would tell of it by short pages and by its cursor.
 */
#ifndef JUXIN_API_UNIT_SCOPE_H
#define JUXIN_API_UNIT_SCOPE_H

#include "access/call.h"
#include "access/core_permissions.h"

/* A condition over juxin.unit u. $3 to $6 are what unit_scope_args adds: everywhere, self, children, subtree. */
#define UNIT_SCOPE                                                                                           \
    "($3 OR u.id = ANY ($4::uuid[]) OR u.parent_id = ANY ($5::uuid[]) OR u.id = ANY ($6::uuid[])"            \
    " OR u.a1 = ANY ($6::uuid[]) OR u.a2 = ANY ($6::uuid[]) OR u.a3 = ANY ($6::uuid[])"                      \
    " OR u.a4 = ANY ($6::uuid[]))"

/* Adds four arguments, which live as long as the call, behind the two there are: where the caller has the permission.
 * Does not suspend. */
void unit_scope_args(const struct call *c, enum core_permission permission, struct db_args *a);

#endif
