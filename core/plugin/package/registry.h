/* The registry from the loader's side; everybody else reads through plugin/package/plugin.h. */
#pragma once

#include "plugin/package/plugin.h"

MUSTCHECK int registry_add(struct plugin *take_plugin); /* -EEXIST leaves it with the caller */
void registry_clear(void);                              /* at the end of a process or a test */
/* The first reason stays. reason_class is a static string. */
void plugin_mark(struct plugin *p, const char *reason_class, const char *detail);
void plugin_free(struct plugin *p); /* its shared object stays mapped: never dlclose */
