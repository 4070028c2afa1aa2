/* One request after the other: checked, made into a curl handle, run, judged. */
#include "fetch/fetch.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "fetch/door.h"
#include "fetch/multi.h"
#include "loop/fiber.h"

#define RETRY_AFTER_MAX 86400

/* One hop. */
struct hop {
    const struct fetch *f;
    const char *url;
    struct door door;
    const char *port;
    bool is_foreign; /* another host than the first, or another port of it */
    bool is_too_large;
    struct buf body;
    CURL *easy;
    struct curl_slist *headers;
};

int fetch_init(const struct fetch_config *c)
{
    int r = door_init(c->allow, c->ca_file);

    return r < 0 ? r : multi_init(c->side_by_side);
}

void fetch_done(void)
{
    multi_done();
    door_done();
}

/* ---- what is asked ---- */

static const char *url_part(struct arena *a, CURLU *u, CURLUPart part)
{
    char *s = NULL;
    const char *out = NULL;

    if (curl_url_get(u, part, &s, CURLU_DEFAULT_PORT) == CURLUE_OK)
        out = arena_dup(a, s);
    curl_free(s);
    return out;
}

/* The host as curl will understand it, which is who judges names and addresses written in odd ways. */
static int take_url(
    struct arena *a, const char *url, struct text *ret_host, const char **ret_port, bool *ret_plain)
{
    CURLU *u = curl_url();
    const char *scheme = NULL, *host = NULL, *port = NULL;
    bool has_user = false, is_clean = true;
    size_t len = strlen(url);

    for (size_t i = 0; i < len; i++)
        is_clean &= (unsigned char)url[i] > ' ' && url[i] != 0x7f;
    if (!u)
        return -ENOMEM;
    if (is_clean && len <= FETCH_URL_MAX && text_is_utf8((struct text){url, len}) &&
        curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK) {
        scheme = url_part(a, u, CURLUPART_SCHEME);
        host = url_part(a, u, CURLUPART_HOST);
        port = url_part(a, u, CURLUPART_PORT);
        has_user = url_part(a, u, CURLUPART_USER) != NULL;
    }
    curl_url_cleanup(u);
    if (!scheme || !host || !host[0] || !port || has_user)
        return -EINVAL;
    *ret_host = text_of(host);
    *ret_port = port;
    *ret_plain = strcmp(scheme, "http") == 0;
    return *ret_plain || strcmp(scheme, "https") == 0 ? 0 : -EINVAL;
}

int fetch_check_url(struct arena *a, const char *url, struct text *ret_host)
{
    const char *port;
    bool is_plain;
    int r = take_url(a, url, ret_host, &port, &is_plain);

    return r < 0 ? r : door_check(*ret_host, is_plain);
}

static bool is_method(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(method, known[i]) == 0)
            return true;
    return false;
}

/* "Name: value" on one line. The framing is curl's own business. */
static bool is_header(const char *line)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "connection", "expect"};
    struct text rest = text_of(line), name = text_split(&rest, ':');

    if (!rest.ptr || !name.len)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || (unsigned char)name.ptr[i] >= 0x7f)
            return false;
    for (size_t i = 0; i < rest.len; i++)
        if (((unsigned char)rest.ptr[i] < ' ' && rest.ptr[i] != '\t') || rest.ptr[i] == 0x7f)
            return false;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (text_is_nocase(name, own[i]))
            return false;
    return true;
}

static int check(const struct fetch *f)
{
    size_t n = 0;

    if (!is_method(f->method))
        return -EINVAL;
    for (; f->headers && f->headers[n]; n++)
        if (n == FETCH_HEADERS_MAX || !is_header(f->headers[n]))
            return -EINVAL;
    return 0;
}

/* ---- callbacks ---- */

static size_t take_body(char *data, size_t one, size_t count, void *arg)
{
    struct hop *h = arg;

    if (h->body.len + one * count > h->f->answer_max) {
        h->is_too_large = true;
        return 0;
    }
    buf_add(&h->body, data, one * count);
    return one * count;
}

/* ---- one hop ---- */

static bool add_header(struct hop *h, const char *line)
{
    struct curl_slist *more = curl_slist_append(h->headers, line);

    h->headers = more ? more : h->headers;
    return more != NULL;
}

