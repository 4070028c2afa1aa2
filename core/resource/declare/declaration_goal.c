/* Declarations: where a transition leads, what it sets by itself, and what has to have happened before it. */
#include "resource/declare/declaration_parse.h"
#include "resource/declare/value.h"

static uint64_t parse_back(struct parse *p, const char *at, const json_t *list)
{
    uint64_t states = 0;
    const json_t *e;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0)
        report_add(p->report, AT(p, "%s/back_to", at), NULL, "a list of states");
    json_array_foreach(list, i, e)
    {
        int s = parse_state_ref(p, AT(p, "%s/back_to/%zu", at, i), json_string_value(e));

        states |= s >= 0 ? UINT64_C(1) << s : 0;
    }
    return states;
}

void parse_goal(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    const char *name = parse_str(p, at, v, "to", false);
    const json_t *back = json_object_get(v, "back_to");
    bool resumes = parse_bool(p, at, v, "resume"), unmerges = parse_bool(p, at, v, "unmerges");

    if ((name != NULL) + (back != NULL) + resumes + unmerges > 1)
        report_add(p->report, at, "without any of them the state stays",
            "it leads to one place: \"to\", \"back_to\", \"resume\" or \"unmerges\"");
    t->to = 0;
    t->goal = back       ? GOAL_BACK
              : resumes  ? GOAL_RESUME
              : unmerges ? GOAL_UNMERGE
              : name     ? GOAL_STATE
                         : GOAL_STAY;
    if (back)
        t->back_to = parse_back(p, at, back);
    if (back && resource_field(p->res, TEXT("step")))
        report_add(p->report, AT(p, "%s/back_to", at), "call the field otherwise",
            "the request names the step as \"step\", which is a field here");
    if (name) {
        int to = parse_state_ref(p, AT(p, "%s/to", at), name);

        t->to = to < 0 ? 0 : (uint32_t)to;
    }
    if ((back || resumes || unmerges) && t->move != MOVE_NO)
        report_add(p->report, AT(p, "%s/move", at), NULL,
            "back_to, resume and unmerges know the unit by themselves");
}

void parse_sets(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    json_t *sets = json_object_get(v, "sets"), *value;
    const char *name;

    if (!sets)
        return;
    if (!json_is_object(sets) || json_object_size(sets) == 0) {
        report_add(p->report, AT(p, "%s/sets", at), "{\"field\": value}", "an object of fields and values");
        return;
    }
    t->sets = arena_array(p->a, json_object_size(sets), sizeof(*t->sets));
    json_object_foreach(sets, name, value)
    {
        const char *here = AT(p, "%s/sets/%s", at, name), *text = NULL;
        const struct field *f = parse_field_ref(p, here, name);
        struct value_fault fault;

        if (!f)
            continue;
        if (field_is_uuid(f->type) || f->type == FIELD_DEPARTMENTS)
            report_add(p->report, here, NULL, "a declaration knows no ids; only null can be set here");
        else if (value_from_json(p->a, f, value, &text, &fault) < 0)
            report_add(p->report, here, fault.en, "not a value that this field can have");
        t->sets[t->set_count++] = (struct transition_set){f, text};
    }
}

/* A role of which some transition opens parts. */
static const char *parse_role(struct parse *p, const char *at, const json_t *v, const char *key)
{
    const char *role = parse_str(p, at, v, key, false);
    bool found = role == NULL;

    for (uint32_t i = 0; i < p->res->transition_count; i++)
        for (uint32_t k = 0; k < p->res->transitions[i].participant_count; k++) {
            const struct transition_participant *who = &p->res->transitions[i].participants[k];

            found |= who->opens && strcmp(who->role, role ? role : "") == 0;
        }
    if (!found)
        report_add(p->report, AT(p, "%s/%s", at, key), "add \"opens\": true to the participant of that role",
            "no transition opens parts of the role \"%s\"", role);
    return arena_dup(p->a, role);
}

static struct transition *parse_transition_ref(
    struct parse *p, const char *at, const json_t *v, const char *key)
{
    const char *names[RESOURCE_TRANSITIONS_MAX + 1] = {NULL}, *near;
    const char *name = parse_str(p, at, v, key, false);

    if (!name)
        return NULL;
    for (uint32_t i = 0; i < p->res->transition_count; i++) {
        if (strcmp(p->res->transitions[i].name, name) == 0)
            return &p->res->transitions[i];
        names[i] = p->res->transitions[i].name;
    }
    near = report_nearest(name, names);
    report_add(p->report, AT(p, "%s/%s", at, key), near ? AT(p, "did you mean \"%s\"?", near) : NULL,
        "no transition is named \"%s\"", name);
    return NULL;
}

static void parse_condition(struct parse *p, const char *at, const json_t *v, struct transition *t)
{
    struct transition *after = parse_transition_ref(p, at, v, "after");

    t->not_by = parse_transition_ref(p, at, v, "not_by");
    t->waits_for = parse_role(p, at, v, "waits_for");
    t->completes = parse_role(p, at, v, "completes");
    t->after = after;
    if (after && (after->goal != GOAL_STAY || after->move != MOVE_NO || after == t))
        report_add(p->report, AT(p, "%s/after", at), NULL,
            "what waits for a decision is an act: another transition without \"to\" and \"move\"");
    else if (after)
        after->is_asked = true;
    if (t->completes && (t->goal != GOAL_STAY || t->move != MOVE_NO || t->holder || t->by_submitter))
        report_add(p->report, AT(p, "%s/completes", at), NULL,
            "it is an act of whoever has the part: without \"to\", \"move\", \"holder\" and \"by\"");
    if ((t->auto_days || t->auto_overdue_days) && (t->goal == GOAL_BACK || t->completes || t->after))
        report_add(p->report, AT(p, "%s/auto", at), NULL, "what time does needs nobody's choice");
    if (t->auto_days && t->goal == GOAL_STAY)
        report_add(p->report, AT(p, "%s/auto", at), NULL, "what time in a state does leads to a state");
}

/* Once all transitions are known: they may name each other. */
void parse_conditions(struct parse *p, const json_t *transitions)
{
    uint32_t n = 0;
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)transitions, name, v)
        parse_condition(p, AT(p, "/transitions/%s", name), v, &p->res->transitions[n++]);
}
