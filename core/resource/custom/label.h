/* A tenant's own labels over those that plugins declare. Records are not touched: they hold names and codes. */
#pragma once

#include "access/call.h"
#include "base/jsonw.h"
#include "resource/declare/declaration.h"

/* {"items": [{place, label, declared}]}: every label of a resource, as the tenant has it and as it is declared. 404. */
MUSTCHECK int own_label_list_write(struct call *c, const char *resource, struct jsonw *w);
/* {"zh-CN", "en"}, or NULL for the declared one again. Begins a unit of work; 403, 404, 422. */
MUSTCHECK int own_label_set(struct call *c, const char *resource, const char *place, const json_t *label);
