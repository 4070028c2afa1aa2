/* Judging answers. */
#include "notify/answer.h"

#include <errno.h>

#define PAUSE_S 60 /* where somebody says "too many" and not for how long */

const char *answer_reason(int r)
{
    switch (r) {
    case -EACCES:
        return "address_not_allowed";
    case -EKEYREJECTED:
        return "certificate";
    case -ETIMEDOUT:
        return "timeout";
    case -EMSGSIZE:
        return "too_large";
    case -EHOSTUNREACH:
        return "unreachable";
    case -EINVAL:
        return "url";
    case -EBUSY:
        return "busy";
    default:
        return "broken_off";
    }
}

static struct outcome fate(enum fate f, int status, const char *reason)
{
    return (struct outcome){.fate = f, .status = status, .reason = reason, .is_ours = true};
}

bool answer_is_good(int r, const struct fetch_answer *answer, struct outcome *ret)
{
    int status = answer->status;

    if (r < 0) {
        /* An answer that was too large or broken off came after the request. */
        *ret = fate(answer->is_sent ? FATE_UNKNOWN
                    : r == -EINVAL  ? FATE_REFUSED
                                    : FATE_LATER,
            status, answer_reason(r));
        ret->is_ours = r != -EBUSY; /* nobody was asked: others' requests take up what may go out at once */
        return false;
    }
    if (status >= 200 && status < 300)
        return true;
    if (status == 429) {
        *ret = fate(FATE_LATER, status, "throttled");
        ret->pause_s = answer->retry_after_s ? answer->retry_after_s : PAUSE_S;
    } else if (status >= 500 || status == 408) {
        *ret = fate(FATE_UNKNOWN, status, "status"); /* it broke somewhere behind the request */
    } else {
        *ret = fate(FATE_REFUSED, status, status >= 300 && status < 400 ? "redirect" : "status");
    }
    return false;
}

bool answer_is_about_token(int64_t errcode)
{
    return errcode == 40001 || errcode == 40014 || errcode == 41001 || errcode == 42001;
}

struct outcome answer_errcode(struct arena *a, int64_t errcode, int status)
{
    static const struct {
        int64_t errcode;
        enum fate fate;
        const char *reason;
        int64_t pause_s;
        bool is_ours;
    } known[] = {{0, FATE_ACCEPTED, NULL, 0, false}, {-1, FATE_LATER, "busy", 0, true},
        {45009, FATE_LATER, "throttled", PAUSE_S, true}, {45033, FATE_LATER, "throttled", PAUSE_S, true},
        {130101, FATE_LATER, "throttled", 600, true}, /* DingTalk's robots are silenced for ten minutes */
        {40003, FATE_REFUSED, "receiver", 0, false}, {43004, FATE_REFUSED, "not_subscribed", 0, false},
        {43101, FATE_REFUSED, "not_wanted", 0, false}, {60111, FATE_REFUSED, "receiver", 0, false},
        {81013, FATE_REFUSED, "receiver", 0, false}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].errcode == errcode)
            return (struct outcome){
                known[i].fate, status, known[i].reason, known[i].pause_s, known[i].is_ours};
    return (struct outcome){.fate = FATE_REFUSED,
        .status = status,
        .reason = arena_printf(a, "errcode_%lld", (long long)errcode),
        .is_ours = true};
}

static void free_json(void *value)
{
    json_decref(value);
}

int answer_json(struct arena *a, const struct fetch_answer *answer, const json_t **ret)
{
    json_t *value;
    int r = json_parse(answer->body, JSON_LIMITS, &value, NULL);

    if (r < 0)
        return -EINVAL;
    arena_defer(a, free_json, value);
    *ret = value;
    return json_is_object(value) ? 0 : -EINVAL;
}
