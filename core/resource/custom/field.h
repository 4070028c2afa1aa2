/* Fields that a tenant adds to what plugins declare: asked for, approved where they are about a person, changed, retired. Whoever
 * asks for one does not approve it. Nothing is ever deleted: a retired field keeps its values, which are read as before. */
#pragma once

#include <jansson.h>

#include "access/call.h"
#include "base/jsonw.h"

/* {"resource", "name", "type", "label", …} as docs/api.md has it. Outside of a unit of work; they begin one, and stop where the
 * request is a replay. Faults 403, 404, 409, 412, 422. */
MUSTCHECK int own_field_create(struct call *c, const json_t *body, struct uuid *ret);
MUSTCHECK int own_field_update(
    struct call *c, struct uuid id, int64_t version, const json_t *patch, int64_t *ret_version);
/* What stands to be decided: a new field about a person, or a change of one. */
MUSTCHECK int own_field_approve(struct call *c, struct uuid id, int64_t version, int64_t *ret_version);
MUSTCHECK int own_field_refuse(struct call *c, struct uuid id, int64_t version, int64_t *ret_version);
MUSTCHECK int own_field_retire(struct call *c, struct uuid id, int64_t version, int64_t *ret_version);
MUSTCHECK int own_field_restore(struct call *c, struct uuid id, int64_t version, int64_t *ret_version);

/* {"items": […]} of a resource, or of all (resource NULL); one, with its version. 404 for who neither keeps nor approves them. */
MUSTCHECK int own_field_list_write(struct call *c, const char *resource, struct jsonw *w);
MUSTCHECK int own_field_write(struct call *c, struct uuid id, struct jsonw *w, int64_t *ret_version);
