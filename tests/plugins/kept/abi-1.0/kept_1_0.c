/* A plugin that uses all of the interface 1.0: every point, kind and event, every function of every table. Kept as the
 * object it was compiled to (README.md); this is what it was compiled from. */
#include <juxin/plugin.h>

#define THING "kept_1_0.thing"
#define TOLD "kept_1_0.told"
#define HAS_ALL                                                                                              \
    (JX_HAS(host->core, setting) && JX_HAS(host->record, transition) && JX_HAS(host->query, get) &&          \
        JX_HAS(host->http, veto_status) && JX_HAS(host->subject, department) &&                              \
        JX_HAS(host->unit, is_under) && JX_HAS(host->policy, nearest_on) &&                                  \
        JX_HAS(host->calendar, date_text) && JX_HAS(host, calendar))

static const struct jx_host *host;

static struct jx_text text(const char *s)
{
    struct jx_text t = {s, 0};

    while (s[t.len])
        t.len++;
    return t;
}

static bool is(struct jx_text t, const char *s)
{
    struct jx_text other = text(s);

    if (!t.ptr || t.len != other.len)
        return false;
    for (uint64_t i = 0; i < t.len; i++)
        if (t.ptr[i] != s[i])
            return false;
    return true;
}

static bool is_same(struct jx_id a, struct jx_id b)
{
    for (int i = 0; i < 16; i++)
        if (a.b[i] != b.b[i])
            return false;
    return true;
}

static int32_t tell(struct jx_call *call, jx_unit unit, const char *what, const char *about)
{
    struct jx_text json = host->core->format(call, "{\"what\": \"%s %s\", \"unit\": \"%s\"}", what, about,
        host->core->id_text(call, host->unit->id(call, unit)).ptr);

    return host->record->create(call, JX_AS_PLUGIN, TOLD, json, NULL);
}

/* ---- filters: each point leaves something to be seen --------------------------------------------------------------- */

static void validate(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    if (count != 1 || !is(text(host->record->resource(records[0])), THING))
        return;
    if (is(host->record->get(records[0], "title"), "veto")) {
        host->http->veto_status(call, 422);
        jx_veto(result, "/title", "not_this", "Not this title.", "不接受此标题。");
        return;
    }
    jx_ok(result);
}

static void before_create(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    bool is_new = !host->record->get_old(records[0], "title").ptr;

    (void)count;
    if (is_new && host->record->set(call, records[0], "no_such_field", text("x")) == JX_ENOENT &&
        host->record->set(call, records[0], "tag", text("made")) == 0)
        jx_ok(result);
}

static void before_update(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    struct jx_text old = host->record->get_old(records[0], "title");

    (void)count;
    if (host->record->is_changed(records[0], "title") && !host->record->is_changed(records[0], "reason") &&
        host->record->set(call, records[0], "tag", host->core->format(call, "was %s", old.ptr)) < 0)
        return;
    jx_ok(result);
}

static void before_delete(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    (void)count;
    if (is(host->record->get(records[0], "title"), "keep me"))
        jx_veto(result, NULL, "kept", "It is kept.", "须保留。");
    else
        jx_ok(result);
}

static void before_transition(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)count;
    if (host->record->set(call, records[0], "tag", text("closing")) == 0)
        jx_ok(result);
}

/* Fails open, and writes: its savepoint takes back what it wrote. */
static void scribble(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    struct jx_text params[2] = {
        host->core->id_text(call, host->record->id(records[0])), text("scribbled over")};

    (void)count;
    if (host->query->run(call, "retag", params, 2, NULL) == 0 &&
        is(host->record->get(records[0], "reason"), "fail open"))
        return;
    jx_ok(result);
}

static void serialise(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++)
        if (is(host->record->get(records[i], "title"), "discreet"))
            host->record->hide(records[i], "secret");
    if (host->record->set(call, records[0], "tag", text("never")) == JX_EACCES)
        jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .phase = JX_EARLY, .name = "validate", .resource = THING, .fn = validate},
    {.point = JX_BEFORE_CREATE, .name = "before_create", .resource = THING, .fn = before_create},
    {.point = JX_BEFORE_UPDATE, .name = "before_update", .resource = THING, .fn = before_update},
    {.point = JX_BEFORE_DELETE, .name = "before_delete", .resource = THING, .fn = before_delete},
    {.point = JX_BEFORE_TRANSITION,
        .name = "before_transition",
        .resource = THING,
        .transition = "close",
        .fn = before_transition},
    {.point = JX_BEFORE_TRANSITION,
        .phase = JX_LATE,
        .flags = JX_FAIL_OPEN | JX_WRITES,
        .name = "scribble",
        .resource = THING,
        .fn = scribble},
    {.point = JX_SERIALISE, .name = "serialise", .resource = THING, .fn = serialise},
};

