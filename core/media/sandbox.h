/* What the process may use, and then what it may do at all. 0 or -errno. */
#pragma once

int sandbox_limit(void); /* at the beginning: memory, time, descriptors; it ends with who started it */
int sandbox_close(
    void); /* reading standard input, writing standard output, memory: nothing else from here on */
