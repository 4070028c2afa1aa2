/* Files of records for plugins (plugin/host/engine.h): what the routes P/R/{id}/attachments ask is asked here too. */
#pragma once

#include "access/call.h"

MUSTCHECK int op_file_list(struct call *c, const char *resource, struct uuid id, struct text *ret);
MUSTCHECK int op_file_read(struct call *c, const char *resource, struct uuid id, struct uuid file,
    uint64_t offset, uint64_t max, struct text *ret);
MUSTCHECK int op_file_add(struct call *c, const char *resource, struct uuid id, const char *name,
    struct text content, struct uuid *ret);
