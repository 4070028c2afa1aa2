/* A plugin that fails on demand: in which kind of hook, and how, says the setting `plan` ("crash@validate"), or, for
 * what runs without a call (load, worker_start, drain, construct), the plan in the object's own bytes, which the test
 * writes there. One object, every fault in every kind of hook. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <juxin/plugin.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define THING "fault.thing"
#define MEGABYTE (UINT64_C(1) << 20)

static const struct jx_host *host;
/* Found by its first 16 bytes and written over by the test; volatile, so that the compiler believes nothing of it. */
__attribute__((used)) static const volatile char written_plan[64] = "FAULT-PLAN-HERE:";

/* ---- the faults ---------------------------------------------------------------------------------------------------- */

/* exit and _exit may not be imported (the loader refuses that), so they are looked up in libc's own tables, as a library
 * that a plugin links could have them. */
struct lookup {
    const char *name;
    void *found;
};

static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;

    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

static void *find_symbol(const ElfW(Dyn) * d, ElfW(Addr) base, const char *name)
{
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const uint32_t *table = NULL, *buckets, *chain;
    uint32_t hash = gnu_hash(name), i;

    for (; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            symbols = (const void *)d->d_un.d_ptr;
        else if (d->d_tag == DT_STRTAB)
            strings = (const void *)d->d_un.d_ptr;
        else if (d->d_tag == DT_GNU_HASH)
            table = (const void *)d->d_un.d_ptr;
    }
    if (!symbols || !strings || !table)
        return NULL;
    buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / 4);
    chain = buckets + table[0];
    for (i = buckets[hash % table[0]]; i >= table[1]; i++) {
        if ((chain[i - table[1]] | 1) == (hash | 1) && strcmp(strings + symbols[i].st_name, name) == 0)
            return (void *)(base + symbols[i].st_value);
        if (chain[i - table[1]] & 1)
            break;
    }
    return NULL;
}

static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct lookup *l = arg;

    (void)size;
    if (!strstr(info->dlpi_name, "libc.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            l->found = find_symbol(
                (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), info->dlpi_addr, l->name);
    return 1;
}

/* function(argument) of libc's, one that may not be imported. */
static void call_banned(const char *function, unsigned argument)
{
    struct lookup l = {function, NULL};
    void (*fn)(unsigned argument);

    dl_iterate_phdr(look_in, &l);
    *(void **)&fn = l.found;
    fn(argument);
}

static void crash(void)
{
    *(volatile int *)(uintptr_t)(written_plan[0] ? 8 : 16) = 1;
}

/* Frames of 300 KB, touched at their far end first: what a guard of one page does not catch. Compiled without
 * -fstack-clash-protection. */
__attribute__((noinline)) static int overflow(int depth)
{
    volatile char frame[300 * 1024];

    frame[0] = (char)depth;
    return overflow(depth + 1) + frame[0] + frame[sizeof(frame) - 1];
}

static void loop(void)
{
    for (volatile uint64_t i = 0;; i++)
        ;
}

/* Some tenths of a second of honest work. */
static void work(void)
{
    for (volatile uint64_t i = 0; i < 200000000; i++)
        ;
}

/* A loop over the host's functions: each of them suspends, or comes back at once when the request is over. */
static void pester(struct jx_call *call)
{
    for (;;)
        (void)host->query->run(call, "all", NULL, 0, NULL);
}

/* Memory of the plugin's own, used and never given back. */
static void leak(uint64_t megabytes)
{
    char *memory = malloc(megabytes * MEGABYTE);

    for (uint64_t at = 0; memory && at < megabytes * MEGABYTE; at += 4096)
        ((volatile char *)memory)[at] = 1;
}

static void hoard(void)
{
    for (;;)
        leak(1);
}

static char *huge(struct jx_call *call)
{
    uint64_t size = 8 * MEGABYTE;
    char *out = malloc(size + 1);

    (void)call;
    memset(out, 'x', size);
    out[size] = '\0';
    return out;
}

/* Numbers only: what this plugin can see of, and do to, a record of another tenant whose id it knows. */
static void reach(struct jx_call *call, jx_unit unit, const char *here)
{
    struct jx_text other = host->core->setting(call, unit, "other");
    struct jx_rows *all = NULL, *one = NULL, *written = NULL;
    struct jx_record *rec = NULL, **list = NULL;
    struct jx_id id = {{0}};
    uint32_t listed = 99;
    int32_t r[5];

    host->core->id_parse(other, &id);
    r[0] = host->query->run(call, "all", NULL, 0, &all);
    r[1] = host->query->run(call, "reach", &other, 1, &one);
    r[2] = host->query->run(call, "reach_write", &other, 1, &written);
    r[3] = host->record->read(call, JX_AS_PLUGIN, THING, id, &rec);
    r[4] = host->record->list(
        call, JX_AS_PLUGIN, THING, host->core->format(call, "id=eq.%s", other.ptr).ptr, 10, &list, &listed);
    host->core->log(call, JX_LOG_INFO, "fault.reach",
        host->core
            ->format(call, "%s all=%d/%s one=%d/%u write=%d/%llu read=%d list=%d/%u", here, r[0],
                r[0] == 0 ? host->query->get(all, 0, 0).ptr : "-", r[1], host->query->count(one), r[2],
                (unsigned long long)host->query->affected(written), r[3], r[4], listed)
            .ptr);
}

