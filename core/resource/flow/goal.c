/* From what the declaration and the request say to a state and a unit. */
#include "resource/flow/goal.h"

#include <errno.h>

#include "resource/record/change.h"
#include "resource/record/gate.h"
#include "tenant/tree.h"

static int find_unit(
    struct call *c, const struct record *rec, const struct transition *t, const json_t *body, struct goal *g)
{
    const struct tree *tree = c->tenant->tree;

    if (transition_takes_unit(t))
        g->wanted = change_unit(c, body);
    else
        g->wanted = tree_parent(tree, rec->unit);
    if (c->fault.status)
        return -EINVAL;
    if (t->move == MOVE_BELOW &&
        (g->wanted == rec->unit || !tree_contains(g->wanted, rec->unit, tree_end(tree, rec->unit))))
        g->wanted = change_unknown_unit(c); /* whoever hands down knows what is below */
    if (c->fault.status)
        return -EINVAL;
    if (g->wanted != TREE_NONE)
        g->to = gate_nearest_on(c, rec->res->plugin, g->wanted);
    if (g->to == TREE_NONE)
        return call_fail(c, 409, "nowhere_to_go", "There is no unit above where this is handled.",
            "上级没有可办理的组织机构。");
    if (g->to == rec->unit)
        return call_fail(
            c, 409, "same_unit", "The record is handled there already.", "该记录已由此机构办理。");
    return 0;
}

/* The step that the request names by its version. Nobody is sent to a unit that is closed or where the plugin is off. */
static int find_step(
    struct call *c, const struct record *rec, const struct transition *t, const json_t *body, struct goal *g)
{
    const json_t *wanted = json_object_get(body, "step");
    struct flow_step *list;
    uint32_t count, unit;
    int r;

    if (!wanted)
        return call_fail_at(c, "/step", "required", "The version of an earlier step.", "请选择退回的环节。");
    r = flow_steps(c, rec, t, &list, &count);
    for (uint32_t i = 0; i < count && r == 0; i++) {
        if (!json_is_integer(wanted) || json_integer_value(wanted) != list[i].version)
            continue;
        unit = tree_find(c->tenant->tree, list[i].unit_id);
        if (unit == TREE_NONE || tree_unit(c->tenant->tree, unit).is_closed ||
            !gate_is_on(c, rec->res->plugin, unit))
            return call_fail(c, 409, "step_closed", "The unit of that step does not handle this any more.",
                "该环节的办理机构已停办此项业务。");
        g->state = list[i].state;
        if (unit != rec->unit)
            g->to = g->wanted = unit;
        return 0;
    }
    return r < 0 ? r
                 : call_fail_at(c, "/step", "unknown_step", "One of the steps that the transition offers.",
                       "应为可退回的环节之一。");
}

/* Back to where it was sent back from, or to the nearest unit above where the plugin runs now. */
static int find_resumed(struct call *c, const struct record *rec, const struct flow *f, struct goal *g)
{
    struct flow_resume from;
    uint32_t unit;
    int r = flow_resume(c, rec, f, &from);

    if (r < 0)
        return r;
    g->state = from.state;
    g->has_days = from.has_days;
    g->days = from.days;
    unit = tree_find(c->tenant->tree, from.unit_id);
    if (unit == rec->unit)
        return 0;
    g->wanted = unit;
    if (unit != TREE_NONE)
        g->to = gate_nearest_on(c, rec->res->plugin, unit);
    if (g->to == TREE_NONE)
        return call_fail(c, 409, "nowhere_to_go", "There is no unit above where this is handled.",
            "上级没有可办理的组织机构。");
    if (g->to == rec->unit)
        g->to = TREE_NONE;
    return 0;
}

/* As it was when it was merged, at whatever unit it lies now. */
static int find_unmerged(struct call *c, const struct record *rec, const struct flow *f, struct goal *g)
{
    struct flow_resume from;
    int r = flow_resume(c, rec, f, &from);

    if (r < 0)
        return r;
    g->state = from.state;
    g->has_days = from.has_days;
    g->days = from.days;
    return 0;
}

int goal_find(struct call *c, const struct record *rec, const struct transition *t, const struct flow *f,
    const json_t *body, struct goal *g)
{
    *g = (struct goal){.state = t->goal == GOAL_STATE ? t->to : rec->state,
        .wanted = TREE_NONE,
        .to = TREE_NONE,
        .is_act = t->goal == GOAL_STAY && t->move == MOVE_NO};
    if (t->goal == GOAL_BACK)
        return find_step(c, rec, t, body, g);
    if (t->goal == GOAL_RESUME)
        return find_resumed(c, rec, f, g);
    if (t->goal == GOAL_UNMERGE)
        return find_unmerged(c, rec, f, g);
    return t->move == MOVE_NO ? 0 : find_unit(c, rec, t, body, g);
}

bool goal_is_there(const struct call *c, const struct record *rec, const struct transition *t)
{
    const struct tree *tree = c->tenant->tree;

    return t->move == MOVE_PARENT  ? tree_parent(tree, rec->unit) != TREE_NONE
           : t->move == MOVE_BELOW ? tree_end(tree, rec->unit) > rec->unit + 1
                                   : true;
}
