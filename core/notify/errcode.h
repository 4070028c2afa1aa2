/* Requests and answers in JSON where the answer says in errcode what came of it: WeCom, WeChat, DingTalk. */
#pragma once

#include "notify/channel.h"

/* Takes the value; the text is in the arena. */
struct text errcode_body(struct arena *a, json_t *take_body);
/* 0 with an answer that has an errcode; 1 with *fate, what else came of it; -ECANCELED. */
MUSTCHECK int errcode_post(struct call *c, const char *url, struct text body, const json_t **ret,
    int *ret_status, struct outcome *fate);
/* The same to send_to with ?access_token=, got from the URL token_from (notify/access_token.h). */
MUSTCHECK int errcode_post_with_token(struct call *c, const struct channel *ch, const char *token_from,
    const char *send_to, struct text body, const json_t **ret, int *ret_status, struct outcome *fate);
