/* A signed paper. */
#include "api/paper.h"

#include <errno.h>

#include "base/clock.h"

int api_paper(struct call *c, const json_t *body, struct consent_paper *ret)
{
    const char *day = NULL;
    int e = api_str(c, body, "filed", true, &ret->filed);

    if (api_str(c, body, "signed_on", false, &day) < 0 || e < 0)
        return -EINVAL;
    if (day && date_parse(text_of(day), &ret->signed_on) < 0)
        return call_fail_at(
            c, "/signed_on", "type", "A day like 2026-12-31.", "应为 2026-12-31 形式的日期。");
    return 0;
}
