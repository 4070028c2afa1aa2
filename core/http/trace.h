/* W3C Trace Context (traceparent, version 00). */
#pragma once

#include "base/base.h"
#include "http/request.h"

/* Takes the trace over from the request's traceparent field, or starts one; fills r->log.trace_id and
 * r->traceparent, whose parent is a span of our own. */
void trace_open(struct request *r);
/* Gives the request an id of our own, whatever the client sent. */
void trace_request_id(struct request *r);
