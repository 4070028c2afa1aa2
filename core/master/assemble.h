/* What every process that runs services is made of: keys, permissions, plugins, resources. For workers, the migrator and
 * juxinctl alike, so that all of them agree on what is declared. */
#pragma once

#include "base/config.h"

/* The deployment's key ring, taken up for audit rows. create: makes the file when it is missing. Before privileges are
 * dropped: the file is its owner's alone. 0 or -errno. */
MUSTCHECK int assemble_keys(const struct config *c, bool create);
const struct keyring *assemble_keyring(void); /* NULL before assemble_keys */

/* Permissions, roles, calendar, plugins, resources, policies. without_code: plugins are read, not run. 0 or -errno. */
MUSTCHECK int assemble_services(const struct config *c, bool without_code);
void assemble_done(void); /* at process end */