static void set_method(CURL *e, const struct fetch *f)
{
    if (strcmp(f->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (f->body.ptr || strcmp(f->method, "POST") == 0) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, f->body.ptr ? f->body.ptr : "");
    }
    if (strcmp(f->method, "HEAD") != 0)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, f->method);
}

/* Cookies, ~/.netrc and compression stay out. */
static int prepare(struct hop *h, int64_t timeout_ms)
{
    CURL *e = h->easy = curl_easy_init();
    bool ok = e && add_header(h, "Expect:") && add_header(h, "Accept-Encoding: identity");

    for (size_t i = 0; ok && !h->is_foreign && h->f->headers && h->f->headers[i]; i++)
        ok = add_header(h, h->f->headers[i]);
    if (!ok)
        return -ENOMEM;
    curl_easy_setopt(e, CURLOPT_URL, h->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    door_prepare(e, &h->door, timeout_ms);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
    set_method(e, h->f);
    return 0;
}

static int judge(const struct hop *h, CURLcode code)
{
    return h->is_too_large ? -EMSGSIZE : door_judge(&h->door, code);
}

static void take_answer(struct arena *a, const struct hop *h, CURLcode code, struct fetch_answer *ret)
{
    curl_off_t begun = 0, retry = 0;
    char *type = NULL;
    long status = 0;

    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &retry);
    curl_easy_getinfo(h->easy, CURLINFO_PRETRANSFER_TIME_T, &begun);
    ret->status = (int)status;
    ret->content_type = arena_dup(a, type);
    ret->retry_after_s = MAX(0, MIN(retry, RETRY_AFTER_MAX));
    ret->is_sent |= begun > 0; /* the connection stood, TLS included */
    ret->body = (struct text){arena_ndup(a, buf_str(&h->body), h->body.len), h->body.len};
    ret->why = h->door.is_refused ? "the address is not allowed"
               : h->is_too_large  ? "the answer is too large"
                                  : curl_easy_strerror(code);
}

/* Where the answer points to, when that is to be followed; NULL. */
static const char *next_url(struct arena *a, const struct hop *h, int status)
{
    char *url = NULL;

    if (strcmp(h->f->method, "GET") != 0 || status < 300 || status > 399)
        return NULL;
    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &url);
    return arena_dup(a, url);
}

static int hop_run(
    struct arena *a, struct hop *h, int64_t deadline_ms, struct fetch_answer *ret, const char **ret_next)
{
    int64_t left = deadline_ms - clock_mono_ms();
    CURLcode code = CURLE_OK;
    int r = left > 0 ? prepare(h, left) : -ETIMEDOUT;

    *ret_next = NULL;
    if (r == 0)
        r = multi_run(h->easy, deadline_ms + 1000, &code);
    if (h->easy)
        take_answer(a, h, code, ret);
    if (r == 0)
        r = judge(h, code);
    if (r == 0)
        *ret_next = next_url(a, h, ret->status);
    if (h->easy)
        curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    buf_done(&h->body);
    return r;
}

int fetch_run(struct arena *a, const struct fetch *f, struct fetch_answer *ret)
{
    int64_t deadline_ms = clock_mono_ms() + f->timeout_ms;
    const char *url = f->url;
    struct text first_host = {NULL, 0};
    const char *first_port = NULL;
    bool was_plain = true;
    int r = check(f);

    *ret = (struct fetch_answer){.why = "no such request can be made"};
    for (uint32_t hops = 0; r == 0; hops++) {
        struct hop h = {.f = f, .url = url};

        r = take_url(a, url, &h.door.host, &h.port, &h.door.is_plain);
        if (r == 0 &&
            ((h.door.is_plain && !was_plain) || (f->may_reach && !f->may_reach(f->arg, h.door.host)))) {
            ret->why = "the host is not allowed";
            r = -EACCES;
        }
        if (r < 0)
            break;
        was_plain = h.door.is_plain;
        if (hops == 0) {
            first_host = h.door.host;
            first_port = h.port;
        }
        h.is_foreign = !text_is_nocase(h.door.host, first_host.ptr) || strcmp(h.port, first_port) != 0;
        r = hop_run(a, &h, deadline_ms, ret, &url);
        if (r < 0 || !url || hops >= f->redirects_max)
            break;
    }
    return r;
}
