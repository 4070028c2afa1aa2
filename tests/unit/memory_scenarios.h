/* What test_memory runs with failing allocations. */
#pragma once

#include "base/buf.h"
#include "base/digest.h"

#define SCENARIOS_MAX 40

/* Does its work from nothing to nothing: whatever it takes it gives back, also when something fails. 0 with the result
 * in *out (the same each time), or an error. */
struct scenario {
    const char *name;
    int (*run)(struct buf *out);
    /* Thousands of allocations, nearly all of them OpenSSL's: every 17th, others each time. JUXIN_MEMORY_ALL=1 leaves
     * none out. */
    enum { EACH, EACH_WHEN_PLAIN, SOME } which;
};
extern const struct scenario scenarios[]; /* up to one without a name */

MUSTCHECK int scenarios_begin(void); /* before the first: files, and what libraries keep for good */
void scenarios_end(void);
