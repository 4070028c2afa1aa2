/* PostgreSQL array literals, for batches through unnest(). */
#pragma once

#include "base/buf.h"
#include "base/uuid.h"

struct pgarray {
    struct buf b;
};

#define PGARRAY_INIT ((struct pgarray){BUF_INIT})

void pgarray_uuid(struct pgarray *a, struct uuid id); /* nil becomes NULL */
void pgarray_str(struct pgarray *a, const char *s);   /* NULL becomes NULL */
void pgarray_int(struct pgarray *a, int64_t v);
const char *pgarray_end(struct pgarray *a); /* closes; valid until pgarray_done */
void pgarray_done(struct pgarray *a);
