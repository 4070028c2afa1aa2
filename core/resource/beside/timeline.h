/* Everything that happened to a record, in one order: changes and transitions, comments, files. What else will have a place in it
 * is one more source (timeline.c). */
#pragma once

#include "base/jsonw.h"
#include "resource/record/record.h"

/* A place in it: behind what happened at that moment and has that id. */
struct timeline_place {
    int64_t at_us;
    struct uuid id;
};
#define TIMELINE_BEGIN ((struct timeline_place){INT64_MAX, UUID_NIL})

enum timeline_what { TIMELINE_ALL, TIMELINE_COMMENTS };

/* {"items": […], "next": cursor or null}, newest first, as the reader may see it. */
MUSTCHECK int timeline_write(struct call *c, const struct record *rec, enum timeline_what what,
    struct timeline_place after, uint32_t limit, struct jsonw *w);

const char *timeline_cursor(struct arena *a, struct timeline_place place);
MUSTCHECK int timeline_place_parse(struct text cursor, struct timeline_place *ret); /* -EINVAL */
