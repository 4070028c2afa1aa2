/* Declarations: states, transitions, and what is hidden of a submitter. */
#include <errno.h>

#include "resource/declare/declaration_parse.h"

void parse_states(struct parse *p, const json_t *json)
{
    json_t *states = json_object_get(json, "states"), *v;
    static const char *const known[] = {"label", "initial", "final", "colour", NULL};
    struct resource *res = p->res;
    uint32_t initial = 0;
    const char *name;

    if (!states) {
        res->states = arena_array(p->a, 1, sizeof(struct state));
        res->states[0] = (struct state){.name = "active", .label = {"有效", "Active"}, .is_initial = true};
        res->state_count = 1;
        return;
    }
    if (!json_is_object(states) || json_object_size(states) == 0 ||
        json_object_size(states) > RESOURCE_STATES_MAX) {
        report_add(p->report, "/states", NULL, "an object of 1 to %d states", RESOURCE_STATES_MAX);
        return;
    }
    res->states = arena_array(p->a, json_object_size(states), sizeof(struct state));
    json_object_foreach(states, name, v)
    {
        struct state *s = &res->states[res->state_count];
        const char *at = AT(p, "/states/%s", name);

        parse_name(p, at, name, 40);
        report_unknown(p->report, at, v, known);
        s->name = arena_dup(p->a, name);
        parse_label(p, at, v, &s->label);
        s->is_initial = parse_bool(p, at, v, "initial");
        s->is_final = parse_bool(p, at, v, "final");
        if (s->is_initial) {
            res->initial_state = res->state_count;
            initial++;
        }
        res->state_count++;
    }
    if (initial != 1)
        report_add(p->report, "/states", "mark one with \"initial\": true",
            "exactly one state is the initial one, not %u", initial);
}

/* A list of field names. */
static const struct field **field_list(
    struct parse *p, const char *at, const json_t *list, uint32_t *ret_count)
{
    const struct field **fields =
        arena_array(p->a, json_array_size(list) + RESOURCE_FIELDS_MAX, sizeof(*fields));
    uint32_t count = 0;
    const json_t *v;
    size_t i;

    if (list && !json_is_array(list))
        report_add(p->report, at, NULL, "must be a list of field names");
    json_array_foreach(list, i, v)
    {
        const struct field *f =
            parse_field_ref(p, AT(p, "%s/%zu", at, i), json_is_string(v) ? json_string_value(v) : "");

        if (f)
            fields[count++] = f;
    }
    *ret_count = count;
    return fields;
}

static void parse_transition_fields(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    t->required = field_list(
        p, AT(p, "%s/required_fields", at), json_object_get(v, "required_fields"), &t->required_count);
    t->fields = field_list(p, AT(p, "%s/fields", at), json_object_get(v, "fields"), &t->field_count);
    for (uint32_t i = 0; i < t->required_count; i++) {
        bool found = false;

        for (uint32_t k = 0; k < t->field_count; k++)
            found |= t->fields[k] == t->required[i];
        if (!found && t->field_count < RESOURCE_FIELDS_MAX)
            t->fields[t->field_count++] = t->required[i];
    }
}

static void parse_participants(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    const json_t *list = json_object_get(v, "participants"), *e;
    static const char *const known[] = {"field", "role", "opens", NULL};
    size_t i;

    t->participants = arena_array(p->a, json_array_size(list) + 1, sizeof(*t->participants));
    json_array_foreach(list, i, e)
    {
        const char *here = AT(p, "%s/participants/%zu", at, i);
        const struct field *f =
            parse_field_ref(p, AT(p, "%s/field", here), parse_str(p, here, e, "field", true));
        const char *role = parse_str(p, here, e, "role", true);
        bool opens = parse_bool(p, here, e, "opens");

        report_unknown(p->report, here, e, known);
        if (f && f->type != FIELD_DEPARTMENT && f->type != FIELD_DEPARTMENTS && f->type != FIELD_ACCOUNT &&
            f->type != FIELD_UNIT)
            report_add(
                p->report, here, NULL, "a participant is a department, departments, an account or a unit");
        else if (f && f->type == FIELD_UNIT && opens)
            report_add(p->report, AT(p, "%s/opens", here), NULL, "a unit has no part of its own");
        else if (f && role)
            t->participants[t->participant_count++] =
                (struct transition_participant){f, arena_dup(p->a, role), opens};
    }
}

