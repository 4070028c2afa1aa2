/* Named statements of a plugin's queries.sql:
 *
 *     -- name: open_by_unit
 *     -- params: uuid, date
 *     SELECT count(*) FROM px_suggestions.suggestion s WHERE s.tenant_id = $1 AND s.unit = $2 AND s.due < $3
 *
 * $1 is the tenant and filled in by the host; params are the types of $2, $3, … The check keeps honest authors from
 * mistakes; what holds against others is row-level security and the ABI, which takes no SQL text. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/text.h"
#include "db/db.h"
#include "plugin/package/diag.h"

enum statement_type {
    STATEMENT_UUID,
    STATEMENT_TEXT,
    STATEMENT_INT,
    STATEMENT_BIGINT,
    STATEMENT_BOOL,
    STATEMENT_DATE,
    STATEMENT_TIME,
    STATEMENT_TYPES
};

#define STATEMENT_PARAMS_MAX 16

struct statement {
    const char *name;
    struct db_stmt stmt; /* name is unique in the process: "px:PLUGIN:NAME" */
    enum statement_type params[STATEMENT_PARAMS_MAX];
    uint32_t param_count;
    uint32_t line; /* of the name */
    bool is_write;
};

/* Parses and checks a file. What is wrong goes to d, -EINVAL then. The statements live in a. */
MUSTCHECK int statements_parse(const struct diag_file *f, const char *plugin, struct arena *a,
    struct statement **ret, size_t *ret_count, struct diags *d);

/* Does the text stand for a value of the type? A NULL pointer (SQL NULL) always does. */
bool statement_accepts(enum statement_type type, struct text value);
