/* A plugin that does what the title of a thing says, so that a test can make it misbehave from outside. */
#include <juxin/plugin.h>
#include <stdlib.h>
#include <string.h>

#define THING "probe.thing"

static const struct jx_host *host;

static bool is(struct jx_text t, const char *s)
{
    return t.ptr && t.len == strlen(s) && memcmp(t.ptr, s, t.len) == 0;
}

static struct jx_text text(const char *s)
{
    struct jx_text t = {s, strlen(s)};

    return t;
}

static void crash(void)
{
    volatile int *nowhere = (volatile int *)(uintptr_t)(host->size > 0 ? 8 : 16);

    *nowhere = 1;
}

static void obey(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    struct jx_text title = host->record->get(records[0], "title");

    (void)count;
    if (is(title, "veto")) {
        host->http->veto_status(call, 422);
        jx_veto(result, "/title", "not_this", "Not this title.", "不接受此标题。");
        return;
    }
    if (is(title, "zero"))
        return;
    if (is(title, "crash"))
        crash();
    if (is(title, "spin"))
        for (volatile uint64_t i = 0;; i++)
            ;
    if (is(title, "abort"))
        abort();
    jx_ok(result);
}

static void scribble_on(
    const char *title, struct jx_call *call, struct jx_record *const *records, struct jx_result *result)
{
    struct jx_text secret = text("scribbled");

    if (is(host->record->get(records[0], "title"), title)) {
        if (host->query->run(call, "rename_all", &secret, 1, NULL) == 0)
            return; /* an error after all */
    }
    jx_ok(result);
}

/* Fails open: what it wrote is undone, the request goes on. */
static void scribble(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)count;
    scribble_on("scribble", call, records, result);
}

/* Tells whoever asks, then fails. */
static void scribble_notice(struct jx_call *call, struct jx_record *const *records, struct jx_result *result)
{
    struct jx_id who = host->subject->account(call);
    struct jx_notice notice = {.size = sizeof(notice),
        .unit = host->record->unit(records[0]),
        .kind = "scribbled",
        .holders = &who,
        .holder_count = 1};

    if (!JX_HAS(host, notify) || host->notify->tell(call, &notice) < 0)
        jx_ok(result);
}

/* The same, and has not said that it writes. */
static void scribble_untold(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)count;
    if (is(host->record->get(records[0], "title"), "scribble told"))
        scribble_notice(call, records, result);
    else
        scribble_on("scribble untold", call, records, result);
}

static bool begins(struct jx_text t, const char *s)
{
    return t.ptr && t.len >= strlen(s) && memcmp(t.ptr, s, strlen(s)) == 0;
}

/* Marks the thing that is called "tally" for every new one whose title begins so, and the new one too. */
static void tally(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        struct jx_text old = host->record->get(records[i], "secret"), more;

        if (!begins(host->record->get(records[i], "title"), "tally "))
            continue;
        more = host->core->format(call, "%.*sx", (int)old.len, old.ptr ? old.ptr : "");
        if (host->record->set(call, records[i], "secret", more) < 0 ||
            host->query->run(call, "mark_tally", NULL, 0, NULL) < 0)
            return;
    }
    jx_ok(result);
}

/* Behind those that have written. */
static void refuse_late(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is(host->record->get(records[i], "title"), "tally refused")) {
            host->http->veto_status(call, 422);
            jx_veto(result, "/title", "not_this_either", "Not this title either.", "也不接受此标题。");
            return;
        }
    }
    jx_ok(result);
}

static void hide(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    for (uint32_t i = 0; i < count; i++)
        if (is(host->record->get(records[i], "title"), "hidden"))
            host->record->hide(records[i], "secret");
    jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .name = "obey", .resource = THING, .fn = obey},
    {.point = JX_BEFORE_CREATE,
        .phase = JX_LATE,
        .flags = JX_FAIL_OPEN | JX_WRITES,
        .name = "scribble",
        .resource = THING,
        .fn = scribble},
    {.point = JX_BEFORE_CREATE,
        .phase = JX_LATE,
        .flags = JX_FAIL_OPEN,
        .name = "scribble_untold",
        .resource = THING,
        .fn = scribble_untold},
    {.point = JX_BEFORE_CREATE,
        .phase = JX_EARLY,
        .flags = JX_WRITES,
        .name = "tally",
        .resource = THING,
        .fn = tally},
    {.point = JX_BEFORE_CREATE, .name = "refuse_late", .resource = THING, .fn = refuse_late},
    {.point = JX_SERIALISE, .name = "hide", .resource = THING, .fn = hide},
};

