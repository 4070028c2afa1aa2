/* Which plugins brought a worker down, and when: three within an hour quarantine a plugin. Kept by the master, across a
 * binary upgrade too. */
#pragma once

#include <jansson.h>

#include "base/base.h"

#define CRASHES_MAX 64
#define CRASHES_LIMIT 3
#define CRASHES_WINDOW_MS (INT64_C(60) * 60 * 1000)

struct crash {
    char plugin[48];
    int64_t at_ms; /* clock_mono_ms */
};

struct crashes {
    struct crash list[CRASHES_MAX]; /* a ring */
    uint32_t next;
};

/* Remembers one more; returns how many there are of this plugin within the window, this one included. */
uint32_t crashes_add(struct crashes *c, const char *plugin, int64_t now_ms);
void crashes_forget(struct crashes *c, const char *plugin);
json_t *crashes_save(const struct crashes *c); /* a new reference */
void crashes_restore(struct crashes *c, const json_t *saved);
