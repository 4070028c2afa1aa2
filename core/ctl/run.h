/* Runs a command with what its table says it needs. */
#pragma once

#include "ctl/ctl.h"

int run_command(struct ctl *c); /* enum ctl_exit */
