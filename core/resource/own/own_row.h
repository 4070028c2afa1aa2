/* A request about own data as a row, and as JSON. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

#define OWN_ROW_COLUMNS                                                                                      \
    "q.id, q.what, q.resource, q.record_id, q.account_id, p.display_name, q.unit_id, q.fields, q.changes, "  \
    "q.reason, q.state, q.due_on, q.answer, q.kept, q.erased, q.created_at, q.decided_at, "                  \
    "q.recorded_by, q.filed, q.signed_on"
#define OWN_ROW_FROM                                                                                         \
    " FROM juxin.own_request q JOIN juxin.account p ON p.tenant_id = q.tenant_id AND p.id = q.account_id"
/* $3 state, $4 due before, $5 older than, $6 the one, $7 how many. */
#define OWN_ROW_FILTER                                                                                       \
    " AND ($3::text IS NULL OR q.state = $3) AND ($4::date IS NULL OR (q.state = 'open' AND q.due_on < $4))" \
    " AND ($5::uuid IS NULL OR q.id < $5) AND ($6::uuid IS NULL OR q.id = $6) ORDER BY q.id DESC LIMIT $7"

void own_row_write(struct call *c, struct jsonw *w, const struct db_rows *rows, int i);
