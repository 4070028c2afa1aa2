/* Jobs of plugins: kinds of the server's jobs (access/job.h) whose steps a plugin's function does. */
#pragma once

#include "base/base.h"

/* Once per process, when the plugins are loaded and before the first job runs. */
void plugin_jobs_register(void);
