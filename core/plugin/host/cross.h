/* Around an operation of the engine for a plugin: as whom, and out of the plugin's frame. What the plugin points to is copied before,
 * so that a pointer that leads nowhere is the plugin's crash. */
#pragma once

#include "plugin/host/engine.h"
#include "plugin/host/host.h"

struct crossing {
    const struct subject *who;
    struct plugin_frame *frame;
    struct subject plugin;
    const char *resource;
    struct text text;
};

/* 0; negative: what the plugin is told instead. */
MUSTCHECK int host_cross(
    struct crossing *x, struct jx_call *call, uint32_t as, const char *resource, struct text text);
/* For a write: the same, with the filter's place kept. */
MUSTCHECK int host_cross_to_write(
    struct crossing *x, struct jx_call *call, uint32_t as, const char *resource, struct text text);
/* Behind it: what the plugin is told. */
int32_t host_back(struct crossing *x, struct jx_call *call, int r);
