/* Choosing members of records. */
#include "resource/declare/choice.h"

#include <errno.h>

#include "plugin/hook/hook.h"
#include "resource/declare/resource.h"

static const char *const member_names[MEMBERS] = {
    [MEMBER_STATE] = "state",
    [MEMBER_STATE_SINCE] = "state_since",
    [MEMBER_DUE_AT] = "due_at",
    [MEMBER_NUMBER] = "number",
    [MEMBER_UNIT_ID] = "unit_id",
    [MEMBER_UNIT_NAME] = "unit_name",
    [MEMBER_ORIGIN_UNIT_ID] = "origin_unit_id",
    [MEMBER_CREATED_AT] = "created_at",
    [MEMBER_CREATED_BY] = "created_by",
    [MEMBER_UPDATED_AT] = "updated_at",
    [MEMBER_UPDATED_BY] = "updated_by",
};

static int choose(struct choice *choice, const struct resource *res, struct text name)
{
    const struct field *f = resource_field(res, name);

    if (f) {
        choice->shown[f->index] = choice->fetched[f->index] = true;
        return 0;
    }
    for (int m = 0; m < MEMBERS; m++) {
        if (!text_is(name, member_names[m]))
            continue;
        choice->members[m] = true;
        return 0;
    }
    return text_is(name, "id") || text_is(name, "version") ? 0 : -ENOENT;
}

int choice_parse(
    struct call *c, const struct resource *res, struct text names, struct choice **ret, struct text *ret_bad)
{
    struct choice *choice = arena_alloc(c->arena, sizeof(*choice));

    choice->shown = arena_array(c->arena, res->field_count + 1, sizeof(bool));
    choice->fetched = arena_array(c->arena, res->field_count + 1, sizeof(bool));
    do {
        *ret_bad = text_split(&names, ',');
        if (choose(choice, res, *ret_bad) < 0)
            return -ENOENT;
    } while (names.ptr);
    /* A submitter is hidden or not by what is in this field; a plugin that takes part may look at any. */
    if (res->anonymity.unless)
        choice->fetched[res->anonymity.unless->index] = true;
    if (hook_is_filtered(HOOK_SERIALISE, res->full_name))
        memset(choice->fetched, true, res->field_count);
    *ret = choice;
    return 0;
}
