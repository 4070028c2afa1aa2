/* Routes of files beside records, for every resource that takes them. */
#pragma once

#include "api/dispatch.h"

struct attachment_limits {
    uint64_t bytes;   /* of one file, whatever a declaration says */
    uint32_t uploads; /* at once in this process; a quarter of them for one account */
};
void api_attachment_limits(struct attachment_limits limits); /* before the routes are added */
MUSTCHECK int api_attachment_routes(struct router *rt);
