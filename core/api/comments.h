/* Routes of comments, for every resource that takes them, and of timelines, for every resource. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_comment_routes(struct router *rt);
