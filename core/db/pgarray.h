/* PostgreSQL array literals, for batches through unnest(). */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/uuid.h"

struct pgarray {
    struct buf b;
};

#define PGARRAY_INIT ((struct pgarray){BUF_INIT})

void pgarray_uuid(struct pgarray *a, struct uuid id); /* nil becomes NULL */
void pgarray_str(struct pgarray *a, const char *s);   /* NULL becomes NULL */
void pgarray_text(struct pgarray *a, struct text t);
void pgarray_int(struct pgarray *a, int64_t v);
const char *pgarray_end(struct pgarray *a); /* closes; valid until pgarray_done */
void pgarray_done(struct pgarray *a);

/* Whole ones, in the arena. */
const char *pgarray_of_texts(struct arena *a, const struct text *items, size_t count);
const char *pgarray_of_uuids(struct arena *a, const struct uuid *ids, size_t count);
