/* Why somebody may or may not: which grants allow it, or which come nearest and what they lack. */
#pragma once

#include "access/call.h"
#include "base/arena.h"

enum explain_reason {
    EXPLAIN_ALLOWS,     /* this grant is why */
    EXPLAIN_NOT_YET,    /* right role and place, begins later */
    EXPLAIN_EXPIRED,    /* right role and place, over */
    EXPLAIN_OTHER_UNIT, /* has the permission, elsewhere */
    EXPLAIN_ROLE_LACKS  /* reaches the unit, its role has not the permission */
};
const char *explain_reason_name(enum explain_reason r);

struct explain_line {
    enum explain_reason reason;
    struct uuid grant_id, department, post; /* both nil: granted to the account itself */
    const char *role;
    uint32_t unit;
    enum reach reach;
    int64_t from, until; /* 0 and INT64_MAX for none */
};

struct explain_answer {
    bool may;
    struct explain_line *lines; /* those that allow, or the nearest misses; nearest first */
    uint32_t count;
};

#define EXPLAIN_LINES_MAX 20

/* Pure: over the subject's grants as compiled, and further ones (expired ones are not compiled). */
void explain(const struct subject *s, const struct tenant *t, uint32_t permission, uint32_t unit,
    int64_t now_us, const struct subject_grant *more, uint32_t more_count, struct arena *a,
    struct explain_answer *ret);

/* For an account of the call's tenant; expired grants are read from the database: suspends, -EREMCHG as call_read. */
MUSTCHECK int explain_account(
    struct call *c, struct uuid account, uint32_t permission, uint32_t unit, struct explain_answer *ret);
