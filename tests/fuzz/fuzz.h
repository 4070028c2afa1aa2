/* What the fuzz targets share: a property that does not hold ends the process, so that libFuzzer keeps the input. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define HOLDS(property)                                                                                      \
    do {                                                                                                     \
        if (!(property)) {                                                                                   \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* The input behind its first byte, which says what is done with it. A heap copy of exactly that size: whoever reads
 * past the end is caught at once. */
static inline struct text fuzz_text(struct arena *a, const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 1 ? size - 1 : 1);

    if (!copy)
        abort();
    if (size > 1)
        memcpy(copy, data + 1, size - 1);
    arena_defer(a, free, copy);
    return (struct text){copy, size > 1 ? size - 1 : 0};
}

/* FNV-1a, to compare outcomes by. */
static inline uint64_t fuzz_hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static inline uint64_t fuzz_hash_text(uint64_t h, struct text t)
{
    h = fuzz_hash(h, &t.len, sizeof(t.len));
    return fuzz_hash(h, t.ptr, t.len);
}