/* ---- actions: each point leaves a record --------------------------------------------------------------------------- */

static void act(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    static const char *const names[] = {"after_create", "after_update", "after_delete", "after_transition"};
    const char *name = names[event->point - JX_AFTER_CREATE];
    struct jx_text about = host->core->id_text(call, event->id);

    if (event->size < sizeof(*event) || event->version < 1 || !is(text(event->resource), THING) ||
        host->subject->kind(call) != JX_SUBJECT_PLUGIN)
        return;
    if (event->transition)
        about = host->core->format(call, "%s %s", about.ptr, event->transition);
    if (event->point == JX_AFTER_UPDATE)
        about = host->core->format(call, "%s %s", about.ptr, event->changed);
    if (tell(call, event->unit, name, about.ptr) == 0)
        jx_ok(result);
}

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "created", .resource = THING, .fn = act},
    {.point = JX_AFTER_UPDATE, .name = "updated", .resource = THING, .fn = act},
    {.point = JX_AFTER_DELETE, .name = "deleted", .resource = THING, .fn = act},
    {.point = JX_AFTER_TRANSITION, .name = "moved", .resource = THING, .transition = "close", .fn = act},
};

/* ---- routes -------------------------------------------------------------------------------------------------------- */

static void say(struct jx_json *out, const char *key, bool value)
{
    host->http->json_key(out, key);
    host->http->json_bool(out, value);
}

static void say_units(struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    const struct jx_unit_api *u = host->unit;
    struct jx_text id = host->core->id_text(call, u->id(call, unit));
    jx_unit root = u->root(call);

    host->http->json_key(out, "unit");
    host->http->json_text(out, u->name(call, unit));
    host->http->json_key(out, "level");
    host->http->json_int(out, u->level(call, unit));
    say(out, "unit.find by id", u->find(call, id) == unit);
    say(out, "unit.find by code", u->find(call, u->code(call, unit)) == unit);
    say(out, "unit.find nothing", u->find(call, text("no such")) == JX_UNIT_NONE);
    say(out, "unit.parent", u->parent(call, root) == JX_UNIT_NONE && u->parent(call, unit) == root);
    say(out, "unit.is_under", u->is_under(call, unit, root) && !u->is_under(call, root, unit));
}

static void say_subject(struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    const struct jx_subject_api *s = host->subject;
    struct jx_id nobody = {{0}};

    say(out, "subject.kind", s->kind(call) == JX_SUBJECT_ACCOUNT);
    say(out, "subject.account", !is_same(s->account(call), nobody));
    say(out, "subject.may", s->may(call, "kept_1_0.use", unit) && !s->may(call, "core.account.write", unit));
    say(out, "subject.department", is_same(s->department(call, 0), nobody));
    say(out, "subject.in_department", !s->in_department(call, s->account(call), false));
    say(out, "policy.is_on",
        host->policy->is_on(call, "kept_1_0", unit) && !host->policy->is_on(call, "nobody", unit));
    say(out, "policy.nearest_on", host->policy->nearest_on(call, "kept_1_0", unit) == unit);
}

static void say_core(struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    const struct jx_core_api *c = host->core;
    struct jx_id id = c->id_new(), parsed = {{0}};
    uint8_t *memory = c->alloc(call, 4096);

    c->log(call, JX_LOG_INFO, "kept.says", "from a route");
    say(out, "core.now", c->now(call) > INT64_C(1700000000000000) && c->now(NULL) >= c->now(call));
    say(out, "core.id",
        c->id_parse(c->id_text(call, id), &parsed) == 0 && is_same(id, parsed) &&
            c->id_parse(text("no id"), &parsed) == JX_EINVAL);
    say(out, "core.alloc", memory && memory[0] == 0 && memory[4095] == 0 && !c->alloc(call, 1 << 21));
    say(out, "core.format", is(c->format(call, "%d-%s", 7, "x"), "7-x"));
    say(out, "core.json_quote", is(c->json_quote(call, text("a\"b")), "\"a\\\"b\""));
    say(out, "core.setting",
        is(c->setting(call, unit, "greeting"), "hello") && !c->setting(call, unit, "no").ptr);
}

