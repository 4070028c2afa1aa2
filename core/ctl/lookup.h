/* From what people type to what services take. Not found is a fault in the call that says how to find it. */
#pragma once

#include "access/subject.h"
#include "ctl/ctl.h"

MUSTCHECK int lookup_unit(struct call *call, const char *code, uint32_t *ret);
MUSTCHECK int lookup_account(struct call *call, const char *login, struct uuid *ret_id, int64_t *ret_version);
MUSTCHECK int lookup_role(struct call *call, const char *name, struct uuid *ret);
MUSTCHECK int lookup_department(struct call *call, const char *code, struct uuid *ret);
/* YYYY-MM-DD (that day's beginning in China, UTC+8) or RFC 3339. */
MUSTCHECK int lookup_time(struct call *call, const char *text, int64_t fallback, int64_t *ret_us);

/* A password: --generate makes one, --password-stdin reads a line. NULL with *ret_code when neither or unusable. */
const char *lookup_password(struct ctl *c, bool *ret_generated, int *ret_code);
