/* What the plugin floor needs of the resource engine above it: an interface the engine fills at start, so that the
 * arrow between the two floors points one way. Records are opaque here. */
#pragma once

#include "access/call.h"
#include "base/base.h"

struct record; /* one record of a declared resource, in memory; owned by the call's arena */

struct engine_ops {
    /* Members of a record. Values are text: UTF-8, decimal integers, RFC 3339, YYYY-MM-DD, true/false, UUIDs, JSON for
     * objects. A NULL pointer is "no value". */
    const char *(*resource)(const struct record *rec); /* "suggestions.suggestion" */
    struct uuid (*id)(const struct record *rec);
    uint32_t (*unit)(const struct record *rec); /* preorder index of the unit that handles it */
    struct text (*get)(const struct record *rec, const char *field);     /* new value */
    struct text (*get_old)(const struct record *rec, const char *field); /* before this change */
    bool (*is_changed)(const struct record *rec, const char *field);
    int (*set)(
        struct call *c, struct record *rec, const char *field, struct text value); /* -ENOENT, -EINVAL */
    void (*hide)(
        struct record *rec, const char *field); /* serialise filters: leave it out, say it is hidden */
    /* Whole operations, with validation, permission, gate, hooks, history and audit; in the call's unit of work. */
    int (*read)(struct call *c, const char *resource, struct uuid id, struct record **ret);
    int (*list)(struct call *c, const char *resource, const char *filter, uint32_t limit,
        struct record ***ret, uint32_t *ret_count);
    int (*create)(struct call *c, const char *resource, struct text json, struct record **ret);
    int (*update)(
        struct call *c, const char *resource, struct uuid id, struct text json, struct record **ret);
    int (*transition)(struct call *c, const char *resource, struct uuid id, const char *name,
        struct text json, struct record **ret);
    /* Files beside a record. list: JSON as the API has it; read: from offset on, at most max bytes. */
    int (*file_list)(struct call *c, const char *resource, struct uuid id, struct text *ret);
    int (*file_read)(struct call *c, const char *resource, struct uuid id, struct uuid file, uint64_t offset,
        uint64_t max, struct text *ret);
    int (*file_add)(struct call *c, const char *resource, struct uuid id, const char *name,
        struct text content, struct uuid *ret);
};

void engine_ops_set(const struct engine_ops *ops);
const struct engine_ops *engine_ops(void);
