/* From the outbox to a plugin's action: one call per row, in the row's tenant, as the plugin. */
#pragma once

#include "db/outbox.h"

/* An outbox_deliver_fn; arg is the process's struct db. What the action wrote is committed before it returns 0. */
MUSTCHECK int plugin_deliver(void *arg, const struct outbox_row *row);
