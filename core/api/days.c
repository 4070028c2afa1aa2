#include "api/days.h"

#include <errno.h>

#include "base/clock.h"
#include "tenant/calendar.h"

#define REASON_MAX 500

int days_take(
    struct call *c, const json_t *body, const char *key, int64_t fallback, int32_t add, int64_t *ret)
{
    const char *s = NULL;
    int32_t day;

    *ret = fallback;
    if (json_is_null(json_object_get(body, key)))
        return 0;
    if (api_str(c, body, key, false, &s) < 0)
        return -EINVAL;
    if (!s)
        return 0;
    if (date_parse(text_of(s), &day) < 0 || date_year(day) < 1900 || date_year(day) > 2200)
        return call_fail_at(c, arena_printf(c->arena, "/%s", key), "date",
            "A date like 2026-12-31 is expected.", "应为 2026-12-31 形式的日期。");
    *ret = calendar_begin(day + add);
    return 0;
}

void days_write(struct jsonw *w, int64_t from, int64_t until)
{
    jsonw_kstr(w, "from", date_format(calendar_today(from)).s);
    jsonw_kstr(w, "until", until == INT64_MAX ? NULL : date_format(calendar_today(MAX(from, until - 1))).s);
    if (until != INT64_MAX && calendar_begin(calendar_today(until)) != until)
        jsonw_ktime(w, "ended_at", until);
}

int days_reason(struct call *c, const json_t *body, const char **ret)
{
    if (api_str(c, body, "reason", false, ret) < 0)
        return -EINVAL;
    if (!*ret)
        *ret = "";
    if (text_chars(text_of(*ret)) > REASON_MAX)
        return call_fail_at(c, "/reason", "too_long", "At most 500 characters.", "不超过 500 字。");
    return 0;
}
