/* What the asker of a list reaches by units: per kind of key that a row carries, the units that it has to be. */
#pragma once

#include "resource/query/query.h"

enum query_reach_kind {
    BR_ALL,
    BR_UNIT,
    BR_A1,
    BR_A2,
    BR_A3,
    BR_A4,
    BR_CHILDREN0,
    BR_CHILDREN1,
    BR_CHILDREN2,
    BR_CHILDREN3,
    QUERY_REACHES
};
/* Over the alias r; %s is the unit, where there is one. */
extern const char *const query_reach_predicates[QUERY_REACHES];

struct query_reach {
    struct uuid *units[QUERY_REACHES];
    uint32_t counts[QUERY_REACHES];
    bool everywhere; /* in the whole tree, whatever part of it is asked for */
};
/* Within q->unit, where there is one. */
void query_reach(struct call *c, const struct query *q, struct query_reach *ret);
/* "AND r.a2 = $n": within q->unit only. */
const char *query_unit_predicate(struct call *c, const struct query *q, struct db_args *args);
