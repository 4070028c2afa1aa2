/* Bytes that are fetched piece by piece as somebody has use for them: the body of an answer too large to hold. Everything
 * happens on the loop, so nothing here may block. */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct source;

struct source_ops {
    /* The next piece, at least one byte, which stays until the next call. 0; -EAGAIN: `ready` is called from the loop when
     * it is worth asking again; any other error: nothing more will come. Not asked when nothing is left. */
    int (*fetch)(struct source *s, struct text *ret);
    void (*close)(struct source *s); /* frees it; `ready` is not called any more */
};

struct source {
    const struct source_ops *ops;
    uint64_t left; /* bytes not fetched yet */
    size_t held;   /* the memory it takes, for accounts */
    void (*ready)(void *arg);
    void *arg;
};
