/* The scan of a paper on which somebody agreed: one for each entry of the ledger, never replaced. Its person reads it, and who may record
 * consent where the account is. */
#pragma once

#include "access/call.h"
#include "base/digest.h"
#include "blob/blob.h"
#include "blob/file_type.h"

struct consent_scan {
    const char *name;
    const struct file_type *type;
    struct sha256 digest;
    uint64_t size;
};
/* 404; 409 where no paper is. Whether there is a scan already is asked when it is added: a request may be repeated. */
MUSTCHECK int consent_scan_may_add(struct call *c, struct uuid consent);
/* As above; 409 when there is one. In the call's unit of work; the content is in the store. */
MUSTCHECK int consent_scan_add(
    struct call *c, struct uuid consent, const struct consent_scan *in, struct blob_writer *content);
/* is_own: of the subject's own ledger. 404. */
MUSTCHECK int consent_scan_find(struct call *c, struct uuid consent, bool is_own, struct consent_scan *ret);
/* Of an account that is closed. In the call's unit of work. */
MUSTCHECK int consent_scan_drop_all(struct call *c, struct uuid account);
