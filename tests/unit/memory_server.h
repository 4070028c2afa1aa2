/* Scenarios of test_memory that need the loop: TLS, fibers, connections, files, a whole request. */
#pragma once

#include "base/buf.h"

MUSTCHECK int memory_server_begin(const char *directory);
void memory_server_end(const char *directory);

int memory_tls(struct buf *out);
int memory_accept(struct buf *out);
int memory_fibers(struct buf *out);
int memory_pool(struct buf *out);
int memory_static(struct buf *out);
int memory_server(struct buf *out);
