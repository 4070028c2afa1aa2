/* Declarations: what is in a compiled one, by name. */
#include "resource/declare/declaration.h"

#include "base/mem.h"

const char *const resource_action_names[RESOURCE_ACTIONS] = {
    "read", "create", "update", "delete", "unmask", "statistics", "import", "export"};

const char *const field_type_names[] = {"text", "longtext", "integer", "money", "boolean", "date", "datetime",
    "enum", "reference", "json", "department", "departments", "account", "unit", NULL};

const char *const transition_goal_names[] = {"state", "stay", "back", "resume", "unmerge"};
const char *const transition_move_names[] = {"no", "parent", "unit", "below", NULL};

const char *field_type_name(enum field_type t)
{
    return field_type_names[t];
}

bool field_is_uuid(enum field_type t)
{
    return t == FIELD_REFERENCE || t == FIELD_DEPARTMENT || t == FIELD_ACCOUNT || t == FIELD_UNIT;
}

bool field_is_assignment(const struct resource *res, const struct field *f)
{
    bool any = f->is_assignment;

    if (f->type != FIELD_ACCOUNT || f == res->person || f->is_custom)
        return false;
    for (uint32_t i = 0; i < res->transition_count; i++)
        for (uint32_t p = 0; p < res->transitions[i].participant_count; p++)
            any |= res->transitions[i].participants[p].field == f;
    return any;
}

bool field_is_ordered(enum field_type t)
{
    return t != FIELD_LONGTEXT && t != FIELD_JSON && t != FIELD_DEPARTMENTS;
}

const struct field *resource_field(const struct resource *res, struct text name)
{
    for (uint32_t i = 0; i < res->field_count; i++)
        if (text_is(name, res->fields[i].name))
            return &res->fields[i];
    return NULL;
}

bool field_matches(const struct field *f, const char *s)
{
    int r = f->regex ? regexec(f->regex, s, 0, NULL, 0) : 0;

    if (r == REG_ESPACE)
        give_up("out of memory");
    return r == 0;
}

bool resource_watches_deadlines(const struct resource *res)
{
    bool any = res->remind_before || res->remind_overdue;

    for (uint32_t i = 0; i < res->transition_count && !any; i++)
        any = res->transitions[i].auto_overdue_days > 0;
    return any;
}

bool transition_takes_unit(const struct transition *t)
{
    return t->move == MOVE_UNIT || t->move == MOVE_BELOW;
}

uint32_t resource_state(const struct resource *res, struct text name)
{
    for (uint32_t i = 0; i < res->state_count; i++)
        if (text_is(name, res->states[i].name))
            return i;
    return STATE_NONE;
}

const struct transition *resource_transition(const struct resource *res, struct text name)
{
    for (uint32_t i = 0; i < res->transition_count; i++)
        if (text_is(name, res->transitions[i].name))
            return &res->transitions[i];
    return NULL;
}
