/* What a tenant's own field may be. */
#pragma once

#include <jansson.h>

#include "access/call.h"
#include "resource/declare/declaration.h"

struct own_field {
    const struct resource *res;
    const char *name, *type, *zh, *en, *dictionary, *mask, *purpose, *retention;
    bool is_required, is_filterable, is_about_person;
    bool has_min, has_max;
    int64_t min, max, max_length; /* 0: the default */
};
/* Of a whole definition. 422 with everything that is wrong. */
MUSTCHECK int own_field_check(struct call *c, const json_t *body, struct own_field *ret);

/* Words of a tenant's own at a place of the request: 422 for a subject that nobody may record. is_value: one of several to choose
 * from. Returns whether it is fine. */
bool own_words_check(struct call *c, const char *at, const char *text, bool about_person, bool is_value);
/* {"zh-CN", "en"}, each of 1 to 60 characters, of what may be said. */
bool own_label_check(
    struct call *c, const char *at, const json_t *label, bool about_person, bool is_value, struct label *ret);
/* Does the caller hold a permission of the core's for the whole tenant? */
bool own_may(const struct call *c, uint32_t permission);
