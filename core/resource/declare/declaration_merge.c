/* Declarations: duplicates that are merged. */
#include "resource/declare/declaration_parse.h"

static const struct field *parse_reference(struct parse *p, const json_t *v)
{
    const struct field *f = parse_field_ref(p, "/merging/field", parse_str(p, "/merging", v, "field", true));

    if (f && (f->type != FIELD_REFERENCE || !f->reference || strcmp(f->reference, p->res->full_name) != 0 ||
                 f->set_by != SET_BY_TRANSITION || !f->is_filterable || f->is_required))
        report_add(p->report, "/merging/field", "\"set_by\": \"transition\", \"filterable\": true",
            "a reference to this resource itself, set by a transition, filterable, not required");
    return f;
}

static uint64_t parse_into(struct parse *p, const json_t *v)
{
    const json_t *list = json_object_get(v, "into"), *e;
    uint64_t states = 0;
    size_t i;

    for (uint32_t s = 0; !list && s < p->res->state_count; s++)
        states |= p->res->states[s].is_final ? 0 : UINT64_C(1) << s;
    if (list && (!json_is_array(list) || json_array_size(list) == 0))
        report_add(p->report, "/merging/into", NULL, "a list of states");
    json_array_foreach(list, i, e)
    {
        int s = parse_state_ref(p, AT(p, "/merging/into/%zu", i), json_string_value(e));

        states |= s >= 0 ? UINT64_C(1) << s : 0;
    }
    return states;
}

/* Of another person's record: nothing that is about them. */
static void parse_shows(struct parse *p, const json_t *v, struct merging *m)
{
    const json_t *list = json_object_get(v, "shows"), *e;
    size_t i;

    if (list && !json_is_array(list))
        report_add(p->report, "/merging/shows", NULL, "a list of field names");
    m->shows = arena_array(p->a, json_array_size(list) + 1, sizeof(*m->shows));
    json_array_foreach(list, i, e)
    {
        const char *at = AT(p, "/merging/shows/%zu", i);
        const struct field *f = parse_field_ref(p, at, json_is_string(e) ? json_string_value(e) : "");

        if (f && (strcmp(f->sensitivity, "none") != 0 || f->is_hidden_submitter || f->mask != MASK_NONE))
            report_add(p->report, at, NULL,
                "whoever submitted the duplicate sees it of somebody else's record: no personal field");
        else if (f)
            m->shows[m->show_count++] = f;
    }
}

/* The request names the other record by these. */
static void check_names(struct parse *p)
{
    static const char *const names[] = {"into", "into_version"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (resource_field(p->res, text_of(names[i])))
            report_add(p->report, "/merging", "call the field otherwise",
                "the request names the other record as \"%s\", which is a field here", names[i]);
}

static bool sets(const struct transition *t, const struct field *f)
{
    bool found = false;

    for (uint32_t i = 0; i < t->field_count; i++)
        found |= t->fields[i] == f;
    for (uint32_t i = 0; i < t->set_count; i++)
        found |= t->sets[i].field == f;
    for (uint32_t i = 0; i < t->participant_count; i++)
        found |= t->participants[i].field == f;
    return found;
}

/* Into the state by merging alone, out of it by taking that back alone: the state and the reference never disagree. */
static void check_transition(struct parse *p, const struct transition *t)
{
    const struct merging *m = &p->res->merging;
    const char *at = AT(p, "/transitions/%s", t->name);
    bool leads_in = t->goal == GOAL_STATE && t->to == m->state,
         leads_back = t->goal == GOAL_BACK && t->back_to >> m->state & 1, leads_out = t->from >> m->state & 1;

    if (t->merges && (!leads_in || leads_out || t->move != MOVE_NO || t->participant_count || t->holder ||
                         t->by_submitter || t->completes || t->auto_days || t->auto_overdue_days))
        report_add(p->report, AT(p, "%s/merges", at), NULL,
            "what merges leads to the state of /merging, by who handles the record: without \"move\", "
            "\"participants\", \"holder\", \"by\", \"completes\" and \"auto\"");
    else if (!t->merges && (leads_in || leads_back))
        report_add(p->report, at, "\"merges\": true", "only what merges leads to the state \"%s\"",
            p->res->states[m->state].name);
    if (t->goal == GOAL_UNMERGE &&
        (t->from != UINT64_C(1) << m->state || t->holder || t->by_submitter || t->completes || t->auto_days))
        report_add(p->report, AT(p, "%s/unmerges", at), NULL,
            "it is taken in the state of /merging alone, by who handles the record");
    else if (t->goal != GOAL_UNMERGE && leads_out)
        report_add(p->report, AT(p, "%s/from", at), "\"unmerges\": true",
            "only what takes it back leads out of the state \"%s\"", p->res->states[m->state].name);
    if (sets(t, m->field))
        report_add(p->report, at, NULL, "\"%s\" is set by merging", m->field->name);
}

static void check_unused(struct parse *p)
{
    for (uint32_t i = 0; i < p->res->transition_count; i++)
        if (p->res->transitions[i].merges || p->res->transitions[i].goal == GOAL_UNMERGE)
            report_add(p->report, AT(p, "/transitions/%s", p->res->transitions[i].name),
                "add \"merging\": {\"field\": …, \"state\": …}", "the resource does not say how it merges");
}

void parse_merging(struct parse *p, const json_t *json)
{
    static const char *const known[] = {"field", "state", "into", "shows", NULL};
    const json_t *v = json_object_get(json, "merging");
    struct merging *m = &p->res->merging;
    int state;

    if (!v) {
        check_unused(p);
        return;
    }
    report_unknown(p->report, "/merging", v, known);
    m->field = parse_reference(p, v);
    state = parse_state_ref(p, "/merging/state", parse_str(p, "/merging", v, "state", true));
    m->state = state < 0 ? 0 : (uint32_t)state;
    m->into = parse_into(p, v);
    parse_shows(p, v, m);
    check_names(p);
    if (!m->field || state < 0)
        return;
    if (!p->res->states[m->state].is_final || m->into >> m->state & 1)
        report_add(p->report, "/merging/state", "\"final\": true",
            "a final state, and none that others are merged into");
    for (uint32_t i = 0; i < p->res->transition_count; i++)
        check_transition(p, &p->res->transitions[i]);
}
