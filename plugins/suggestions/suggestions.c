/* suggestions: what the declaration in resources/suggestion.json cannot say by itself.
 *
 *   outcome_rules   an outcome needs its reason; only what was adopted is implemented; reopening starts a fresh round
 *   assignment      a department cannot be lead and co at once
 *   answered        sign-off notes the date and whether it was on time
 *   staff_only      the hint at a similar suggestion is for those who handle it, not for the submitter
 *   find_similar    after the commit: an older suggestion with the same title is pointed at
 *   GET /summary    the counts everybody asks for */
#include <juxin/plugin.h>
#include <string.h>

#define RESOURCE "suggestions.suggestion"

static const struct jx_host *host;

static bool is(struct jx_text text, const char *value)
{
    return text.ptr && text.len == strlen(value) && memcmp(text.ptr, value, text.len) == 0;
}

static bool is_empty(struct jx_text text)
{
    return !text.ptr || text.len == 0;
}

static struct jx_text field(const struct jx_record *rec, const char *name)
{
    return host->record->get(rec, name);
}

static bool was_adopted(const struct jx_record *rec)
{
    return is(field(rec, "outcome"), "adopted") || is(field(rec, "outcome"), "partly");
}

/* ---- filters --------------------------------------------------------------------------------------------------- */

static void outcome_needs_reason(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        struct jx_text outcome = field(records[i], "outcome");

        if (!is(outcome, "declined") && !is(outcome, "partly"))
            continue;
        if (is_empty(field(records[i], "outcome_reason"))) {
            host->http->veto_status(call, 422);
            jx_veto(result, "/outcome_reason", "reason_required", "This outcome needs its reason.",
                "不采纳或部分采纳须说明理由。");
            return;
        }
    }
    jx_ok(result);
}

static void only_adopted_is_implemented(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    for (uint32_t i = 0; i < count; i++) {
        if (!was_adopted(records[i])) {
            jx_veto(result, "/evidence", "not_adopted",
                "Only a suggestion whose recorded outcome is adopted or partly adopted is implemented.",
                "只有登记为采纳或部分采纳的建议才进入落实环节。");
            return;
        }
    }
    jx_ok(result);
}

static void only_unadopted_is_concluded(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    for (uint32_t i = 0; i < count; i++) {
        if (is_empty(field(records[i], "outcome"))) {
            jx_veto(result, NULL, "no_outcome", "Record the outcome first.", "请先登记办理结果。");
            return;
        }
        if (was_adopted(records[i])) {
            jx_veto(result, NULL, "adopted",
                "An adopted suggestion is implemented, with evidence, before the submitter is asked.",
                "已采纳的建议须先落实并附依据，再请提出人确认。");
            return;
        }
    }
    jx_ok(result);
}

/* A new round: what was recorded of the last one stays in the history, not in the record. */
static void reopening_clears(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    static const char *const fields[] = {
        "outcome", "outcome_reason", "answered_on", "answered_on_time", "evidence"};
    struct jx_text none = {NULL, 0};

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t f = 0; f < JX_COUNT(fields); f++)
            if (host->record->set(call, records[i], fields[f], none) < 0)
                return;
    jx_ok(result);
}

static bool contains(struct jx_text list, struct jx_text id)
{
    return !is_empty(list) && !is_empty(id) && list.len >= id.len &&
           memmem(list.ptr, list.len, id.ptr, id.len) != NULL;
}

static void lead_is_not_co(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        if (contains(field(records[i], "co_departments"), field(records[i], "lead_department"))) {
            host->http->veto_status(call, 422);
            jx_veto(result, "/co_departments", "lead_is_co",
                "The lead department is not a co-department as well.", "主办部门不能同时作为协办部门。");
            return;
        }
    }
    jx_ok(result);
}

