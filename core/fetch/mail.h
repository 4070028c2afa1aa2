/* Outgoing mail over SMTP, held to the same as fetch/fetch.h: certificates are verified, TLS from the first byte (smtps://) or before
 * anything is said (smtp://, STARTTLS), nothing but public addresses unless the operator allows it. libcurl takes its leave of a mail
 * server by waiting for an answer to QUIT, which would block the loop: so each mail is one helper thread's from its beginning to its
 * end. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/text.h"

#define MAIL_TIMEOUT_MS 20000

struct mail {
    const char *url;             /* smtp://host:587, smtps://host:465 */
    const char *user, *password; /* NULL: without */
    const char *from, *to;       /* envelope; mail_is_address */
    struct text message;         /* RFC 5322, with CRLF */
};
struct mail_answer {
    int status; /* the last reply's; 0: none */
    bool
        is_whole; /* all of the message was given to be sent: without a reply to it, it may have been taken */
    bool is_login;   /* the reply is to user and password */
    const char *why; /* after an error: one line for logs; static */
};

/* local@domain in ASCII, as the envelope and headers take it without quoting. */
bool mail_is_address(struct text t);
/* 0 or -EINVAL, -EACCES, as far as that can be told without asking anybody. */
MUSTCHECK int mail_check_url(struct arena *a, const char *url);
/* In a fiber; not broken off before its time. 0: taken. -EBADMSG: refused with ret->status; else as fetch_run. */
MUSTCHECK int mail_run(struct arena *a, const struct mail *m, struct mail_answer *ret);
