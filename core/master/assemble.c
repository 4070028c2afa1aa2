/* Putting services together. */
#include "master/assemble.h"

#include "access/session.h"
#include "access/start.h"
#include "db/audit.h"
#include "db/cipher.h"
#include "db/keyring.h"
#include "notify/message.h"
#include "notify/phone_sms.h"
#include "notify/webhook.h"
#include "plugin/start.h"
#include "resource/declare/resource.h"
#include "resource/engine.h"
#include "resource/report/indicator.h"
#include "tenant/calendar.h"
#include "tenant/tenant.h"

static struct keyring *keyring;

int assemble_keys(const struct config *c, bool create)
{
    int r = keyring_load(c->keys_file, create, &keyring);

    if (r == 0) {
        audit_set_keys(keyring);
        cipher_set_keys(keyring);
        webhook_set_keys(keyring);
        message_set_keys(keyring);
        phone_set_sender(phone_sms_send);
    }
    return r;
}

const struct keyring *assemble_keyring(void)
{
    return keyring;
}

int assemble_services(const struct config *c, bool without_code)
{
    int r;

    access_init();
    session_set_limits(
        (struct session_limits){c->limits.session_idle_ms * 1000, c->limits.session_ms * 1000});
    calendar_part_register();
    r = plugins_start(c, !without_code);
    if (r == 0)
        engine_init();
    return r;
}

void assemble_done(void)
{
    tenant_cache_clear();
    indicators_unload_all();
    resource_unload_all();
    plugins_end();
    keyring_free(keyring);
    keyring = NULL;
}
