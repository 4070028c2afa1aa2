/* The plugins of this server, as loaded once per process. A plugin that cannot be used stays in the registry with the
 * reason, so that its paths can say so (and fail closed when it is security-critical). */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/digest.h"
#include "base/json.h"

struct jx_plugin;
struct statement;

/* What of a plugin decides where it runs (policy/policy.h). */
struct policy_plugin {
    const char *id;
    uint8_t levels; /* where it can run at all: bit per enum level */
    bool default_on;
    const char *const *requires; /* plugin ids, NULL-terminated */
    const char *unavailable;     /* NULL, or why: not_installed, abi_mismatch, quarantined */
};

struct plugin_label {
    const char *zh, *en;
};

struct plugin_permission {
    const char *name; /* full: "suggestions.suggestion.read" */
    struct plugin_label label;
};

struct plugin_role { /* a ready-made role the plugin brings */
    const char *id;
    struct plugin_label label;
    const char *const *permissions; /* full names, NULL-terminated */
};

struct plugin_setting {
    const char *key;
    const char *type;     /* "text", "integer", "boolean" */
    const char *fallback; /* as text */
    struct plugin_label label;
};

struct plugin_notice { /* a template, told as "plugin.name" */
    const char *name;
    struct plugin_label label, text;
    bool is_urgent;
};

struct plugin_resource {
    char *file;   /* path, for messages */
    char *name;   /* file name without .json: "suggestion" */
    char *source; /* the text as read, so that a message can say the line */
    size_t source_len;
    json_t *json;
};

struct plugin {
    struct arena *arena; /* owns everything below */
    char *id;
    char *dir;           /* absolute */
    const char *version; /* "" while unknown */
    struct plugin_label label, description;
    json_t *manifest;            /* NULL when it cannot be read; what follows points into it */
    struct policy_plugin policy; /* levels, default, requires; .unavailable: the class of the reason */
    char *unavailable_detail;    /* what exactly is wrong, for operators; NULL when all is well */
    bool is_security_critical;   /* never dropped: what it guards fails closed while it is unavailable */
    const char *const *guards;   /* resources of others it must have a say in, NULL-terminated */
    struct plugin_permission *permissions;
    size_t permission_count;
    struct plugin_role *roles;
    size_t role_count;
    struct plugin_setting *settings;
    size_t setting_count;
    const char *const *hosts; /* that it may send requests to: names, or *.name; NULL-terminated */
    struct plugin_notice *notices;
    size_t notice_count;
    struct plugin_resource
        *resources; /* parsed JSON, not checked against the resource schema: that is the engine's */
    size_t resource_count;
    json_t *indicators;      /* indicators.json, not checked either; NULL when absent */
    char *indicators_source; /* its text */
    size_t indicators_source_len;
    json_t *locale_zh, *locale_en; /* NULL when absent */
    struct statement *statements;  /* of queries.sql */
    size_t statement_count;
    bool needs_so; /* the manifest names a library */
    bool has_so;
    struct sha256 digest;         /* of the .so, or of plugin.json where there is none */
    const struct jx_plugin *code; /* NULL when there is no .so or it is unavailable */
};

/* Registry, ordered by id. Filled by plugin_load_all (plugin/load.h), then read-only. */
size_t plugin_count(void);
const struct plugin *plugin_at(size_t i);
const struct plugin *plugin_find(const char *id); /* NULL */
bool plugin_is_available(const struct plugin *p);
/* The label in the language wanted, falling back to the other. */
const char *plugin_label_of(struct plugin_label l, bool zh);
/* What a higher floor finds wrong with the plugin (a resource that cannot be served): marks it unavailable. */
void plugin_reject(const char *id, const char *reason_class, const char *detail);
