/* Notices and the ledger of consent. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

struct notice_input {
    const char *purpose, *title_zh, *title_en, *text_zh, *text_en;
    bool is_new_purpose; /* what was agreed to before ends */
};
/* The next version for its purpose. Needs core.notice.publish at the root. In the call's unit of work. */
MUSTCHECK int notice_publish(struct call *c, const struct notice_input *in, struct uuid *ret_id);
/* {"items": […]}: the current one of each purpose, and whether the subject agrees; or the one with that id, 404. */
MUSTCHECK int notices_write(struct call *c, struct jsonw *w);
MUSTCHECK int notice_write(struct call *c, struct uuid id, struct jsonw *w);

/* The subject agrees to a notice that is current (else 409). In the call's unit of work. */
MUSTCHECK int consent_give(struct call *c, struct uuid notice, struct uuid *ret_id);
/* Somebody signed a paper: recorded by who holds core.consent.record at the account's unit, with where the paper is. */
MUSTCHECK int consent_record(
    struct call *c, struct uuid account, struct uuid notice, const char *filed, struct uuid *ret_id);
/* As easily as it was given. 404. */
MUSTCHECK int consent_withdraw(struct call *c, struct uuid id);
/* Of an account that is closed. */
MUSTCHECK int consent_end_all(struct call *c, struct uuid account);
/* The subject's own, {"items": […]}, newest first, ended ones too. */
MUSTCHECK int consents_write(struct call *c, struct jsonw *w);