static void note_the_answer(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    int32_t today = host->calendar->today(call);
    struct jx_text date = host->calendar->date_text(call, today);

    for (uint32_t i = 0; i < count; i++) {
        struct jx_text due = host->record->get_old(records[i], "due");
        struct jx_text on_time = JX_LITERAL("true"), late = JX_LITERAL("false");
        int32_t due_day;

        if (host->record->set(call, records[i], "answered_on", date) < 0)
            return;
        if (is_empty(due) || host->calendar->date_parse(due, &due_day) < 0)
            continue;
        if (host->record->set(call, records[i], "answered_on_time", today <= due_day ? on_time : late) < 0)
            return;
    }
    jx_ok(result);
}

/* The other suggestion may be another street's: whoever cannot read it is not told that it exists. */
static bool may_follow(struct jx_call *call, const struct jx_record *rec)
{
    struct jx_text other = field(rec, "similar_to");
    struct jx_id id;

    if (!host->subject->may(call, RESOURCE ".read", host->record->unit(rec)))
        return false;
    return is_empty(other) || (host->core->id_parse(other, &id) == 0 &&
                                  host->record->read(call, JX_AS_USER, RESOURCE, id, NULL) == 0);
}

static void hide_similar(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++)
        if (!may_follow(call, records[i]))
            host->record->hide(records[i], "similar_to");
    jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = JX_BEFORE_TRANSITION,
        .name = "outcome_rules",
        .resource = RESOURCE,
        .transition = "record_outcome",
        .fn = outcome_needs_reason},
    {.point = JX_BEFORE_TRANSITION,
        .name = "outcome_rules",
        .resource = RESOURCE,
        .transition = "implement",
        .fn = only_adopted_is_implemented},
    {.point = JX_BEFORE_TRANSITION,
        .name = "outcome_rules",
        .resource = RESOURCE,
        .transition = "conclude",
        .fn = only_unadopted_is_concluded},
    {.point = JX_BEFORE_TRANSITION,
        .name = "outcome_rules",
        .resource = RESOURCE,
        .transition = "reopen",
        .fn = reopening_clears},
    {.point = JX_BEFORE_TRANSITION,
        .name = "assignment",
        .resource = RESOURCE,
        .transition = "assign",
        .fn = lead_is_not_co},
    {.point = JX_BEFORE_TRANSITION,
        .name = "answered",
        .resource = RESOURCE,
        .transition = "sign_off",
        .fn = note_the_answer},
    {.point = JX_SERIALISE, .name = "staff_only", .resource = RESOURCE, .fn = hide_similar},
};

/* ---- after the commit ------------------------------------------------------------------------------------------ */

/* A suggestion of a unit where the plugin is off is frozen: nobody is pointed at it. */
static struct jx_text newest_at_work(struct jx_call *call, const struct jx_rows *rows)
{
    struct jx_text none = {NULL, 0};

    for (uint32_t row = 0; row < host->query->count(rows); row++) {
        jx_unit handling = host->unit->find(call, host->query->get(rows, row, 1));

        if (handling != JX_UNIT_NONE && host->policy->is_on(call, "suggestions", handling))
            return host->query->get(rows, row, 0);
    }
    return none;
}

static void find_similar(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    struct jx_record *rec = NULL;
    struct jx_rows *rows = NULL;
    struct jx_text params[2], json, other;
    int32_t r = host->record->read(call, JX_AS_PLUGIN, RESOURCE, event->id, &rec);

    if (r == JX_ENOENT) { /* deleted meanwhile: nothing to do */
        jx_ok(result);
        return;
    }
    if (r < 0)
        return;
    params[0] = field(rec, "title");
    params[1] = host->core->id_text(call, event->id);
    if (host->query->run(call, "similar", params, 2, &rows) < 0)
        return;
    other = newest_at_work(call, rows);
    if (!is_empty(other)) {
        json = host->core->format(call, "{\"similar_to\": \"%s\"}", other.ptr);
        r = host->record->update(call, JX_AS_PLUGIN, RESOURCE, event->id, json, NULL);
        if (r < 0)
            return;
    }
    jx_ok(result);
}

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "find_similar", .resource = RESOURCE, .fn = find_similar},
};

/* ---- GET /summary ---------------------------------------------------------------------------------------------- */

