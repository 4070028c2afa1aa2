/* What a loaded plugin offers (filters, actions, providers, routes, lifecycle, jobs), taken over into tables of our own: its
 * elements may be smaller or larger than ours, depending on the minor version it was built with. */
#pragma once

#include <juxin/plugin.h>

#include "access/job.h"
#include "plugin/package/plugin.h"

struct offer_filter {
    const struct plugin *plugin;
    struct jx_filter f;
    char mark[48]; /* "before_transition reopen_limit": for the crash marker */
};
struct offer_action {
    const struct plugin *plugin;
    struct jx_action a;
};
struct offer_provider {
    const struct plugin *plugin;
    struct jx_provider p;
};
struct offer_route {
    const struct plugin *plugin;
    struct jx_route r;
};
struct offer_lifecycle {
    const struct plugin *plugin;
    struct jx_lifecycle l;
};

struct offer_job {
    const struct plugin *plugin;
    struct jx_job j;
    char kind[128]; /* "plugin.name": the server's kind of job */
    struct job_kind server;
};

struct offers {
    struct offer_filter *filters; /* by phase, then plugin id, then the plugin's own order */
    struct offer_action *actions; /* by plugin id, then the plugin's own order */
    struct offer_provider *providers;
    struct offer_route *routes;
    struct offer_lifecycle *lifecycle;
    struct offer_job *jobs;
    size_t filter_count, action_count, provider_count, route_count, lifecycle_count, job_count;
};

#define OFFER_WHY_MAX 320

/* Checks and takes over; nothing is taken when something is wrong: -EINVAL with `why` (OFFER_WHY_MAX bytes). */
MUSTCHECK int offer_take(const struct plugin *p, const struct jx_plugin *code, char *why);
const struct offers *offers(void);
void offers_clear(void);                          /* at the end of a process or a test */
const char *offer_point_name(uint32_t point);     /* NULL for none of enum jx_point */
const char *offer_provider_name(uint32_t kind);   /* "statistics"; NULL */
const char *offer_lifecycle_name(uint32_t event); /* "lifecycle load"; NULL */
const char *offer_method_name(uint32_t method);   /* "GET"; NULL */
