/* The master process: from the command line to the exit. */
#pragma once

#include "base/base.h"

/* Serves until told to stop; the exit code. executable: absolute path of what runs. */
int master_main(const char *executable, const char *config_file);
