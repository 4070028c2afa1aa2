/* /breach/affected: whose data an account got at. */
#include <errno.h>

#include "api/core_routes.h"
#include "base/clock.h"
#include "resource/own/breach.h"

static int take_time(struct call *c, struct request *r, const char *name, int64_t fallback, int64_t *ret)
{
    struct text t = request_query(r, name);

    *ret = fallback;
    if (t.ptr && clock_parse(t, ret) < 0)
        return call_fail_at(c, name, "type", "A moment, RFC 3339: 2026-12-01T08:00:00Z.",
            "应为 RFC 3339 时间：2026-12-01T08:00:00Z。");
    return 0;
}

static int affected(struct call *c, struct request *r)
{
    struct text account = request_query(r, "account");
    struct breach_question q;
    int e = 0;

    if (!account.ptr || uuid_parse(account, &q.account) < 0)
        e = call_fail_at(c, "account", "type", "The id of an account.", "应为账号编号。");
    if (take_time(c, r, "from", 0, &q.from_us) < 0 || take_time(c, r, "until", c->now_us, &q.until_us) < 0 ||
        e < 0)
        return -EINVAL;
    e = call_begin(c);
    if (e == 0)
        e = breach_write(c, &q, response_json(r, 200));
    return e < 0 ? e : call_commit(c);
}

static const struct api_route routes[] = {
    {.method = HTTP_GET,
        .path = "/breach/affected",
        .query = "account,from,until",
        .handle = affected,
        .response_schema = "{\"type\":\"object\",\"properties\":{\"persons\":{\"type\":\"array\",\"items\":{"
                           "\"type\":\"object\"}},\"exports\":{\"type\":\"array\",\"items\":{\"type\":"
                           "\"object\"}},\"complete\":{\"type\":\"boolean\"}}}",
        .summary_en =
            "Whose records an account touched or was shown, and what it took out, in a span of time",
        .summary_zh = "某账号在一段时间内涉及的个人及导出"},
};

int api_breach_routes(struct router *rt)
{
    return api_add_all(rt, routes, ARRAY_LEN(routes));
}
