/* A tree of units from a file, brought into a tenant. */
#include "ctl/units_file.h"

#include <errno.h>

#include "access/org.h"

int units_file_check(struct units_file *f, struct arena *a, const struct tree *t)
{
    units_import_init(&f->plan, a);
    if (f->root)
        units_import_json(&f->plan, f->root);
    else
        units_import_csv(&f->plan, f->csv);
    if (!f->plan.fault_count)
        units_import_check(&f->plan, t, f->rename);
    return f->plan.fault_count ? -EINVAL : 0;
}

int units_file_faults(const struct units_file *f, struct call *call)
{
    for (const struct units_import_fault *at = f->plan.faults; at; at = at->next)
        call_fail_at(call, at->pointer, at->code, at->en, at->zh);
    return -EINVAL;
}

int units_file_import(struct ctl *c, struct call *call, void *arg)
{
    struct units_file *f = arg;

    (void)c;
    if (units_file_check(f, call->arena, call->tenant->tree) < 0)
        return units_file_faults(f, call);
    if (f->dry_run || f->plan.created + f->plan.renamed == 0)
        return 0;
    return org_unit_import(call, &f->plan);
}
