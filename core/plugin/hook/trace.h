/* What happened in plugins during one request: which hooks ran, in which order, with what result and for how long, and
 * why others were not called. Asked for by the header X-Juxin-Trace: 1 and the permission core.trace; answered in the
 * header Juxin-Trace, so that it comes from the worker that did the work and nothing is kept. */
#pragma once

#include "access/call.h"
#include "base/base.h"

#define TRACE_BYTES_MAX 4096

void trace_begin(struct call *c); /* sets c->trace; lives in the call's arena */
/* Nothing without a trace. result: "ok", "veto", "error", "not_called", "queued"; why may be NULL. */
void trace_note(struct call *c, const char *point, const char *plugin, const char *hook, const char *result,
    int64_t took_us, const char *why);
/* [{"n":1,"point":…,"plugin":…,"hook":…,"result":…,"us":…,"why":…}, …, {"omitted":n}], ASCII, at most TRACE_BYTES_MAX;
 * NULL without a trace. */
const char *trace_text(struct call *c);