static void note(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    if (host->record->update(call, JX_AS_PLUGIN, THING, event->id, text("{\"noted\": 1}"), NULL) == 0)
        jx_ok(result);
}

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "note", .resource = THING, .fn = note},
};

static void titles(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text id = host->core->id_text(call, host->unit->id(call, unit)), none = text("x");
    struct jx_rows *rows = NULL;
    struct jx_json *out;

    /* A GET cannot write. */
    if (host->query->run(call, "rename_all", &none, 1, NULL) != JX_EACCES)
        return;
    if (host->query->run(call, "titles", &none, 1, NULL) != JX_EINVAL)
        return;
    if (host->query->run(call, "titles", &id, 1, &rows) < 0)
        return;
    out = host->http->respond(call, 200);
    host->http->json_object(out);
    host->http->json_key(out, "greeting");
    host->http->json_text(out, host->core->setting(call, unit, "greeting"));
    host->http->json_key(out, "titles");
    host->http->json_array(out);
    for (uint32_t i = 0; i < host->query->count(rows); i++)
        host->http->json_text(out, host->query->get(rows, i, 0));
    host->http->json_array_end(out);
    host->http->json_object_end(out);
    jx_ok(result);
}

/* Creates a thing through the engine; "then_veto" refuses afterwards: nothing may stay. */
static void make(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    struct jx_text title = host->http->body(call, "title"),
                   id = host->core->id_text(call, host->unit->id(call, unit));
    struct jx_text json = host->core->format(
        call, "{\"title\": %s, \"unit\": \"%s\"}", host->core->json_quote(call, title).ptr, id.ptr);
    struct jx_record *made = NULL;
    struct jx_json *out;

    if (host->record->create(call, JX_AS_USER, THING, json, &made) < 0)
        return;
    if (is(host->http->body(call, "then_veto"), "true")) {
        jx_veto(result, NULL, "after_all_not", "After all not.", "还是不行。");
        return;
    }
    out = host->http->respond(call, 201);
    host->http->json_object(out);
    host->http->json_key(out, "id");
    host->http->json_text(out, host->core->id_text(call, host->record->id(made)));
    host->http->json_object_end(out);
    jx_ok(result);
}

static const struct jx_route routes[] = {
    {.method = JX_GET, .path = "/titles", .permission = "probe.use", .fn = titles},
    {.method = JX_POST, .path = "/make", .permission = "probe.use", .members = "title,then_veto", .fn = make},
};

static void good_card(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    host->http->json_text(out, host->unit->name(call, unit));
    jx_ok(result);
}

static void broken_card(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    (void)call;
    (void)unit;
    host->http->json_object(out); /* never closed */
    jx_ok(result);
}

static const struct jx_provider providers[] = {
    {.kind = JX_CARD, .name = "good", .label_zh = "好", .label_en = "Good", .fn = good_card},
    {.kind = JX_CARD, .name = "broken", .label_zh = "坏", .label_en = "Broken", .fn = broken_card},
};

static void unit_told(struct jx_call *call, const char *event, jx_unit unit, struct jx_result *result)
{
    host->core->log(call, JX_LOG_INFO, event, host->unit->code(call, unit).ptr);
    jx_ok(result);
}

static void enabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    unit_told(call, "probe.enabled", unit, result);
}

static void disabled(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    unit_told(call, "probe.disabled", unit, result);
}

static const struct jx_lifecycle lifecycle[] = {
    {.event = JX_ENABLE_UNIT, .fn = enabled},
    {.event = JX_DISABLE_UNIT, .fn = disabled},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_LIFECYCLE(lifecycle),
    JX_FILTERS(filters),
    JX_ACTIONS(actions),
    JX_ROUTES(routes),
    JX_PROVIDERS(providers),
};

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("probe", "0.1.0", start)
