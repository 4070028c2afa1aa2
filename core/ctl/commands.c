/* The table of commands, in the order of `juxinctl help`. */
#include "ctl/commands.h"

const struct ctl_command *const ctl_commands[] = {
    &ctl_config_check,
    &ctl_health,
    &ctl_reload,
    &ctl_database_init,
    &ctl_migrate,
    &ctl_tenant_list,
    &ctl_backup,
    &ctl_restore,
    &ctl_plugin_list,
    &ctl_plugin_new,
    &ctl_plugin_check,
    &ctl_plugin_trust,
    &ctl_plugin_policy,
    &ctl_plugin_why,
    &ctl_plugin_hooks,
    &ctl_plugin_trace,
    NULL,
};
