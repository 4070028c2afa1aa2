/* Channels: the ways by which people outside of the server are reached, set up by a district. A channel is of a kind; what is common to
 * all kinds is here: settings, sealed secrets, who may manage them. How a kind speaks to the other side is in its own file, behind
 * struct channel_kind. Services in the call's unit of work. */
#pragma once

#include "access/call.h"
#include "base/json.h"
#include "base/jsonw.h"

#define CHANNELS_MAX 50 /* of a tenant */

/* What is to be said to one receiver. */
struct parcel {
    struct uuid id;
    const char *to;       /* as the kind has it: a number, an address, a member's id; NULL: a robot's group */
    const char *what;     /* which of the channel's templates */
    const json_t *params; /* object of texts */
    const char *subject, *text; /* in the receiver's language; never NULL */
    bool is_notice;             /* or several: what the receiver can choose not to be told */
};

enum fate {
    FATE_ACCEPTED, /* by the other side */
    FATE_REFUSED,  /* and will be again */
    FATE_LATER,    /* certainly not taken; it may be tried again */
    FATE_UNKNOWN   /* it may have been taken: never tried again by itself */
};
struct outcome {
    enum fate fate;
    int status;         /* of the protocol; 0: no answer */
    const char *reason; /* a code, NULL when accepted; never anything personal */
    int64_t pause_s;    /* the other side asks all to wait so long; 0: not said */
    bool is_ours;       /* the channel is at fault, not this one receiver */
};

struct channel;

struct channel_kind {
    const char *name, *label_zh, *label_en;
    bool is_robot; /* reaches a group instead of single people */
    uint32_t rate_per_minute;
    /* Somebody's address as a person writes it, in its normal form, and as it may be shown; -EINVAL. NULL for a robot. */
    int (*address)(struct arena *a, const char *text, const char **ret, const char **ret_masked);
    /* Adds faults to the call where config or secrets are not fit. */
    void (*check)(struct call *c, const struct channel *ch);
    /* In a fiber, not within a unit of work; of the call it takes the arena, the database and the tenant. 0 with *ret; -ECANCELED:
     * not known. */
    int (*send)(struct call *c, const struct channel *ch, const struct parcel *p, struct outcome *ret);
};
const struct channel_kind *channel_kind_find(const char *name); /* NULL */

struct channel {
    struct uuid id, unit, created_by;
    int32_t tenant;
    const struct channel_kind *kind;
    const char *name, *state;
    const json_t *config, *secrets; /* objects; freed with the arena */
    int64_t rate_per_minute, receiver_per_hour, version;
};

struct channel_input {
    const char *name, *kind;                    /* NULL: as it is; the kind is for good */
    const json_t *config, *secrets;             /* NULL: as they are; a secret that is null goes */
    uint32_t unit;                              /* TREE_NONE: the root, or as it is */
    int64_t rate_per_minute, receiver_per_hour; /* 0: as it is */
    bool has_active, is_active;
};

bool channel_may_manage(const struct call *c, struct uuid unit);
/* Made turned off, so that it is tried before it is relied on. */
MUSTCHECK int channel_create(struct call *c, const struct channel_input *in, struct uuid *ret_id);
/* Turning on one that reaches single people turns off the one of its kind that was. */
MUSTCHECK int channel_update(
    struct call *c, struct uuid id, int64_t version, const struct channel_input *in, int64_t *ret_version);
/* With all notes of its messages. */
MUSTCHECK int channel_delete(struct call *c, struct uuid id);

/* The row, where the subject may manage it; else a 404 fault. Freed with the arena. */
#define CHANNEL_COLUMNS                                                                                      \
    "h.id, h.name, h.kind, h.unit_id, h.state, h.reason, h.config, h.secrets, h.rate_per_minute, "           \
    "h.receiver_per_hour, h.blocked_until, h.failing_since, h.version, h.created_by, h.created_at, "         \
    "h.updated_at"
MUSTCHECK int channel_find(struct call *c, struct uuid id, const struct db_rows **ret);
/* Names of secrets, never values. */
MUSTCHECK int channel_write(struct call *c, struct jsonw *w, const struct db_rows *rows, int row);
/* A row of CHANNEL_COLUMNS with its secrets opened; an error of cipher_open. */
MUSTCHECK int channel_of(struct call *c, const struct db_rows *rows, int row, struct channel *ret);

/* For `check`: faults for members of config that are not among these (up to NULL). */
void channel_check_members(struct call *c, const struct channel *ch, const char *const *known);
/* config.url, where the other side is: https, or what the operator allows. */
void channel_check_url(struct call *c, const struct channel *ch, bool is_needed);
/* The member of config or secrets as text; a fault where it is missing, none or longer than max bytes. */
const char *channel_text(
    struct call *c, const struct channel *ch, const char *pointer, bool is_needed, size_t max);
/* config.link: a page of the district's, that goes with a message. */
void channel_check_link(struct call *c, const struct channel *ch);
/* config.kinds, what a robot tells its group: notices' kinds, or "*"; config.language. */
void channel_check_kinds(struct call *c, const struct channel *ch);
/* At most so many bytes, no character cut in two, with "…" where something is missing. */
const char *channel_cut(struct arena *a, const char *text, size_t max);
/* A name of letters, digits and _ . @ - as others give members; -EINVAL. */
MUSTCHECK int channel_member(
    struct arena *a, const char *text, size_t max, const char **ret, const char **ret_masked);
/* The member "templates": {what: {"id": …, "parameters": [names]}}; faults where it is not. */
void channel_check_templates(struct call *c, const struct channel *ch, bool is_needed);
/* Of `what`; the id is NULL when there is none. *ret_params: a new reference, those parameters the template names, in its order; empty
 * text for what was not given. */
const char *channel_template(
    const struct channel *ch, const char *what, const json_t *params, json_t **ret_params);
/* A code for the log and for the note of a message, of something that the other side said: letters, digits, . _ - only, and short;
 * "code" where it might be a number of somebody's. */
const char *channel_code(struct arena *a, const char *said);
