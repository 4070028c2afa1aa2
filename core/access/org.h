/* A tenant's structure as a subject may change it: permission, epoch, the change itself, audit. Units are preorder
 * numbers in the call's tenant. Every function opens the call's unit of work and leaves the commit to the caller. */
#pragma once

#include "access/call.h"
#include "tenant/departments.h"
#include "tenant/units.h"
#include "tenant/units_import.h"

MUSTCHECK int org_unit_create(struct call *c, const struct unit_input *in, struct uuid *ret_id);
MUSTCHECK int org_unit_rename(
    struct call *c, uint32_t unit, const char *name, int64_t version, int64_t *ret_version);
MUSTCHECK int org_unit_move(
    struct call *c, uint32_t unit, uint32_t parent, int64_t version, int64_t *ret_version);
/* What org_unit_move refuses, but for the version; changes nothing. */
MUSTCHECK int org_unit_move_check(struct call *c, uint32_t unit, uint32_t parent);
MUSTCHECK int org_unit_close(struct call *c, uint32_t unit, int64_t version, int64_t *ret_version);
/* A unit is taken over by another: who may move both, close the one, and change its accounts and departments. */
MUSTCHECK int org_unit_retire(struct call *c, uint32_t unit, uint32_t into, bool is_split);
MUSTCHECK int org_unit_retire_check(struct call *c, uint32_t unit, uint32_t into);
/* plan: made by units_import_check from this call's snapshot, without faults. */
MUSTCHECK int org_unit_import(struct call *c, const struct units_import *plan);

MUSTCHECK int org_department_create(struct call *c, const struct department_input *in, struct uuid *ret_id);
MUSTCHECK int org_department_rename(struct call *c, struct uuid id, const char *name, int64_t version);
MUSTCHECK int org_department_close(struct call *c, struct uuid id, int64_t version);
/* Whoever adds a member hands on what the department was granted: it must be within the adder's own rights. */
MUSTCHECK int org_member_put(struct call *c, struct uuid department, struct uuid account, bool is_head);
MUSTCHECK int org_member_remove(struct call *c, struct uuid department, struct uuid account);
/* What the two refuse; changes nothing. */
MUSTCHECK int org_member_check(struct call *c, struct uuid department, struct uuid account, bool is_put);
