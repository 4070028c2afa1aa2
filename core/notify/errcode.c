/* Requests and answers in JSON where the answer says in errcode what came of it: WeCom, WeChat, DingTalk. */
#include "notify/errcode.h"

#include <errno.h>

#include "notify/access_token.h"
#include "notify/answer.h"
#include "notify/fill.h"

#define TIMEOUT_MS 10000
#define ANSWER_MAX 16384

struct text errcode_body(struct arena *a, json_t *take_body)
{
    char *s = json_dumps(take_body, JSON_COMPACT);
    struct text t = text_of(arena_dup(a, s));

    json_decref(take_body);
    free(s);
    return t;
}

int errcode_post(struct call *c, const char *url, struct text body, const json_t **ret, int *ret_status,
    struct outcome *fate)
{
    static const char *const headers[] = {"Content-Type: application/json; charset=utf-8", NULL};
    struct fetch f = {.method = "POST",
        .url = url,
        .headers = headers,
        .body = body,
        .timeout_ms = TIMEOUT_MS,
        .answer_max = ANSWER_MAX};
    struct fetch_answer answer;
    int r = fetch_run(c->arena, &f, &answer);

    if (r == -ECANCELED)
        return r;
    *ret_status = answer.status;
    if (!answer_is_good(r, &answer, fate))
        return 1;
    *fate =
        (struct outcome){.fate = FATE_UNKNOWN, .status = answer.status, .reason = "answer", .is_ours = true};
    return answer_json(c->arena, &answer, ret) < 0 || !json_is_integer(json_object_get(*ret, "errcode"));
}

/* A token that is not believed any more is renewed once: the message was certainly not taken with it. */
int errcode_post_with_token(struct call *c, const struct channel *ch, const char *token_from,
    const char *send_to, struct text body, const json_t **ret, int *ret_status, struct outcome *fate)
{
    const char *token = NULL, *refused = NULL;
    int r = 0;

    for (int i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf url = BUF_INIT;

        r = access_token_get(c, ch, token_from, refused, &token, fate);
        if (r != 0)
            return r;
        buf_addf(&url, "%s?access_token=", send_to);
        fill_urlencode(&url, text_of(token));
        r = errcode_post(c, buf_str(&url), body, ret, ret_status, fate);
        if (r != 0 || !answer_is_about_token(json_int_or(*ret, "errcode", -1)))
            return r;
        refused = token;
    }
    *fate = (struct outcome){.fate = FATE_LATER, .status = *ret_status, .reason = "token", .is_ours = true};
    return 1;
}
