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

struct consent_paper {
    const char *filed; /* where the paper is */
    int32_t signed_on; /* a day; 0: not said */
};
/* Somebody signed a paper: recorded by who holds core.consent.record at the account's unit. 422. */
MUSTCHECK int consent_record(struct call *c, struct uuid account, struct uuid notice,
    const struct consent_paper *paper, struct uuid *ret_id);
MUSTCHECK int consent_paper_check(struct call *c, const struct consent_paper *paper);

/* For who has looked at what may be: how is "online", "sms", "qr" or, with a paper, "paper". 409: outdated; agreed. */
struct consent_input {
    struct uuid account, notice;
    const char *how;
    const char *purpose; /* the notice must be for it; NULL: any */
    const struct consent_paper *paper;
    bool is_again; /* given already is as good */
};
MUSTCHECK int consent_add(struct call *c, const struct consent_input *in, struct uuid *ret_id);
/* What a notice that is current is for. 404; 409 when there is a newer one. */
MUSTCHECK int notice_purpose(struct call *c, struct uuid id, const char **ret_purpose);
/* The id of the notice that is current for a purpose; nil. */
MUSTCHECK int notice_current(struct call *c, const char *purpose, struct uuid *ret);
/* As easily as it was given. 404. */
MUSTCHECK int consent_withdraw(struct call *c, struct uuid id);
/* Of an account that is closed. */
MUSTCHECK int consent_end_all(struct call *c, struct uuid account);
/* The subject's own, {"items": […]}, newest first, ended ones too. */
MUSTCHECK int consents_write(struct call *c, struct jsonw *w);
