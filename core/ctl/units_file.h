/* A tree of units from a file, brought into a tenant: what `unit import` and `tenant import` share. */
#pragma once

#include "ctl/ctl.h"
#include "tenant/units_import.h"

struct units_file {
    struct text csv;    /* when there is no root */
    const json_t *root; /* {"units": […]} */
    bool rename, dry_run;
    struct units_import plan; /* what was, or would be, done */
};

/* Reads and compares with the tree, without writing. -EINVAL with faults in the plan. */
MUSTCHECK int units_file_check(struct units_file *f, struct arena *a, const struct tree *t);
/* For ctl_in_tenant: arg is the units_file. */
MUSTCHECK int units_file_import(struct ctl *c, struct call *call, void *arg);
/* The plan's faults as the call's. -EINVAL. */
int units_file_faults(const struct units_file *f, struct call *call);
