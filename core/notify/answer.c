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
