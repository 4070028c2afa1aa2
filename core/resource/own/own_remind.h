/* Requests about own data that are due: those who may decide them are told. */
#pragma once

#include "access/job.h"

#define OWN_REMIND_DAYS 3 /* working days before the deadline */

extern const struct job_kind own_remind_job;
