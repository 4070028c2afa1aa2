/* The body of a request, for the handler of a route that streams. It runs as soon as the head is there, in the request's
 * fiber, and takes as much at a time as it has room for; what it leaves in the socket holds the client back. */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "http/request.h"

/* The next bytes of the body, at least one, waiting for them; 0 at its end. -EINVAL: it is malformed, longer than the route
 * allows or too slow, and the response holds the problem. -ECANCELED: the client has gone, or the wait was ended. */
MUSTCHECK ssize_t request_read(struct request *r, void *out, size_t len);
/* How long it says it is; -1 when it comes in chunks. */
int64_t request_length(const struct request *r);
