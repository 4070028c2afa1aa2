/* Taking over a plugin's tables. */
#include "plugin/hook/offer.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"

#define ELEMENTS_MAX 256
/* What the first version had, up to the member named: a plugin built with it is taken over for ever, however much the
 * structures have grown since. */
#define FIRST_SIZE(type, last) (offsetof(struct type, last) + sizeof(((struct type *)0)->last))

static struct offers all;

const struct offers *offers(void)
{
    return &all;
}

const char *offer_point_name(uint32_t point)
{
    switch (point) {
    case JX_VALIDATE:
        return "validate";
    case JX_BEFORE_CREATE:
        return "before_create";
    case JX_BEFORE_UPDATE:
        return "before_update";
    case JX_BEFORE_DELETE:
        return "before_delete";
    case JX_BEFORE_TRANSITION:
        return "before_transition";
    case JX_SERIALISE:
        return "serialise";
    case JX_AFTER_CREATE:
        return "after_create";
    case JX_AFTER_UPDATE:
        return "after_update";
    case JX_AFTER_DELETE:
        return "after_delete";
    case JX_AFTER_TRANSITION:
        return "after_transition";
    default:
        return NULL;
    }
}

const char *offer_provider_name(uint32_t kind)
{
    static const char *const names[] = {[JX_STATISTICS] = "statistics",
        [JX_CARD] = "card",
        [JX_MENU] = "menu",
        [JX_SEARCH] = "search",
        [JX_REPORT] = "report",
        [JX_HEALTH] = "health"};

    return kind < ARRAY_LEN(names) ? names[kind] : NULL;
}

const char *offer_lifecycle_name(uint32_t event)
{
    static const char *const names[] = {[JX_LOAD] = "lifecycle load",
        [JX_WORKER_START] = "lifecycle worker_start",
        [JX_ENABLE_UNIT] = "lifecycle enable_unit",
        [JX_DISABLE_UNIT] = "lifecycle disable_unit",
        [JX_DRAIN] = "lifecycle drain"};

    return event < ARRAY_LEN(names) ? names[event] : NULL;
}

const char *offer_method_name(uint32_t method)
{
    static const char *const names[] = {
        [JX_GET] = "GET", [JX_POST] = "POST", [JX_PUT] = "PUT", [JX_PATCH] = "PATCH", [JX_DELETE] = "DELETE"};

    return method < ARRAY_LEN(names) ? names[method] : NULL;
}

static PRINTF_LIKE(2, 3) int refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, OFFER_WHY_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

/* One of the plugin's arrays, as bytes. */
struct array {
    const char *what;
    const void *items;
    uint32_t count, size;
    size_t least;
};

static int check_array(const struct array *a, char *why)
{
    if (a->count == 0)
        return 0;
    if (!a->items || a->count > ELEMENTS_MAX)
        return refuse(why, "%s: found %u elements at %s, expected at most %u", a->what, a->count,
            a->items ? "an address" : "NULL", ELEMENTS_MAX);
    if (a->size < a->least || a->size > 4096 || a->size % sizeof(void *) != 0)
        return refuse(why, "%s: an element has %u bytes, expected at least %zu: use the JX_… macros", a->what,
            a->size, a->least);
    return 0;
}

static bool is_job_name(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        if (!(s[n] >= 'a' && s[n] <= 'z') && !(s[n] >= '0' && s[n] <= '9') && s[n] != '_')
            return false;
    return n > 0 && n <= 40;
}

static int check_job(const struct jx_job *j, char *why)
{
    if (!j->fn || !j->name || !is_job_name(j->name))
        return refuse(why, "job %s: fn and a name of 1 to 40 of a-z, 0-9 and _ are required",
            j->name ? j->name : "without a name");
    if (j->flags)
        return refuse(why, "job %s: unknown flags 0x%x", j->name, j->flags);
    return 0;
}

/* Element i as large as ours; members the plugin does not know are zero. */
static void fetch(const struct array *a, uint32_t i, void *out, size_t size)
{
    memset(out, 0, size);
    memcpy(out, (const char *)a->items + (size_t)i * a->size, MIN(size, a->size));
}

static int check_filter(const struct jx_filter *f, char *why)
{
    if (!f->fn || !f->name || !f->resource)
        return refuse(
            why, "filter %s: name, resource and fn are required", f->name ? f->name : "without a name");
    if (f->point < JX_VALIDATE || f->point > JX_SERIALISE)
        return refuse(
            why, "filter %s: found point %u, expected JX_VALIDATE to JX_SERIALISE", f->name, f->point);
    if (f->phase > JX_LATE || f->flags & ~(uint32_t)(JX_FAIL_OPEN | JX_WRITES))
        return refuse(why, "filter %s: unknown phase %u or flags 0x%x", f->name, f->phase, f->flags);
    if (f->point == JX_SERIALISE && f->flags & JX_WRITES)
        return refuse(why, "filter %s: JX_SERIALISE must not write", f->name);
    return 0;
}

static int check_action(const struct jx_action *a, char *why)
{
    if (!a->fn || !a->name || !a->resource)
        return refuse(
            why, "action %s: name, resource and fn are required", a->name ? a->name : "without a name");
    if (a->point < JX_AFTER_CREATE || a->point > JX_AFTER_TRANSITION)
        return refuse(why, "action %s: found point %u, expected JX_AFTER_CREATE to JX_AFTER_TRANSITION",
            a->name, a->point);
    return 0;
}

