/* Contacts: where a person may be reached outside of the server, as they said it themselves and confirmed it with a code that was sent
 * there; and what they want to be told over which channel, and when. What is not asked for is not sent. Addresses are sealed; nobody
 * else reads or sets them. Services in the call's unit of work, for the caller's own account. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"

#define CONTACT_CODE_S 600
#define CONTACT_CODE_TRIES 5

/* Sends a code there over the district's channel of the kind; what was there before does not hold any more. Faults: 422 /address, 503
 * no_channel, 429 rate. */
MUSTCHECK int contact_set(struct call *c, const char *kind, const char *address);
/* Fault 404; 422 code_wrong, after five of which, or ten minutes, no code is right any more. Commits. */
MUSTCHECK int contact_confirm(struct call *c, const char *kind, const char *code);
/* Nothing is sent there any more, also not what waits. Fault 404. */
MUSTCHECK int contact_remove(struct call *c, const char *kind);
/* {"items": […]}: kind, masked address, whether it is confirmed. */
MUSTCHECK int contacts_write(struct call *c, struct jsonw *w);

struct contact_wish {
    const char *channel, *kind, *how; /* kind: a notice's or "*"; how: now, digest, off */
};
struct contact_hours {
    int32_t quiet_from, quiet_until, digest_at; /* minutes of the day in the district's time */
    const char *language;
};
#define CONTACT_HOURS ((struct contact_hours){0, 0, 480, "zh-CN"})
#define CONTACT_WISHES_MAX 400
/* The whole of it; what is not named is off. */
MUSTCHECK int contact_wishes_set(
    struct call *c, const struct contact_hours *hours, const struct contact_wish *wishes, size_t count);
MUSTCHECK int contact_wishes_write(struct call *c, struct jsonw *w);

/* When something that is wanted now may be sent, and when the next digest is; wall clock. */
int64_t contact_time(const struct contact_hours *h, int64_t now_us, bool is_urgent);
int64_t contact_digest_time(const struct contact_hours *h, int64_t now_us);

/* What an address of somebody's contact is sealed with. */
struct text contact_binding(struct call *c, struct uuid account, const char *kind);
