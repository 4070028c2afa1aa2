/* Requests of plugins to other systems: to the hosts that the manifest names, through the one door (fetch/fetch.h). */
#include <errno.h>

#include "base/clock.h"
#include "fetch/fetch.h"
#include "plugin/host/host.h"

#define URL_MAX 2048
#define HEADER_MAX 4096
#define TIMEOUT_MS 10000
#define TIMEOUT_MAX_MS 30000
#define ANSWER_BYTES 65536
#define ANSWER_BYTES_MAX (1u << 20)
#define BODY_MAX (1u << 20)

/* What version 1.1 knows of each; later members are read only where the plugin's size has them. */
#define REQUEST_SIZE sizeof(struct jx_http_request)
#define ANSWER_SIZE sizeof(struct jx_http_answer)

/* "api.example.cn", or "*.example.cn" for what is below it. */
static bool is_named(const char *entry, struct text host)
{
    size_t len;

    if (entry[0] != '*')
        return text_is_nocase(host, entry);
    len = strlen(entry) - 1;
    return host.len > len && text_is_nocase(text_skip(host, host.len - len), entry + 1);
}

static bool may_reach(const void *arg, struct text host)
{
    const struct plugin *p = arg;

    for (size_t i = 0; p->hosts && p->hosts[i]; i++)
        if (is_named(p->hosts[i], host))
            return true;
    return false;
}

/* Copied out of the plugin's memory, which it may change while the request is under way. NULL when one is too long: cut, it would
 * say something else. */
static const char *const *copy_headers(struct arena *a, const char *const *headers)
{
    const char **copy = arena_array(a, FETCH_HEADERS_MAX + 2, sizeof(*copy));

    for (size_t i = 0; headers && headers[i] && i <= FETCH_HEADERS_MAX; i++) {
        if (strnlen(headers[i], HEADER_MAX + 1) > HEADER_MAX)
            return NULL;
        copy[i] = host_words(a, headers[i], HEADER_MAX);
    }
    return copy;
}

static const char *method_of(uint32_t method)
{
    static const char *const names[] = {
        [JX_GET] = "GET", [JX_POST] = "POST", [JX_PUT] = "PUT", [JX_PATCH] = "PATCH", [JX_DELETE] = "DELETE"};

    return method < ARRAY_LEN(names) ? names[method] : NULL;
}

/* Whatever the plugin wants, the call's own time is the limit. */
static int64_t time_for(const struct call *c, uint32_t wanted_ms)
{
    int64_t ms = wanted_ms ? MIN(wanted_ms, TIMEOUT_MAX_MS) : TIMEOUT_MS;

    return c->deadline_ms ? MAX(1, MIN(ms, c->deadline_ms - clock_mono_ms())) : ms;
}

static int32_t error_of(struct jx_call *call, int r)
{
    switch (r) {
    case 0:
    case -EINVAL:
    case -EACCES:
    case -ETIMEDOUT:
    case -ECANCELED:
        return host_error(call, r);
    case -EMSGSIZE:
        return JX_E2BIG;
    case -EBUSY:
        return JX_EAGAIN;
    default:
        return JX_EIO;
    }
}

static int32_t fetch_http(struct jx_call *call, const struct jx_http_request *req, struct jx_http_answer *ret)
{
    struct arena *a = call->c->arena;
    struct text body = host_untext(req->body);
    struct fetch f = {.method = method_of(req->method),
        .answer_max = req->answer_max ? MIN(req->answer_max, ANSWER_BYTES_MAX) : ANSWER_BYTES,
        .may_reach = may_reach,
        .arg = call->plugin};
    struct fetch_answer answer = {0};
    struct plugin_frame *frame;
    int r;

    if (req->size < REQUEST_SIZE || ret->size < ANSWER_SIZE || !f.method || !req->url || body.len > BODY_MAX)
        return JX_EINVAL;
    /* A transaction does not wait for other systems: it holds one of few connections, and locks. */
    if (call->c->tx || call->is_read_only)
        return JX_ENOTSUP;
    r = host_go_on(call);
    if (r < 0)
        return r;
    f.url = host_words(a, req->url, URL_MAX + 4); /* one that is cut is still too long */
    f.headers = copy_headers(a, req->headers);
    if (!f.headers)
        return JX_EINVAL;
    if (body.ptr)
        f.body = (struct text){arena_ndup(a, body.ptr, body.len), body.len};
    f.timeout_ms = time_for(call->c, req->timeout_ms);
    frame = frame_pause();
    r = fetch_run(a, &f, &answer);
    frame_resume(frame);
    ret->status = answer.status;
    ret->flags = answer.is_sent ? JX_SENT : 0;
    ret->body = host_text(answer.body);
    ret->content_type = host_text(text_of(answer.content_type));
    ret->retry_after_s = (uint32_t)answer.retry_after_s;
    return error_of(call, r);
}

const struct jx_fetch_api host_fetch = {
    .size = sizeof(host_fetch),
    .http = fetch_http,
};
