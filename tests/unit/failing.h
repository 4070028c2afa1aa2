/* Allocations that fail on purpose: malloc and its kin of the whole program, libraries included, and the core's mmap. */
#pragma once

#include "base/base.h"

/* From now on the n-th allocation of this thread fails, once; 0: none does, they are only counted. Other threads, and
 * what the sanitizers do in them, are left alone: a helper's function allocates nothing. */
void failing_arm(uint64_t n);
/* No more. Returns how many there were since. */
uint64_t failing_disarm(void);
bool failing_can_tell_leaks(void);
/* Is memory lost? Only a build with the leak sanitizer can tell; elsewhere false. */
bool failing_leaks(void);
