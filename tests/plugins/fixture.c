/* One plugin, broken in the way the build asks for. FIXTURE is its name. */
#include <juxin/plugin.h>
#include <string.h>

#ifndef FIXTURE_NAME
#define FIXTURE_NAME FIXTURE
#endif
#ifndef FIXTURE_MAJOR
#define FIXTURE_MAJOR JX_ABI_MAJOR
#endif
#ifndef FIXTURE_MINOR
#define FIXTURE_MINOR 0
#endif
#ifndef FIXTURE_POINT
#define FIXTURE_POINT JX_VALIDATE
#endif
#ifdef FIXTURE_MAGIC
#define MAGIC                                                                                                \
    {                                                                                                        \
        'X', 'X', 'P', 'L', 'U', 'G', 'I', 'N'                                                               \
    }
#else
#define MAGIC                                                                                                \
    {                                                                                                        \
        'J', 'X', 'P', 'L', 'U', 'G', 'I', 'N'                                                               \
    }
#endif
#ifndef FIXTURE_COUNT
#define FIXTURE_COUNT JX_COUNT(filters)
#endif
#ifndef FIXTURE_TABLE
#define FIXTURE_TABLE sizeof(struct jx_plugin)
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(filters[0])
#endif

#ifdef FIXTURE_SLEEPS
unsigned sleep(unsigned seconds);
#endif
#ifdef FIXTURE_NEEDS
int companion(void);
#endif
#ifdef FIXTURE_IMPORTS
#include "imports.h"
/* Declared as nothing in particular, and under another name here: only the symbol matters. */
#define DECLARE(name) void import_##name(void) __asm__(#name);
#define CALL(name) import_##name();
IMPORTS(DECLARE)
#endif
#ifdef FIXTURE_UNRESOLVED
void there_is_no_such_function(void);
#endif

#ifndef FIXTURE_NOTELESS
__attribute__((section(".note.juxin"), used, aligned(4))) static const struct jx_note note = {6,
    JX_DESCRIPTOR_SIZE, JX_NOTE_TYPE, {'J', 'u', 'x', 'i', 'n', 0, 0, 0}, MAGIC, JX_DESCRIPTOR_SIZE,
    FIXTURE_MAJOR, FIXTURE_MINOR, FIXTURE_NAME, "0.1.0"};
#endif

static void filter(
    struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)
{
    (void)call;
    (void)records;
    (void)count;
#ifdef FIXTURE_SLEEPS
    sleep(1);
#endif
#ifdef FIXTURE_NEEDS
    (void)companion();
#endif
#ifdef FIXTURE_IMPORTS
    IMPORTS(CALL)
#endif
#ifdef FIXTURE_UNRESOLVED
    there_is_no_such_function();
#endif
    if (strcmp(FIXTURE, "veto") == 0)
        jx_veto(result, "/title", "never", "Never.", "不行。");
    else if (strcmp(FIXTURE, "zero") != 0)
        jx_ok(result);
}

static const struct jx_filter filters[] = {
    {.point = FIXTURE_POINT, .phase = JX_LATE, .name = "late", .resource = "good.note", .fn = filter},
    {.point = FIXTURE_POINT, .phase = JX_EARLY, .name = "early", .resource = "good.note", .fn = filter},
};

#ifdef FIXTURE_EVERY
static void act(struct jx_call *call, const struct jx_event *event, struct jx_result *result)
{
    (void)call;
    (void)event;
    jx_ok(result);
}

static void provide(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)
{
    (void)call;
    (void)unit;
    (void)out;
    jx_ok(result);
}

static void answer(struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    (void)call;
    (void)unit;
    jx_ok(result);
}

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "act", .resource = "good.note", .fn = act}};
static const struct jx_provider providers[] = {{.kind = JX_CARD, .name = "card", .fn = provide}};
static const struct jx_route routes[] = {
    {.method = JX_GET, .path = "/route", .permission = "good.use", .fn = answer}};
static const struct jx_lifecycle lifecycle[] = {{.event = JX_ENABLE_UNIT, .fn = answer}};
#endif

__attribute__((used)) static const struct jx_plugin plugin = {.size = FIXTURE_TABLE,
#ifdef FIXTURE_EVERY
    JX_ACTIONS(actions),
    JX_PROVIDERS(providers),
    JX_ROUTES(routes),
    JX_LIFECYCLE(lifecycle),
#endif
    .filters = filters,
    .filter_count = FIXTURE_COUNT,
    .filter_size = FIXTURE_SIZE};

#ifdef FIXTURE_CRASHES
__attribute__((constructor)) static void crash(void)
{
    __builtin_trap();
}
#endif

#ifndef FIXTURE_ENTRYLESS
const struct jx_plugin *jx_plugin_entry(const struct jx_host *host)
{
    (void)host;
#ifdef FIXTURE_DECLINES
    return NULL;
#else
    return &plugin;
#endif
}
#else
JX_EXPORT const struct jx_plugin *another_name(void);
const struct jx_plugin *another_name(void)
{
    return &plugin;
}
#endif
