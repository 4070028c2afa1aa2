/* Nobody is registered but by an act of their own: who was invited looks at the notice, proves a number, agrees. Or they sign a paper,
 * and a worker records that. */
#pragma once

#include "access/phone_code.h"
#include "base/jsonw.h"
#include "resource/own/consent_ledger.h"

/* Four groups of four of 32 characters: 80 bits, to be typed or in a link behind the #. */
struct invitation_token {
    char s[20];
};

struct invitation {
    struct uuid id, unit;
    const char *purpose, *how, *phone_mac;
};
/* By what stands on the paper or in the message. 404, the same for all that is not open. 429. */
MUSTCHECK int invitation_find(struct call *c, const char *token, const char *peer, struct invitation *ret);
/* What it is about: {"unit_name", "how", "notice": {…}}. */
MUSTCHECK int invitation_show(struct call *c, const struct invitation *i, struct jsonw *w);
/* A code to the number that is to be registered. */
MUSTCHECK int invitation_ask_code(struct call *c, const struct invitation *i, const char *phone,
    const char *peer, struct phone_binding *ret);

struct invitation_answer {
    struct uuid notice;
    const char *display_name;
    struct phone_answer code;
    struct text old_token;
    const char *user_agent;
};
/* Makes the account, or finds the number's, which agrees. Signs it in, unless it does a duty: then *ret has no token. Begins the unit
 * of work. */
MUSTCHECK int invitation_accept(struct call *c, const struct invitation *i,
    const struct invitation_answer *in, struct session_opened *ret, struct uuid *ret_account);

/* ---- on paper ---- */

struct registration {
    uint32_t unit; /* where the caller may invite and record consent */
    struct uuid notice;
    const char *display_name, *phone; /* NULL: none */
    struct consent_paper paper;
};
/* In the call's unit of work. 409 phone_unusable: the number is not for this, whatever the reason. */
MUSTCHECK int registration_record(
    struct call *c, const struct registration *in, struct uuid *ret_account, struct uuid *ret_consent);

phone_wanted_fn invitation_code_wanted; /* a code of an open invitation, to a number that it is for */
