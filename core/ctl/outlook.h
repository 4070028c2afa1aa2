/* What would happen, told to an operator. */
#pragma once

#include "ctl/ctl.h"
#include "plugin/outlook/outlook.h"

/* --preview of one tenant's change. May suspend. */
MUSTCHECK int ctl_outlook(struct ctl *c, struct call *call, const struct outlook *o);

/* Of a change above all tenants: adds up, with a line a tenant. */
struct ctl_outlook_sum {
    struct ctl *ctl;
    struct ctl_table *table;
    uint32_t turned_on, turned_off, gaining, losing;
};
void ctl_outlook_begin(struct ctl *c, struct ctl_outlook_sum *sum);
MUSTCHECK int ctl_outlook_add(struct ctl_outlook_sum *sum, struct call *call, const struct outlook *o);
void ctl_outlook_end(struct ctl_outlook_sum *sum, bool is_whole); /* whole: nothing was refused, say it */
