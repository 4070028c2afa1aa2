/* Personal values are kept as long as their declarations say, and no longer. */
#pragma once

#include "access/job.h"

extern const struct job_kind retain_job;
