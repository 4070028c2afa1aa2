/* Deadlines: who has to be reminded that a record is due soon or overdue, and what time does to what stays overdue. Each
 * once for one due day, by a job of the tenant's that comes back every hour; an event tells whoever watches
 * (change_publish). Where the plugin does not run nothing is told; it is made up for once it runs again. */
#pragma once

#include "access/job.h"

extern const struct job_kind remind_kind;
