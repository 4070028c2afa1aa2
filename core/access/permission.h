/* The permission catalogue: names interned to small numbers, so that a check is a bit test. Names look like
 * "core.unit.update" or "suggestions.suggestion.read". Filled at start from the core's table and the plugins'
 * declarations; names met in the database but declared by nobody are interned too and simply never asked for. */
#pragma once

#include "base/base.h"
#include "base/text.h"

#define PERMISSIONS_MAX 2048
#define PERMISSION_NONE UINT32_MAX

struct permission_info {
    const char *name;
    const char *label_zh;
    const char *label_en;
    bool is_declared;
};

uint32_t permission_declare(
    const char *name, const char *label_zh, const char *label_en); /* PERMISSION_NONE beyond the max */
uint32_t permission_intern(struct text name);                      /* PERMISSION_NONE beyond the max */
uint32_t permission_find(struct text name);                        /* PERMISSION_NONE when unknown */
const struct permission_info *permission_info(uint32_t id);
uint32_t permission_count(void);
