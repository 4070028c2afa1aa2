/* One message to one webhook: a CloudEvent (CloudEvents 1.0, structured JSON), signed as Standard Webhooks has it. */
#pragma once

#include "base/arena.h"
#include "base/digest.h"
#include "base/uuid.h"
#include "db/keyring.h"

/* Secrets are derived from the server's keys, so none is stored: per endpoint, the n-th. */
void webhook_set_keys(const struct keyring *keys);
const char *webhook_key_id(void); /* for new endpoints */
MUSTCHECK int webhook_secret(
    const char *key_id, int32_t tenant, struct uuid endpoint, int64_t n, struct sha256 *ret);
/* As receivers' libraries take it: "whsec_" and base64. */
const char *webhook_secret_text(struct arena *a, const struct sha256 *secret);
/* "v1,…" with base64, over id, timestamp and body. */
const char *webhook_sign(
    struct arena *a, const struct sha256 *secret, const char *id, int64_t timestamp, struct text body);

struct webhook {
    const char *url;
    struct sha256 secrets[2];
    uint32_t secret_count; /* the newer one first */
    struct uuid message;
    struct text body;
};
struct webhook_result {
    bool is_delivered, is_gone; /* gone: 410, it does not want to be told any more */
    int status;                 /* 0: no answer */
    const char *reason;         /* a code; NULL when delivered */
    int64_t retry_after_s, ms;
};
/* 0: what came of it is in *ret. -ECANCELED: not known. -EBUSY: nothing was sent, too many requests go out at once. */
MUSTCHECK int webhook_send(struct arena *a, const struct webhook *w, struct webhook_result *ret);

struct webhook_event {
    struct uuid id;
    const char *tenant, *type, *subject; /* subject NULL: none */
    int64_t time_us, seq;                /* seq 0: none */
    const char *data;                    /* JSON */
};
struct text webhook_body(struct arena *a, const struct webhook_event *e);