static const char *const states[] = {"submitted", "screened", "assigned", "drafted", "answered", "awaiting",
    "confirmed", "unconfirmed", "not_accepted", "withdrawn"};
static const char *const outcomes[] = {"adopted", "partly", "declined", "reference"};

struct summary {
    int64_t received, answered, answered_on_time, implemented;
    int64_t by_state[JX_COUNT(states)];
    int64_t by_outcome[JX_COUNT(outcomes)];
};

static int64_t number(struct jx_text text)
{
    int64_t value = 0;

    for (uint64_t i = 0; i < text.len; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

static void add_to(int64_t *sums, const char *const *names, uint32_t count, struct jx_text name, int64_t n)
{
    for (uint32_t i = 0; i < count; i++)
        if (is(name, names[i]))
            sums[i] += n;
}

static void add_row(struct summary *s, const struct jx_rows *rows, uint32_t row)
{
    struct jx_text state = host->query->get(rows, row, 1), outcome = host->query->get(rows, row, 2);
    int64_t n = number(host->query->get(rows, row, 5));
    bool is_closed = is(state, "awaiting") || is(state, "confirmed") || is(state, "unconfirmed");

    s->received += n;
    add_to(s->by_state, states, JX_COUNT(states), state, n);
    add_to(s->by_outcome, outcomes, JX_COUNT(outcomes), outcome, n);
    if (is(host->query->get(rows, row, 4), "t"))
        s->answered += n;
    if (is(host->query->get(rows, row, 3), "t"))
        s->answered_on_time += n;
    if (is_closed && (is(outcome, "adopted") || is(outcome, "partly")))
        s->implemented += n;
}

static void write_counts(
    struct jx_json *out, const char *key, const char *const *names, const int64_t *sums, uint32_t count)
{
    host->http->json_key(out, key);
    host->http->json_object(out);
    for (uint32_t i = 0; i < count; i++) {
        host->http->json_key(out, names[i]);
        host->http->json_int(out, sums[i]);
    }
    host->http->json_object_end(out);
}

static void write_summary(struct jx_call *call, jx_unit unit, const struct summary *s)
{
    const struct jx_http_api *http = host->http;
    struct jx_json *out = http->respond(call, 200);

    http->json_object(out);
    http->json_key(out, "unit");
    http->json_text(out, host->unit->code(call, unit));
    http->json_key(out, "received");
    http->json_int(out, s->received);
    http->json_key(out, "answered");
    http->json_int(out, s->answered);
    http->json_key(out, "answered_on_time");
    http->json_int(out, s->answered_on_time);
    http->json_key(out, "implemented");
    http->json_int(out, s->implemented);
    write_counts(out, "by_state", states, s->by_state, JX_COUNT(states));
    write_counts(out, "by_outcome", outcomes, s->by_outcome, JX_COUNT(outcomes));
    http->json_object_end(out);
}

static void summary(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text whole = JX_LITERAL("");
    struct jx_text param =
        unit == host->unit->root(call) ? whole : host->core->id_text(call, host->unit->id(call, unit));
    struct summary s = {0};
    struct jx_rows *rows = NULL;

    if (host->query->run(call, "counts", &param, 1, &rows) < 0)
        return;
    for (uint32_t row = 0; row < host->query->count(rows); row++) {
        jx_unit handling = host->unit->find(call, host->query->get(rows, row, 0));

        if (handling != JX_UNIT_NONE && host->policy->is_on(call, "suggestions", handling) &&
            host->subject->may(call, "suggestions.summary.read", handling))
            add_row(&s, rows, row);
    }
    write_summary(call, unit, &s);
    jx_ok(result);
}

static const struct jx_route routes[] = {
    {.method = JX_GET,
        .path = "/summary",
        .permission = "suggestions.summary.read",
        .summary_zh = "建言献策统计：收到、按期答复、采纳、落实",
        .summary_en = "Counts: received, answered on time, adopted, implemented",
        .fn = summary},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_FILTERS(filters),
    JX_ACTIONS(actions),
    JX_ROUTES(routes),
};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("suggestions", "0.1.0", start)
