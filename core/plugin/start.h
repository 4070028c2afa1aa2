/* Plugins at the start and end of a process: loads them, declares their permissions and roles, logs what became of
 * each. After access_init() and before the first tenant is loaded; resource_load_all() comes next. */
#pragma once

#include "base/base.h"
#include "base/config.h"

/* with_code: a worker. Without: the migrator and juxinctl, which read declarations and run nothing. */
MUSTCHECK int plugins_start(const struct config *c, bool with_code);
void plugins_drain(void); /* tells plugins JX_DRAIN; with_code only */
void plugins_end(void);   /* at process end: frees the registry */
