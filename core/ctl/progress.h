/* How far a long command is: a bar on a terminal, a line now and then elsewhere, nothing with --json. */
#pragma once

#include "ctl/ctl.h"

struct progress {
    struct ctl *ctl;
    uint64_t total; /* 0 when it is not known */
    bool is_terminal;
    int64_t began_ms, shown_ms;
    uint64_t shown_tenth;
};

void progress_begin(struct progress *p, struct ctl *c, uint64_t total);
/* Shown when it is time to. The words say what was done: "40 tenants, 360 units". */
void progress_at(struct progress *p, uint64_t done, const char *format, ...) PRINTF_LIKE(3, 4);
/* The last state, and the end of the line. */
void progress_end(struct progress *p, uint64_t done, const char *format, ...) PRINTF_LIKE(3, 4);
/* A line of its own is about to be written. */
void progress_clear(struct progress *p);