static void parse_deadline(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    static const char *const known[] = {"working_days", "from", "extend", "clear", NULL};
    const json_t *d = json_object_get(v, "deadline");
    const char *here = AT(p, "%s/deadline", at), *from, *extend;

    if (!d)
        return;
    report_unknown(p->report, here, d, known);
    from = parse_str(p, here, d, "from", false);
    extend = parse_str(p, here, d, "extend", false);
    t->deadline_days = (uint32_t)parse_int(p, here, d, "working_days", 1, 1000, 0);
    if (parse_bool(p, here, d, "clear")) {
        t->deadline = DEADLINE_CLEAR;
    } else if (from) {
        t->deadline = DEADLINE_FIELD;
        t->deadline_field = parse_field_ref(p, AT(p, "%s/from", here), from);
        if (t->deadline_field && t->deadline_field->type != FIELD_INTEGER &&
            t->deadline_field->type != FIELD_DATE)
            report_add(
                p->report, AT(p, "%s/from", here), NULL, "a number of working days (integer) or a date");
    } else if (extend) {
        t->deadline = DEADLINE_EXTEND;
        t->deadline_field = parse_field_ref(p, AT(p, "%s/extend", here), extend);
        if (t->deadline_field && t->deadline_field->type != FIELD_INTEGER)
            report_add(p->report, AT(p, "%s/extend", here), NULL, "a number of working days (integer)");
    } else if (t->deadline_days) {
        t->deadline = DEADLINE_DAYS;
    } else {
        report_add(p->report, here,
            "{\"working_days\": 15}, {\"from\": \"field\"}, {\"extend\": \"field\"} or {\"clear\": true}",
            "no deadline in it");
    }
}

static void parse_who(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    static const char *const by[] = {"submitter", NULL};
    const char *word = parse_str(p, at, v, "by", false), *holder = parse_str(p, at, v, "holder", false);
    const char *permission = parse_str(p, at, v, "permission", false);

    t->by_submitter = word && parse_word(p, at, "by", word, by) == 0;
    t->holder = parse_field_ref(p, AT(p, "%s/holder", at), holder);
    t->holder_head = parse_bool(p, at, v, "head");
    if (t->holder && t->holder->type != FIELD_DEPARTMENT && t->holder->type != FIELD_DEPARTMENTS)
        report_add(p->report, AT(p, "%s/holder", at), NULL,
            "the holder is a field of type department or departments");
    if (t->holder_head && !holder)
        report_add(p->report, AT(p, "%s/head", at), NULL,
            "head says that only heads of the holder may; name the holder");
    t->has_permission = permission != NULL;
    t->permission = !permission               ? AT(p, "%s.%s", p->res->full_name, t->name)
                    : strchr(permission, '.') ? arena_dup(p->a, permission)
                                              : AT(p, "%s.%s", p->res->full_name, permission);
    t->permission_id = UINT32_MAX;
}

static void parse_tells(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    static const char *const words[] = {"submitter", "holders", NULL};
    const json_t *list = json_object_get(v, "tells"), *e;
    size_t i;

    if (list && (!json_is_array(list) || json_array_size(list) == 0))
        report_add(p->report, AT(p, "%s/tells", at), "[\"submitter\"]", "a list of submitter, holders");
    json_array_foreach(list, i, e)
    {
        int word = parse_word(p, at, "tells", json_is_string(e) ? json_string_value(e) : "", words);

        t->tells |= word >= 0 ? 1u << word : 0;
    }
}

static void parse_transition(struct parse *p, const char *name, const json_t *v, struct transition *t)
{
    static const char *const known[] = {"label", "from", "to", "permission", "by", "holder", "head",
        "required_fields", "fields", "sets", "back_to", "resume", "move", "participants", "deadline", "auto",
        "max_times", "not_by", "after", "waits_for", "completes", "confirm", "tells", "merges", "unmerges",
        NULL};
    static const char *const auto_known[] = {"after_working_days", "overdue_working_days", NULL};
    const json_t *from = json_object_get(v, "from"), *automatic = json_object_get(v, "auto"), *e;
    const char *at = AT(p, "/transitions/%s", name);
    size_t i;
    int move;

    parse_name(p, at, name, 40);
    report_unknown(p->report, at, v, known);
    t->name = arena_dup(p->a, name);
    parse_label(p, at, v, &t->label);
    if (!json_is_array(from) || json_array_size(from) == 0)
        report_add(p->report, at, "add \"from\": [\"state\"]", "\"from\" is a list of states");
    json_array_foreach(from, i, e)
    {
        int s = parse_state_ref(p, AT(p, "%s/from/%zu", at, i), json_string_value(e));

        t->from |= s >= 0 ? UINT64_C(1) << s : 0;
    }
    parse_who(p, at, v, t);
    parse_transition_fields(p, at, v, t);
    move = parse_word(p, at, "move", parse_str(p, at, v, "move", false), transition_move_names);
    t->move = move < 0 ? MOVE_NO : (enum transition_move)move;
    parse_goal(p, at, v, t);
    parse_sets(p, at, v, t);
    parse_participants(p, at, v, t);
    parse_deadline(p, at, v, t);
    parse_tells(p, at, v, t);
    t->merges = parse_bool(p, at, v, "merges");
    t->max_times = (uint32_t)parse_int(p, at, v, "max_times", 1, 1000, 0);
    if (!automatic)
        return;
    report_unknown(p->report, AT(p, "%s/auto", at), automatic, auto_known);
    t->auto_days = (uint32_t)parse_int(p, AT(p, "%s/auto", at), automatic, "after_working_days", 1, 1000, 0);
    t->auto_overdue_days =
        (uint32_t)parse_int(p, AT(p, "%s/auto", at), automatic, "overdue_working_days", 1, 1000, 0);
    if ((t->auto_days > 0) + (t->auto_overdue_days > 0) != 1 || t->required_count || transition_takes_unit(t))
        report_add(p->report, AT(p, "%s/auto", at), NULL,
            "an automatic transition has after_working_days or overdue_working_days, no required field and "
            "no "
            "unit to choose");
}

