/* Codes of six digits sent to a phone: they prove who holds the number. Good for five minutes, once, for five tries, and only in the
 * browser that asked. Asking is the same, and takes the same time, whoever the number belongs to: whether a code goes out is decided
 * by a job, later. */
#pragma once

#include "access/job.h"
#include "access/phone.h"
#include "access/session.h"

#define PHONE_CODE_DIGITS 6
#define PHONE_CODE_MINUTES 5
#define PHONE_CODE_TRIES 5

enum phone_purpose { PHONE_SIGN_IN, PHONE_INVITATION, PHONE_OWN_DATA, PHONE_NUMBER, PHONE_PURPOSES };

/* Whether a code goes to the number: decided in the job's call. The floor that knows of a purpose says so at start. */
typedef int phone_wanted_fn(struct call *c, const char *phone, struct uuid subject, bool *ret_wanted);
void phone_code_decide(enum phone_purpose purpose, phone_wanted_fn *wanted);

struct phone_ask {
    enum phone_purpose purpose;
    const char *phone;   /* as phone_parse has it */
    struct uuid subject; /* the invitation or account it is about; nil */
    const char *peer;
};
/* What the browser has to bring back. */
struct phone_binding {
    char s[SESSION_TOKEN_LEN + 1];
};
/* In units of work of its own. 429. */
MUSTCHECK int phone_code_ask(struct call *c, const struct phone_ask *in, struct phone_binding *ret);

/* What the browser brings. */
struct phone_answer {
    struct text binding;
    const char *code, *peer;
};
struct phone_proof {
    struct uuid id, subject;
    const char *phone, *peer;
};
/* Counts the try in a unit of work of its own, then looks. 422 wrong_code: wrong, too late, tried too often, used, or of another
 * browser: all one answer. */
MUSTCHECK int phone_code_check(
    struct call *c, enum phone_purpose purpose, const struct phone_answer *in, struct phone_proof *ret);
/* In the unit of work of what it is used for: once. 422 when another request was faster. Its number and address may ask anew. */
MUSTCHECK int phone_code_use(struct call *c, const struct phone_proof *proof);

/* Does the account do a duty: is it in a department, or granted more than to submit and to see units? Such a one needs more than a phone. */
bool phone_is_officer(const struct tenant *t, struct uuid account);
/* The active account that signs in by the number; nil. *ret_any: one that is disabled, too. */
MUSTCHECK int phone_account(struct call *c, const char *phone, struct uuid *ret, struct uuid *ret_any);

/* The account that the browser's code proves, signed in. 422, as above. */
MUSTCHECK int session_open_by_code(struct call *c, const struct phone_answer *in, struct text old_token,
    const char *user_agent, struct session_opened *ret);

void phone_code_register(void); /* the kind of job */
