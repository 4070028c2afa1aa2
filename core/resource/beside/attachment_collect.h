/* The job that collects contents of files nobody wants. */
#pragma once

#include "access/job.h"

extern const struct job_kind attachment_collect;
