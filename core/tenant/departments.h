/* Departments: groups of users with a mandate, attached to a unit. */
#pragma once

#include "tenant/change.h"

#define DEPARTMENT_NAME_MAX 100

struct department_input {
    const char *code; /* create only */
    const char *name; /* NULL: unchanged */
    uint32_t unit;    /* create only */
};

MUSTCHECK int department_create(
    struct tenant_change *c, const struct department_input *in, struct uuid *ret_id);
/* version: what the caller has seen; another one is -ESTALE. */
MUSTCHECK int department_rename(struct tenant_change *c, struct uuid id, const char *name, int64_t version);
MUSTCHECK int department_close(struct tenant_change *c, struct uuid id, int64_t version);
/* Adds the account, or changes whether it is a head. */
MUSTCHECK int department_put_member(
    struct tenant_change *c, struct uuid department, struct uuid account, bool is_head);
MUSTCHECK int department_remove_member(struct tenant_change *c, struct uuid department, struct uuid account);
