/* One mail at a time on a helper thread. */
#include "fetch/mail.h"

#include <curl/curl.h>
#include <errno.h>
#include <sys/socket.h>

#include "fetch/door.h"
#include "loop/helper.h"

#define ADDRESS_MAX 254
#define URL_MAX 300

/* What the thread works with: nothing else of the process's is touched. */
struct posting {
    const struct mail *mail;
    struct door door;
    size_t sent;
    bool is_whole;
    long status;
    CURLcode code;
};

static bool is_atom(struct text t)
{
    static const char others[] = "!#$%&'*+/=?^_`{|}~-";

    for (size_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !(c && strchr(others, c)))
            return false;
    }
    return t.len > 0;
}

static bool is_label(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return t.len > 0 && t.len <= 63 && t.ptr[0] != '-' && t.ptr[t.len - 1] != '-';
}

bool mail_is_address(struct text t)
{
    struct text rest = t, local = text_split(&rest, '@'), domain = rest;
    int labels = 0;

    if (!domain.ptr || t.len > ADDRESS_MAX || local.len > 64)
        return false;
    while (local.ptr)
        if (!is_atom(text_split(&local, '.')))
            return false;
    for (; domain.ptr; labels++)
        if (!is_label(text_split(&domain, '.')))
            return false;
    return labels > 1;
}

static int take_url(struct arena *a, const char *url, struct text *ret_host)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL, *path = NULL;
    bool ok = u && strlen(url) <= URL_MAX &&
              curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0);

    for (const char *s = url; *s; s++)
        ok &= (unsigned char)*s > ' ' && (unsigned char)*s < 0x7f;
    /* What stands behind the host would be said as one's own name. */
    ok = ok && curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0;
    if (ok)
        *ret_host = text_of(arena_dup(a, host));
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(path);
    curl_url_cleanup(u);
    return ok ? 0 : -EINVAL;
}

int mail_check_url(struct arena *a, const char *url)
{
    struct text host;
    int r = take_url(a, url, &host);

    return r < 0 ? r : door_check(host, false);
}

/* ---- on the thread ---- */

static size_t give(char *out, size_t one, size_t count, void *arg)
{
    struct posting *p = arg;
    size_t n = MIN(one * count, p->mail->message.len - p->sent);

    memcpy(out, p->mail->message.ptr + p->sent, n);
    p->sent += n;
    p->is_whole = p->sent == p->mail->message.len;
    return n;
}

static void prepare(CURL *e, struct posting *p, struct curl_slist *to)
{
    const struct mail *m = p->mail;

    curl_easy_setopt(e, CURLOPT_URL, m->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(e, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    curl_easy_setopt(e, CURLOPT_MAIL_FROM, m->from);
    curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(e, CURLOPT_READDATA, p);
    curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->message.len);
    curl_easy_setopt(e, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)MAIL_TIMEOUT_MS / 2000);
    if (m->user) {
        curl_easy_setopt(e, CURLOPT_USERNAME, m->user);
        curl_easy_setopt(e, CURLOPT_PASSWORD, m->password ? m->password : "");
    }
    door_prepare(e, &p->door, MAIL_TIMEOUT_MS);
}

static void post(void *arg)
{
    struct posting *p = arg;
    struct curl_slist *to = curl_slist_append(NULL, p->mail->to);
    CURL *e = curl_easy_init();

    p->code = CURLE_OUT_OF_MEMORY;
    if (e && to) {
        prepare(e, p, to);
        p->code = curl_easy_perform(e);
        curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &p->status);
    }
    curl_slist_free_all(to);
    curl_easy_cleanup(e);
}

/* ---- in the fiber ---- */

static int judge(const struct posting *p)
{
    if (p->code == CURLE_OK)
        return 0;
    /* A refusal is a reply of 400 and more that curl ended for, and behind the message one that it calls odd. An odd one before is no
     * reply to this mail: nobody is at home. */
    if (p->status >= 400 &&
        (p->code == CURLE_SEND_ERROR || (p->code == CURLE_WEIRD_SERVER_REPLY && p->is_whole) ||
            p->code == CURLE_LOGIN_DENIED || p->code == CURLE_REMOTE_ACCESS_DENIED))
        return -EBADMSG;
    return door_judge(&p->door, p->code);
}

int mail_run(struct arena *a, const struct mail *m, struct mail_answer *ret)
{
    struct posting p = {.mail = m, .code = CURLE_OK};
    int r = take_url(a, m->url, &p.door.host);

    *ret = (struct mail_answer){.why = "no such mail can be sent"};
    if (r == 0 && (!mail_is_address(text_of(m->from)) || !mail_is_address(text_of(m->to))))
        r = -EINVAL;
    if (r == 0)
        r = helper_run(HELPER_MAIL, post, &p);
    if (r < 0)
        return r;
    r = judge(&p);
    ret->status = (int)p.status;
    ret->is_whole = p.is_whole;
    ret->is_login = p.code == CURLE_LOGIN_DENIED;
    ret->why = p.door.is_refused ? "the address is not allowed" : curl_easy_strerror(p.code);
    return r;
}
