/* The job that makes an export of own data. */
#pragma once

#include "access/job.h"

extern const struct job_kind own_export_job;
