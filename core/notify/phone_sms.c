/* What is to be sent to a phone, as an SMS. */
#include "notify/phone_sms.h"

#include "base/log.h"
#include "notify/sms.h"

/* A district without a gateway for it has no such messages: who asked was told no more than anybody. */
int phone_sms_send(struct call *c, const struct phone_message *m)
{
    struct sms sms = {.what = m->kind, .params = m->params, .account = m->account, .until_us = m->until_us};
    struct uuid id;
    bool ready;
    int r = sms_is_ready(c, m->kind, &ready);

    if (r < 0)
        return r;
    if (!ready || sms_number(c->arena, m->phone, &sms.number) < 0) {
        log_event(LOG_WARN, "phone.no_gateway", LF_INT("tenant", c->tenant->id), LF_STR("kind", m->kind));
        return 0;
    }
    return sms_add(c, &sms, &id);
}