static void say_calendar(struct jx_call *call, struct jx_json *out)
{
    const struct jx_calendar_api *c = host->calendar;
    int32_t monday = 0, later = 0, days = 0;
    bool ok = c->date_parse(text("2026-03-02"), &monday) == 0 &&
              c->add_working_days(call, monday, 5, &later) == 0 &&
              c->working_days_between(call, monday, later, &days) == 0;

    say(out, "calendar", ok && days == 5 && is(c->date_text(call, later), "2026-03-09"));
    say(out, "calendar.today", c->today(call) > monday - 1000);
    say(out, "calendar.date_parse", c->date_parse(text("2026-13-01"), &later) == JX_EINVAL);
}

static void say_rows(struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    struct jx_text params[2] = {host->core->id_text(call, host->unit->id(call, unit)), text("never")};
    struct jx_rows *rows = NULL;

    say(out, "query.refuses",
        host->query->run(call, "no such", params, 1, &rows) == JX_ENOENT &&
            host->query->run(call, "titles", params, 2, &rows) == JX_EINVAL &&
            host->query->run(call, "retag", params, 2, &rows) == JX_EACCES);
    host->http->json_key(out, "titles");
    host->http->json_array(out);
    if (host->query->run(call, "titles", params, 1, &rows) == 0)
        for (uint32_t i = 0; i < host->query->count(rows); i++)
            host->http->json_text(out, host->query->get(rows, i, 0));
    host->http->json_array_end(out);
    say(out, "query.null", rows && !host->query->get(rows, 0, 1).ptr && !host->query->get(rows, 0, 9).ptr);
}

static void say_records(struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    const struct jx_record_api *r = host->record;
    struct jx_record **list = NULL, *one = NULL;
    uint32_t count = 0;
    int32_t e = r->list(call, JX_AS_USER, THING, "title=eq.first", 10, &list, &count);

    say(out, "record.list", e == 0 && count == 1 && r->unit(list[0]) == unit);
    if (e < 0 || count == 0)
        return;
    say(out, "record.read",
        r->read(call, JX_AS_USER, THING, r->id(list[0]), &one) == 0 && is_same(r->id(one), r->id(list[0])) &&
            is(r->get(one, "title"), "first") && is(r->get(one, "state"), "open"));
    say(out, "record.read nothing",
        r->read(call, JX_AS_USER, THING, host->core->id_new(), &one) == JX_ENOENT);
}

static void everything(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_json *out = host->http->respond(call, 200);

    host->http->json_object(out);
    say(out, "host", HAS_ALL && host->abi_major == 1 && host->version[0] != '\0');
    say(out, "http.param", host->http->param(call, "unit").ptr != NULL);
    say(out, "http.query", is(host->http->query(call, "q"), "asked"));
    say_core(call, unit, out);
    say_subject(call, unit, out);
    say_units(call, unit, out);
    say_calendar(call, out);
    say_rows(call, unit, out);
    say_records(call, unit, out);
    host->http->json_object_end(out);
    jx_ok(result);
}

/* Makes a thing as the user, retags it as the plugin, closes it as the user: one transaction with everything in it. */
static void whole(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text title = host->core->json_quote(call, host->http->body(call, "title"));
    struct jx_text json = host->core->format(call, "{\"title\": %s, \"unit\": \"%s\"}", title.ptr,
        host->core->id_text(call, host->unit->id(call, unit)).ptr);
    struct jx_record *rec = NULL;
    struct jx_rows *rows = NULL;
    struct jx_text params[2];
    struct jx_json *out;

    if (host->record->create(call, JX_AS_USER, THING, json, &rec) < 0)
        return;
    params[0] = host->core->id_text(call, host->record->id(rec));
    params[1] = text("by statement");
    if (host->query->run(call, "retag", params, 2, &rows) < 0 || host->query->affected(rows) != 1 ||
        host->record->update(
            call, JX_AS_PLUGIN, THING, host->record->id(rec), text("{\"tag\": \"by plugin\"}"), &rec) < 0)
        return;
    if (is(host->http->body(call, "close"), "true") &&
        host->record->transition(call, JX_AS_USER, THING, host->record->id(rec), "close",
            text("{\"reason\": \"by route\"}"), &rec) < 0)
        return;
    if (is(host->http->body(call, "veto"), "true")) {
        host->http->veto_status(call, 418);
        jx_veto(result, "/veto", "after_all_not", "After all not.", "还是不行。");
        return;
    }
    out = host->http->respond(call, 201);
    host->http->json_object(out);
    host->http->json_key(out, "id");
    host->http->json_text(out, params[0]);
    host->http->json_key(out, "state");
    host->http->json_text(out, host->record->get(rec, "state"));
    host->http->json_object_end(out);
    jx_ok(result);
}

