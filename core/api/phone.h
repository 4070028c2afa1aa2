/* What handlers share that speak with a phone: the cookie that binds a code to a browser, numbers in bodies. */
#pragma once

#include "access/phone_code.h"
#include "api/dispatch.h"

/* The body's "phone". 422. */
MUSTCHECK int api_phone(
    struct call *c, const json_t *body, bool required, struct phone *ret, bool *ret_given);
/* Answers 204 with the cookie. */
int api_code_asked(struct call *c, struct request *r, const struct phone_binding *binding);
struct text api_code_binding(const struct call *c, const struct request *r);
/* Before anything that costs: 429. */
MUSTCHECK int api_code_flood(struct call *c, const struct request *r);
/* The answer to a sign-in: cookie, ids, the CSRF token. */
void api_session_opened(struct call *c, struct request *r, const struct session_opened *s);
const char *api_user_agent(struct call *c, const struct request *r);
struct text api_session_cookie(const struct call *c, const struct request *r);
