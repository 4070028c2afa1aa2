/* Every command, declared where the table can see it. */
#pragma once

#include "ctl/ctl.h"

extern const struct ctl_command ctl_backup, ctl_config_check, ctl_database_init, ctl_health, ctl_migrate,
    ctl_reload, ctl_restore, ctl_tenant_list,
    ctl_plugin_check, ctl_plugin_hooks, ctl_plugin_list, ctl_plugin_new, ctl_plugin_policy, ctl_plugin_trace,
    ctl_plugin_trust, ctl_plugin_why;
