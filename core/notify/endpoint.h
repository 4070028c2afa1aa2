/* Webhook endpoints: where other systems want to be told, of what, and with which secret. Services in the call's unit of work. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"
#include "notify/webhook.h"

#define ENDPOINTS_MAX 50 /* of a tenant */
#define ENDPOINT_EVENTS_MAX 50
#define ENDPOINT_RATE 60 /* a minute, unless said otherwise */

/* Members that are NULL, 0 or TREE_NONE stay as they are. */
struct endpoint_input {
    const char *name, *url;
    const char *events; /* as endpoint_events makes it */
    uint32_t unit;
    int64_t rate_per_minute;
    bool has_active, is_active;
};
/* "works.item,works.item.assign" of a list of such texts; NULL after a fault at `pointer`. */
const char *endpoint_events(struct call *c, const char *pointer, const json_t *list);

/* The columns of an endpoint, as endpoint_write has them. */
#define ENDPOINT_COLUMNS                                                                                     \
    "e.id, e.name, e.url, e.events, e.unit_id, e.state, e.reason, e.rate_per_minute, e.attempts, "           \
    "e.failing_since, e.old_secret_until, e.version, e.created_by, e.created_at, e.updated_at"
void endpoint_write(struct jsonw *w, const struct db_rows *rows, int row);
/* The row, where the subject may manage endpoints at its unit; else a 404 fault. Freed with the arena. */
MUSTCHECK int endpoint_find(struct call *c, struct uuid id, const struct db_rows **ret);
bool endpoint_may_manage(const struct call *c, struct uuid unit);

/* The secret is told once. */
MUSTCHECK int endpoint_create(
    struct call *c, const struct endpoint_input *in, struct uuid *ret_id, const char **ret_secret);
MUSTCHECK int endpoint_update(
    struct call *c, struct uuid id, int64_t version, const struct endpoint_input *in, int64_t *ret_version);
/* A new secret; the one before signs too for a day. */
MUSTCHECK int endpoint_rotate(struct call *c, struct uuid id, const char **ret_secret);
MUSTCHECK int endpoint_delete(struct call *c, struct uuid id);

/* What a message is sent with. */
MUSTCHECK int endpoint_webhook(struct call *c, struct uuid id, struct webhook *ret);
/* Sends a message of the endpoint's and notes what came of it, as attempt of an event (seq 0: a test). Not within a unit of
 * work. Takes one of what the rate allows; a 429 fault where there is none left. */
MUSTCHECK int endpoint_send_now(
    struct call *c, struct uuid id, const struct webhook_event *e, struct webhook_result *ret);
/* The event of a delivery that was noted; fault 404, or 410 when it is not kept any more. */
MUSTCHECK int endpoint_event_of(
    struct call *c, struct uuid endpoint, struct uuid delivery, struct webhook_event *ret);

/* ---- events ---- */

/* An event of the tenant's as a message. False where it is none for an endpoint of that owner, unit and choice of events: no
 * record's, not below the unit, not chosen, the plugin not effective, or not for the owner to read. */
struct endpoint_choice {
    const char *events;
    struct uuid unit, owner;
};
bool endpoint_takes(struct call *c, const struct endpoint_choice *choice, const struct db_rows *events,
    int row, struct webhook_event *ret);
/* Columns of events as endpoint_takes reads them, of the alias v. */
#define ENDPOINT_EVENT_COLUMNS "v.id, v.seq, v.topic, v.payload, v.created_at"

/* Notes an attempt, in the unit of work. */
struct endpoint_attempt {
    struct uuid endpoint, message;
    int64_t seq, attempt;
    const char *type, *outcome;
    const struct webhook_result *result;
};
MUSTCHECK int endpoint_note(struct call *c, const struct endpoint_attempt *a);
