/* Sessions and API tokens: random 256-bit secrets of which the database keeps only the SHA-256. */
#pragma once

#include "access/access.h"
#include "access/call.h"

#define SESSION_TOKEN_LEN 43 /* 32 bytes in base64url */
#define TOKEN_PREFIX "jx_"

struct session_limits {
    int64_t idle_us;     /* 30 min */
    int64_t absolute_us; /* 12 h */
};
void session_set_limits(struct session_limits limits);

struct session_opened {
    struct uuid id, account;
    char token[SESSION_TOKEN_LEN + 1];
    bool must_change_password;
    int64_t expires_at;
};

/* Checks login and password and opens a session; the one of `old_token` (may be empty) ends. Failures are counted per
 * login and peer, whose delay grows long, and per login, whose delay stays short: who guesses from many addresses is
 * slowed down, but cannot keep the owner out. An unknown login, a wrong
 * password and a disabled account are one answer that takes one time. Faults: 401 bad_credentials, 429. */
MUSTCHECK int session_open(struct call *c, struct text login, struct text password, struct text old_token,
    const char *peer, const char *user_agent, struct session_opened *ret);

/* A session of an account that was proved in another way, in the call's unit of work. -EACCES: it is disabled. */
MUSTCHECK int session_open_proved(struct call *c, struct uuid account, struct text old_token,
    const char *user_agent, struct session_opened *ret);

/* Whose token is this? Cookie values and bearer tokens alike (a bearer token begins with TOKEN_PREFIX). From the
 * snapshot's cache or the database. 0; -EACCES for a token that is not good (unknown, ended, expired, idle for too
 * long, its account disabled); -EREMCHG as call_read. *ret is borrowed from the snapshot until the next suspension. */
MUSTCHECK int session_authenticate(
    struct call *c, struct text token, bool is_bearer, struct credential **ret);

/* Ends one session of the account; -ENOENT when it has no such open session. In the call's unit of work, bumped. */
MUSTCHECK int session_end(struct call *c, struct uuid account, struct uuid id);
/* Ends all sessions of the account but `except` (may be nil). In the call's unit of work, bumped by the caller. */
MUSTCHECK int session_end_all(struct call *c, struct uuid account, struct uuid except);

/* What unsafe requests with the cookie must repeat in X-CSRF-Token. */
struct csrf_token {
    char s[SESSION_TOKEN_LEN + 1];
};
struct csrf_token session_csrf(struct text token);

int session_limited(struct call *c, int64_t wait_s); /* the 429 fault */

struct token_issued {
    struct uuid id;
    char token[sizeof(TOKEN_PREFIX) + SESSION_TOKEN_LEN];
};
/* A token that acts as the account, until a moment (wall µs). Another's account must be within the caller's rights. */
MUSTCHECK int token_issue(
    struct call *c, struct uuid account, const char *name, int64_t until, struct token_issued *ret);
MUSTCHECK int token_revoke(struct call *c, struct uuid id);

/* Which of these tokens are still good, without counting as their use: for streams that stay open. The list is put in order,
 * each once. */
struct session_check {
    struct sha256 hash;
    bool is_bearer, is_open;
};
MUSTCHECK int session_check(struct call *c, struct session_check *list, size_t *count);
struct session_check *session_check_find(
    struct session_check *list, size_t count, const struct sha256 *hash); /* NULL */