/* ---- the plan ------------------------------------------------------------------------------------------------------ */

static bool is_planned(const char *plan, const char *fault, const char *here)
{
    size_t len = strlen(fault);

    return strncmp(plan, fault, len) == 0 && plan[len] == '@' && strcmp(plan + len + 1, here) == 0;
}

/* What does not come back, or must look as if nothing had been. */
static void misbehave(const char *plan, const char *here, struct jx_call *call, jx_unit unit)
{
    if (is_planned(plan, "crash", here))
        crash();
    if (is_planned(plan, "abort", here))
        abort();
    if (is_planned(plan, "exit", here))
        call_banned("exit", 0);
    if (is_planned(plan, "_exit", here))
        call_banned("_exit", 0);
    if (is_planned(plan, "loop", here))
        loop();
    if (is_planned(plan, "work", here))
        work();
    if (is_planned(plan, "sleep", here))
        call_banned("sleep", 3600);
    if (is_planned(plan, "overflow", here))
        (void)overflow(0);
    if (is_planned(plan, "hoard", here))
        hoard();
    if (is_planned(plan, "leak", here))
        leak(8);
    if (!call && is_planned(plan, "ballast", "start"))
        leak(24); /* in the constructor, at load and when the worker starts */
    if (call && is_planned(plan, "badsql", here))
        (void)host->query->run(call, "divide", NULL, 0, NULL);
    if (call && is_planned(plan, "badpointer", here))
        (void)host->record->read(call, JX_AS_PLUGIN, (const char *)(uintptr_t)8, (struct jx_id){{0}}, NULL);
    if (call && is_planned(plan, "pester", here))
        pester(call);
    if (call && is_planned(plan, "reach", here))
        reach(call, unit, here);
}

/* True when the function is to return without saying that all is well. */
static bool answers_otherwise(
    const char *plan, const char *here, struct jx_call *call, struct jx_result *result)
{
    if (is_planned(plan, "zero", here))
        return true;
    if (is_planned(plan, "veto", here)) {
        jx_veto(result, "/title", "refused_here", "Refused.", "不行。");
        return true;
    }
    if (is_planned(plan, "garbage", here)) {
        result->verdict = 77;
        result->code = "\xff\xfe\"\n";
        return true;
    }
    if (is_planned(plan, "oversize", here)) {
        char *text = huge(call);

        host->core->log(call, JX_LOG_INFO, text, text);
        jx_veto(result, text, text, text, text);
        return true;
    }
    if (is_planned(plan, "bytes", here)) {
        host->core->log(call, JX_LOG_INFO, "fault\xff\n{", "\xc3(\x01\"\\\xf0");
        jx_veto(result, "/ti\xfftle",
            "co\xff"
            "de",
            "mess\xff\x01\"age", "\xe4\xb8");
        return true;
    }
    return false;
}

static void finish(const char *here, struct jx_call *call, jx_unit unit, struct jx_result *result)
{
    const char *plan = host->core->setting(call, unit, "plan").ptr;

    misbehave(plan, here, call, unit);
    if (!answers_otherwise(plan, here, call, result))
        jx_ok(result);
}

static void finish_without_call(const char *here, struct jx_result *result)
{
    char plan[sizeof(written_plan)];

    for (size_t i = 0; i < sizeof(plan); i++)
        plan[i] = written_plan[i];
    plan[sizeof(plan) - 1] = '\0';
    host->core->log(NULL, JX_LOG_INFO, "fault.told", here);
    misbehave(plan, here, NULL, JX_UNIT_NONE);
    if (!answers_otherwise(plan, here, NULL, result))
        jx_ok(result);
}

/* ---- the hooks ----------------------------------------------------------------------------------------------------- */

