/* The JSON that plugins write, checked while it is written: one value, well-formed, of a bounded size, in UTF-8. */
#pragma once

#include <juxin/plugin.h>

#include "base/base.h"
#include "base/jsonw.h"

#define OUTPUT_MAX (8u << 20)
#define OUTPUT_DEPTH 32u

struct jx_json {
    struct jsonw *w;
    uint32_t depth;
    uint32_t arrays; /* bit n: what is open at depth n + 1 is an array, else an object */
    bool has_key;    /* a key waits for its value */
    bool has_value;  /* the one value was begun */
    const char *fault;
};

void output_init(struct jx_json *o, struct jsonw *w);
/* NULL when all of one value is there; else what is wrong, a static sentence. */
const char *output_fault(const struct jx_json *o);

void output_open(struct jx_json *o, bool is_array);
void output_close(struct jx_json *o, bool is_array);
void output_key(struct jx_json *o, struct text key);
void output_text(struct jx_json *o, struct text value); /* a NULL pointer: null */
void output_int(struct jx_json *o, int64_t value);
void output_bool(struct jx_json *o, bool value);
