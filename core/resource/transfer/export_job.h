/* The job that makes an export. */
#pragma once

#include "access/job.h"

extern const struct job_kind export_job;
