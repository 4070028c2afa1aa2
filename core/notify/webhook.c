/* Signing and sending. */
#include "notify/webhook.h"

#include <errno.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "fetch/fetch.h"

#define TIMEOUT_MS 10000
#define ANSWER_MAX 65536 /* nobody reads it */

static const struct keyring *keyring;

void webhook_set_keys(const struct keyring *keys)
{
    keyring = keys;
}

const char *webhook_key_id(void)
{
    return keyring ? keyring_current(keyring) : NULL;
}

int webhook_secret(const char *key_id, int32_t tenant, struct uuid endpoint, int64_t n, struct sha256 *ret)
{
    char what[100];

    snprintf(what, sizeof(what), "%d:%s:%lld", (int)tenant, uuid_format(endpoint).s, (long long)n);
    return keyring ? keyring_mac(keyring, key_id, "webhook", text_of(what), ret) : -ENOKEY;
}

static const char *base64(struct arena *a, const char *prefix, const struct sha256 *d)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;

    buf_adds(&b, prefix);
    base64_add(&b, d->b, sizeof(d->b));
    return arena_dup(a, buf_str(&b));
}

const char *webhook_secret_text(struct arena *a, const struct sha256 *secret)
{
    return base64(a, "whsec_", secret);
}

const char *webhook_sign(
    struct arena *a, const struct sha256 *secret, const char *id, int64_t timestamp, struct text body)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct sha256 mac;

    buf_addf(&b, "%s.%lld.", id, (long long)timestamp);
    buf_add_text(&b, body);
    mac = hmac_sha256((struct text){(const char *)secret->b, sizeof(secret->b)}, buf_text(&b));
    return base64(a, "v1,", &mac);
}

struct text webhook_body(struct arena *a, const struct webhook_event *e)
{
    struct buf b CLEANUP(buf_done) = BUF_INIT;
    struct jsonw w;

    jsonw_init(&w, &b);
    jsonw_object(&w);
    jsonw_kstr(&w, "specversion", "1.0");
    jsonw_kstr(&w, "id", uuid_format(e->id).s);
    jsonw_kstr(&w, "source", arena_printf(a, "/t/%s", e->tenant));
    jsonw_kstr(&w, "type", e->type);
    if (e->subject)
        jsonw_kstr(&w, "subject", e->subject);
    jsonw_kstr(&w, "time", clock_format(e->time_us).s);
    if (e->seq)
        jsonw_kstr(&w, "sequence", arena_printf(a, "%lld", (long long)e->seq));
    jsonw_kstr(&w, "datacontenttype", "application/json");
    jsonw_key(&w, "data");
    jsonw_raw(&w, text_of(e->data));
    jsonw_object_end(&w);
    return (struct text){arena_ndup(a, buf_str(&b), b.len), b.len};
}

static const char *reason_of(int r)
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
    default:
        return "broken_off";
    }
}

int webhook_send(struct arena *a, const struct webhook *w, struct webhook_result *ret)
{
    const char *id = arena_dup(a, uuid_format(w->message).s), *signatures = "";
    int64_t began = clock_mono_ms(), timestamp = clock_agreed_us() / 1000000;
    struct fetch_answer answer;
    const char *headers[6];
    struct fetch f = {.method = "POST",
        .url = w->url,
        .headers = headers,
        .body = w->body,
        .timeout_ms = TIMEOUT_MS,
        .answer_max = ANSWER_MAX};
    int r;

    for (uint32_t i = 0; i < w->secret_count; i++)
        signatures = arena_printf(
            a, "%s%s%s", signatures, i ? " " : "", webhook_sign(a, &w->secrets[i], id, timestamp, w->body));
    headers[0] = "Content-Type: application/cloudevents+json; charset=utf-8";
    headers[1] = "User-Agent: Juxin";
    headers[2] = arena_printf(a, "webhook-id: %s", id);
    headers[3] = arena_printf(a, "webhook-timestamp: %lld", (long long)timestamp);
    headers[4] = arena_printf(a, "webhook-signature: %s", signatures);
    headers[5] = NULL;
    r = fetch_run(a, &f, &answer);
    *ret = (struct webhook_result){.status = answer.status, .ms = clock_mono_ms() - began};
    if (r == -ECANCELED || r == -EBUSY)
        return r;
    ret->is_delivered = r == 0 && answer.status >= 200 && answer.status < 300;
    ret->is_gone = r == 0 && answer.status == 410;
    ret->retry_after_s = answer.retry_after_s;
    ret->reason = ret->is_delivered ? NULL : r < 0 ? reason_of(r) : "status";
    return 0;
}
