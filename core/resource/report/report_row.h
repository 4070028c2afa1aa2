/* Rows of juxin.report as they are read, for the files of reports. */
#pragma once

#include "resource/report/report.h"

/* $1 is the tenant. */
#define REPORT_SELECT                                                                                        \
    "SELECT r.id, r.definition, r.label_zh, r.label_en, r.indicators, r.unit_id, r.unit_name, r.period, "    \
    "r.version, r.reason, r.state, r.computation, r.revision, r.job_id, r.created_at, r.computed_at, "       \
    "r.checked_by, c.display_name, r.checked_at, s.display_name, r.signed_at, f.display_name, r.frozen_at, " \
    "NOT EXISTS (SELECT 1 FROM juxin.report n WHERE n.tenant_id = $1 AND n.definition = r.definition AND "   \
    "n.unit_id = r.unit_id AND n.period = r.period AND n.version > r.version), j.state, j.error_en, "        \
    "j.error_zh, r.note FROM juxin.report r LEFT JOIN juxin.account c ON c.tenant_id = $1 AND c.id = "       \
    "r.checked_by "                                                                                          \
    "LEFT JOIN juxin.account s ON s.tenant_id = $1 AND s.id = r.signed_by LEFT JOIN juxin.account f ON "     \
    "f.tenant_id = $1 AND f.id = r.frozen_by LEFT JOIN juxin.job j ON j.tenant_id = $1 AND j.id = "          \
    "r.job_id WHERE r.tenant_id = $1 AND "

MUSTCHECK int report_fill(struct call *c, const struct db_rows *rows, int row, struct report *ret);
/* In the call's unit of work, locked. 404 for who may not read it. */
MUSTCHECK int report_lock(struct call *c, struct uuid id, struct report *ret);
bool report_may_read(const struct call *c, const struct report *r);
/* After a change: its event, and the audit's row. */
MUSTCHECK int report_changed(struct call *c, const struct report *r, const char *action);
