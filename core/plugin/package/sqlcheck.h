/* The rules a plugin's statement has to keep (see statements.h). */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct sql_verdict {
    bool is_write;
    uint32_t highest_param;
    uint64_t params_used; /* bit n for $n */
    uint32_t line;        /* of the fault, from 1 within the statement */
    char why[200];        /* "" when it is accepted */
};

void sql_check(struct text statement, const char *plugin, struct sql_verdict *ret);