#define FILTER(here)                                                                                         \
    static void here(                                                                                        \
        struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result)    \
    {                                                                                                        \
        (void)count;                                                                                         \
        finish(#here, call, host->record->unit(records[0]), result);                                         \
    }
FILTER(validate)
FILTER(before_create)
FILTER(before_update)
FILTER(before_delete)
FILTER(before_transition)
FILTER(serialise)

static const struct jx_filter filters[] = {
    {.point = JX_VALIDATE, .name = "f", .resource = THING, .fn = validate},
    {.point = JX_BEFORE_CREATE, .name = "f", .resource = THING, .fn = before_create},
    {.point = JX_BEFORE_UPDATE, .name = "f", .resource = THING, .fn = before_update},
    {.point = JX_BEFORE_DELETE, .name = "f", .resource = THING, .fn = before_delete},
    {.point = JX_BEFORE_TRANSITION, .name = "f", .resource = THING, .fn = before_transition},
    {.point = JX_SERIALISE, .name = "f", .resource = THING, .fn = serialise},
};

#define ACTION(here)                                                                                         \
    static void here(struct jx_call *call, const struct jx_event *event, struct jx_result *result)           \
    {                                                                                                        \
        finish(#here, call, event->unit, result);                                                            \
        host->core->log(call, JX_LOG_INFO, "fault.acted", #here);                                            \
    }
ACTION(after_create)
ACTION(after_update)
ACTION(after_delete)
ACTION(after_transition)

static const struct jx_action actions[] = {
    {.point = JX_AFTER_CREATE, .name = "a", .resource = THING, .fn = after_create},
    {.point = JX_AFTER_UPDATE, .name = "a", .resource = THING, .fn = after_update},
    {.point = JX_AFTER_DELETE, .name = "a", .resource = THING, .fn = after_delete},
    {.point = JX_AFTER_TRANSITION, .name = "a", .resource = THING, .fn = after_transition},
};

/* Output: as much as is asked for, or none that is JSON. */
static void write_out(const char *here, struct jx_call *call, jx_unit unit, struct jx_json *out)
{
    const char *plan = host->core->setting(call, unit, "plan").ptr;
    struct jx_text piece;

    if (is_planned(plan, "unclosed", here)) {
        host->http->json_object(out);
        host->http->json_array(out);
        return;
    }
    if (is_planned(plan, "flood", here)) {
        piece.ptr = huge(call);
        piece.len = 8 * MEGABYTE;
        host->http->json_array(out);
        for (int i = 0; i < 40; i++)
            host->http->json_text(out, piece);
        host->http->json_array_end(out);
        return;
    }
    if (is_planned(plan, "overclosed", here)) {
        host->http->json_object(out);
        host->http->json_object_end(out);
        host->http->json_array_end(out);
        host->http->json_object_end(out);
        return;
    }
    if (is_planned(plan, "keyless", here)) {
        host->http->json_object(out);
        host->http->json_int(out, 1);
        host->http->json_object_end(out);
        return;
    }
    if (is_planned(plan, "twice", here)) {
        host->http->json_int(out, 1);
        host->http->json_int(out, 2);
        return;
    }
    if (is_planned(plan, "nothing", here))
        return;
    piece = host->core->format(call, "%s", "well");
    if (is_planned(plan, "binary", here)) {
        piece.ptr = "\xff\xc3(\x01";
        piece.len = 4;
    }
    host->http->json_object(out);
    host->http->json_key(out, "here");
    host->http->json_text(out, piece);
    host->http->json_object_end(out);
}

#define PROVIDER(here)                                                                                       \
    static void here(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result)      \
    {                                                                                                        \
        write_out(#here, call, unit, out);                                                                   \
        finish(#here, call, unit, result);                                                                   \
    }
PROVIDER(card)

static const struct jx_provider providers[] = {
    {.kind = JX_CARD, .name = "p", .label_zh = "卡", .label_en = "Card", .fn = card}};

#define ROUTE(here)                                                                                          \
    static void here(struct jx_call *call, jx_unit unit, struct jx_result *result)                           \
    {                                                                                                        \
        write_out(#here, call, unit, host->http->respond(call, 200));                                        \
        finish(#here, call, unit, result);                                                                   \
    }
ROUTE(get)
ROUTE(post)

static const struct jx_route routes[] = {
    {.method = JX_GET, .path = "/get", .permission = "fault.use", .fn = get},
    {.method = JX_POST, .path = "/post", .permission = "fault.use", .members = "x", .fn = post},
};

#define WITH_CALL(here)                                                                                      \
    static void here(struct jx_call *call, jx_unit unit, struct jx_result *result)                           \
    {                                                                                                        \
        finish(#here, call, unit, result);                                                                   \
    }
WITH_CALL(enable_unit)
WITH_CALL(disable_unit)

#define WITHOUT_CALL(here)                                                                                   \
    static void here(struct jx_call *call, jx_unit unit, struct jx_result *result)                           \
    {                                                                                                        \
        (void)call;                                                                                          \
        (void)unit;                                                                                          \
        finish_without_call(#here, result);                                                                  \
    }
WITHOUT_CALL(load)
WITHOUT_CALL(worker_start)
WITHOUT_CALL(drain)

static const struct jx_lifecycle lifecycle[] = {
    {.event = JX_LOAD, .fn = load},
    {.event = JX_WORKER_START, .fn = worker_start},
    {.event = JX_ENABLE_UNIT, .fn = enable_unit},
    {.event = JX_DISABLE_UNIT, .fn = disable_unit},
    {.event = JX_DRAIN, .fn = drain},
};

static const struct jx_plugin plugin = {
    .size = sizeof(plugin),
    JX_FILTERS(filters),
    JX_ACTIONS(actions),
    JX_PROVIDERS(providers),
    JX_ROUTES(routes),
    JX_LIFECYCLE(lifecycle),
};

__attribute__((constructor)) static void construct(void)
{
    char plan[sizeof(written_plan)];

    for (size_t i = 0; i < sizeof(plan); i++)
        plan[i] = written_plan[i];
    misbehave(plan, "construct", NULL, JX_UNIT_NONE);
}

static const struct jx_plugin *start(const struct jx_host *h)
{
    host = h;
    return &plugin;
}

JX_PLUGIN("fault", "0.1.0", start)
