/* The job that freezes batches, and the one that does them. */
#pragma once

#include "access/job.h"

extern const struct job_kind batch_freeze_job, batch_job;
