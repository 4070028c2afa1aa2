/* After the current key was replaced: what older keys have sealed is opened and sealed anew, in rows and in history, so that an older key
 * is needed no more for it. What lives for minutes (codes, messages under way) is left to end. */
#pragma once

#include "access/job.h"

extern const struct job_kind reseal_job;