static void echo(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_json *out = host->http->respond(call, 200);

    (void)unit;
    host->http->json_text(out, host->http->body(call, "value"));
    jx_ok(result);
}

static void nothing(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    (void)call;
    (void)unit;
    jx_ok(result);
}

static const struct jx_route routes[] = {
    {.method = JX_GET,
        .path = "/everything/{unit}",
        .permission = "kept_1_0.use",
        .summary_zh = "全部",
        .summary_en = "Everything",
        .fn = everything},
    {.method = JX_POST,
        .path = "/whole",
        .permission = "kept_1_0.use",
        .members = "title, close, veto",
        .fn = whole},
    {.method = JX_PUT, .path = "/echo", .permission = "kept_1_0.use", .members = "value", .fn = echo},
    {.method = JX_PATCH, .path = "/echo", .permission = "kept_1_0.use", .members = "value", .fn = echo},
    {.method = JX_DELETE, .path = "/nothing", .permission = "kept_1_0.use", .fn = nothing},
};

/* ---- providers ----------------------------------------------------------------------------------------------------- */

static void provide(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    host->http->json_object(out);
    host->http->json_key(out, "at");
    host->http->json_text(out, host->unit->name(call, unit));
    host->http->json_key(out, "none");
    host->http->json_text(out, (struct jx_text){NULL, 0});
    host->http->json_key(out, "answer");
    host->http->json_int(out, 42);
    host->http->json_object_end(out);
    jx_ok(result);
}

static void fail(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    (void)call;
    (void)unit;
    (void)out;
    (void)result;
}

#define PROVIDER(k, n)                                                                                       \
    {                                                                                                        \
        .kind = k, .name = n, .label_zh = "甲", .label_en = "A", .permission = "kept_1_0.use", .fn = provide \
    }
static const struct jx_provider providers[] = {PROVIDER(JX_STATISTICS, "statistics"),
    PROVIDER(JX_CARD, "card"), PROVIDER(JX_MENU, "menu"), PROVIDER(JX_SEARCH, "search"),
    PROVIDER(JX_REPORT, "report"), PROVIDER(JX_HEALTH, "health"),
    {.kind = JX_CARD, .name = "broken", .label_zh = "乙", .label_en = "B", .fn = fail}};

/* ---- lifecycle ----------------------------------------------------------------------------------------------------- */

static void loaded(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(NULL, JX_LOG_INFO, "kept.load", call || unit != JX_UNIT_NONE ? "wrong" : "right");
    jx_ok(result);
}

static void started(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(NULL, JX_LOG_INFO, "kept.worker_start", call || unit != JX_UNIT_NONE ? "wrong" : "right");
    jx_ok(result);
}

static void drained(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(NULL, JX_LOG_INFO, "kept.drain", call || unit != JX_UNIT_NONE ? "wrong" : "right");
    jx_ok(result);
}

static void enabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(call, JX_LOG_INFO, "kept.enable_unit", host->unit->code(call, unit).ptr);
    if (tell(call, unit, "enable_unit", host->unit->code(call, unit).ptr) == 0)
        jx_ok(result);
}

static void disabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    host->core->log(call, JX_LOG_INFO, "kept.disable_unit", host->unit->code(call, unit).ptr);
    jx_ok(result);
}

static const struct jx_lifecycle lifecycle[] = {
    {.event = JX_LOAD, .fn = loaded},
    {.event = JX_WORKER_START, .fn = started},
    {.event = JX_ENABLE_UNIT, .fn = enabled},
    {.event = JX_DISABLE_UNIT, .fn = disabled},
    {.event = JX_DRAIN, .fn = drained},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_FILTERS(filters),
    JX_ACTIONS(actions),
    JX_PROVIDERS(providers),
    JX_ROUTES(routes),
    JX_LIFECYCLE(lifecycle),
};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return HAS_ALL ? &plugin : NULL;
}

JX_PLUGIN("kept_1_0", "1.0.0", start)