void parse_reminders(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"before_working_days", "overdue", NULL};
    const json_t *v = json_object_get(json, "reminders");
    const char *at = "/reminders";

    if (!v)
        return;
    report_unknown(p->report, at, v, known);
    p->res->remind_before = (uint32_t)parse_int(p, at, v, "before_working_days", 1, 60, 0);
    p->res->remind_overdue = parse_bool(p, at, v, "overdue");
    if (!p->res->remind_before && !p->res->remind_overdue)
        report_add(
            p->report, at, "{\"before_working_days\": 3, \"overdue\": true}", "nothing is reminded of");
}

void parse_transitions(struct parse *p, const json_t *json)
{
    json_t *transitions = json_object_get(json, "transitions"), *v;
    struct resource *res = p->res;
    const char *name;

    if (!transitions)
        return;
    if (!json_is_object(transitions) || json_object_size(transitions) > RESOURCE_TRANSITIONS_MAX) {
        report_add(
            p->report, "/transitions", NULL, "an object of at most %d transitions", RESOURCE_TRANSITIONS_MAX);
        return;
    }
    res->transitions = arena_array(p->a, json_object_size(transitions), sizeof(struct transition));
    json_object_foreach(transitions, name, v)
    {
        for (int i = 0; i < RESOURCE_ACTIONS; i++)
            if (strcmp(name, resource_action_names[i]) == 0)
                report_add(p->report, AT(p, "/transitions/%s", name), "choose another verb",
                    "\"%s\" is an action every resource has", name);
        parse_transition(p, name, v, &res->transitions[res->transition_count++]);
    }
    parse_conditions(p, transitions);
}

/* Whatever the submitter does is hidden; the list says so where a reader of the declaration looks for it. */
static void check_hidden_acts(struct parse *p, const json_t *list)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "";

        if (strcmp(name, "create") != 0 && strcmp(name, "update") != 0 &&
            !resource_transition(p->res, text_of(name)))
            report_add(p->report, AT(p, "/anonymity/hide_actor_of/%zu", i), NULL,
                "no transition is named \"%s\"", name);
    }
}

void parse_anonymity(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"unless", "fields", "hide_actor_of", "from", NULL};
    static const char *const from[] = {"department", NULL};
    const json_t *v = json_object_get(json, "anonymity");
    const struct field **fields;
    uint32_t count;

    if (!v)
        return;
    report_unknown(p->report, "/anonymity", v, known);
    parse_word(p, "/anonymity", "from", parse_str(p, "/anonymity", v, "from", true), from);
    p->res->anonymity.is_on = true;
    p->res->anonymity.unless =
        parse_field_ref(p, "/anonymity/unless", parse_str(p, "/anonymity", v, "unless", true));
    if (p->res->anonymity.unless && p->res->anonymity.unless->type != FIELD_BOOLEAN)
        report_add(p->report, "/anonymity/unless", NULL,
            "a boolean field by which the submitter agrees to be named");
    fields = field_list(p, "/anonymity/fields", json_object_get(v, "fields"), &count);
    for (uint32_t i = 0; i < count; i++) {
        p->res->fields[fields[i]->index].is_hidden_submitter = true;
        if (fields[i]->is_filterable || fields[i]->is_sortable || fields[i]->is_searchable)
            report_add(p->report, AT(p, "/anonymity/fields/%u", i), NULL,
                "a hidden field cannot be filtered, sorted or searched by: that would reveal it");
    }
    check_hidden_acts(p, json_object_get(v, "hide_actor_of"));
}
