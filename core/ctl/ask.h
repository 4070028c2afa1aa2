/* Asks the running server's admin listener. */
#pragma once

#include "base/buf.h"
#include "base/config.h"

/* GET; 0 with status and body, or -errno (-ECONNREFUSED: nobody listens). Blocks up to some seconds. */
MUSTCHECK int ask_server(const struct config *config, const char *path, int *ret_status, struct buf *body);
