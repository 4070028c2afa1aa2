/* Brings the schema up to date as the owner role: the core's migrations, then the tables of declared resources. One way
 * for `juxinctl migrate` and for the migrator the master runs before workers start. Blocks; assemble_services() first. */
#pragma once

#include "base/buf.h"
#include "base/config.h"

enum schema_exit { SCHEMA_OK = 0, SCHEMA_FAILED = 1, SCHEMA_NO_DATABASE = 5 };

struct schema_result {
    uint32_t applied, pending;
    struct buf problem; /* a sentence for people when it failed; the caller frees it */
};

MUSTCHECK int schema_update(const struct config *c, bool check_only,
    void (*progress)(void *arg, const char *what), void *arg, struct schema_result *ret);
