/* The jobs that work on an import. */
#pragma once

#include "access/job.h"

extern const struct job_kind import_check_job, import_run_job, import_undo_job;
