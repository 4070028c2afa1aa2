/* At most so many at once on the whole server, across its processes: password hashes take 128 MiB each. Turns are file
 * locks, so that a process that dies gives its own back. For helper threads: taking one waits. */
#pragma once

#include "base/base.h"

/* fd: a file all processes share and none closes; one turn at a time per process. Before any turn is taken. */
void turn_init(int fd, uint32_t turns, uint32_t process);
void turn_take(void);
void turn_give(void);