static int check_provider(const struct jx_provider *p, char *why)
{
    if (!p->fn || !p->name || !offer_provider_name(p->kind))
        return refuse(
            why, "provider %s: name, fn and a known kind are required", p->name ? p->name : "without a name");
    return 0;
}

static int check_route(const struct jx_route *r, char *why)
{
    if (!r->fn || !r->path || r->path[0] != '/' || !r->permission || !offer_method_name(r->method))
        return refuse(why, "route %s: method, path (from /), permission and fn are required",
            r->path ? r->path : "without a path");
    return 0;
}

static int check_lifecycle(const struct jx_lifecycle *l, char *why)
{
    if (!l->fn || l->event < JX_LOAD || l->event > JX_DRAIN)
        return refuse(why, "lifecycle: found event %u, expected JX_LOAD to JX_DRAIN, with fn", l->event);
    return 0;
}

static int phase_rank(uint32_t phase)
{
    return phase == JX_EARLY ? 0 : phase == JX_NORMAL ? 1 : 2;
}

static int filter_order(const void *a, const void *b)
{
    const struct offer_filter *x = a, *y = b;
    int d = phase_rank(x->f.phase) - phase_rank(y->f.phase);

    if (d == 0)
        d = strcmp(x->plugin->id, y->plugin->id);
    return d != 0 ? d : (x->f.reserved > y->f.reserved) - (x->f.reserved < y->f.reserved);
}

/* Takes all elements of one kind: checks on the first pass (add false), copies on the second. */
#define TAKE(array, type, member, list, counter, check)                                                      \
    for (uint32_t i = 0; i < (array)->count; i++) {                                                          \
        struct type one = {.plugin = p};                                                                     \
                                                                                                             \
        fetch(array, i, &one.member, sizeof(one.member));                                                    \
        if (!add && check(&one.member, why) < 0)                                                             \
            return -EINVAL;                                                                                  \
        if (!add)                                                                                            \
            continue;                                                                                        \
        one.member.reserved = i;                                                                             \
        all.list = mem_resize(all.list, all.counter + 1, sizeof(one));                                       \
        all.list[all.counter++] = one;                                                                       \
    }

static int take(const struct plugin *p, const struct array arrays[6], bool add, char *why)
{
    TAKE(&arrays[0], offer_filter, f, filters, filter_count, check_filter)
    TAKE(&arrays[1], offer_action, a, actions, action_count, check_action)
    TAKE(&arrays[2], offer_provider, p, providers, provider_count, check_provider)
    TAKE(&arrays[3], offer_route, r, routes, route_count, check_route)
    TAKE(&arrays[4], offer_lifecycle, l, lifecycle, lifecycle_count, check_lifecycle)
    TAKE(&arrays[5], offer_job, j, jobs, job_count, check_job)
    return 0;
}

int offer_take(const struct plugin *p, const struct jx_plugin *code, char *why)
{
    struct jx_plugin known = {.size = 0}; /* what the plugin does not know is zero */
    struct array arrays[6];

    if (code->size < FIRST_SIZE(jx_plugin, lifecycle) || code->size > 4096)
        return refuse(why, "struct jx_plugin: found %u bytes, expected at least %zu", code->size,
            FIRST_SIZE(jx_plugin, lifecycle));
    memcpy(&known, code, MIN(sizeof(known), (size_t)code->size));
    arrays[0] = (struct array){
        "filters", known.filters, known.filter_count, known.filter_size, FIRST_SIZE(jx_filter, fn)};
    arrays[1] = (struct array){
        "actions", known.actions, known.action_count, known.action_size, FIRST_SIZE(jx_action, fn)};
    arrays[2] = (struct array){
        "providers", known.providers, known.provider_count, known.provider_size, FIRST_SIZE(jx_provider, fn)};
    arrays[3] =
        (struct array){"routes", known.routes, known.route_count, known.route_size, FIRST_SIZE(jx_route, fn)};
    arrays[4] = (struct array){"lifecycle", known.lifecycle, known.lifecycle_count, known.lifecycle_size,
        FIRST_SIZE(jx_lifecycle, fn)};
    arrays[5] = (struct array){"jobs", known.jobs, known.job_count, known.job_size, FIRST_SIZE(jx_job, fn)};
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
        if (check_array(&arrays[i], why) < 0)
            return -EINVAL;
    if (take(p, arrays, false, why) < 0)
        return -EINVAL;
    (void)take(p, arrays, true, why);
    for (size_t i = 0; i < all.job_count; i++)
        snprintf(
            all.jobs[i].kind, sizeof(all.jobs[i].kind), "%s.%s", all.jobs[i].plugin->id, all.jobs[i].j.name);
    for (size_t i = 0; i < all.filter_count; i++)
        snprintf(all.filters[i].mark, sizeof(all.filters[i].mark), "%s %s",
            offer_point_name(all.filters[i].f.point), all.filters[i].f.name);
    if (all.filter_count > 1)
        qsort(all.filters, all.filter_count, sizeof(all.filters[0]), filter_order);
    return 0;
}

void offers_clear(void)
{
    free(all.filters);
    free(all.actions);
    free(all.providers);
    free(all.routes);
    free(all.lifecycle);
    free(all.jobs);
    all = (struct offers){.filters = NULL};
}
