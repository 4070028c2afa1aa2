/* Every command, declared where the table can see it. */
#pragma once

#include "ctl/ctl.h"

extern const struct ctl_command ctl_audit_digest, ctl_audit_head, ctl_audit_tail, ctl_audit_verify,
    ctl_backup, ctl_calendar_import, ctl_config_check, ctl_database_init, ctl_department_add,
    ctl_department_create, ctl_department_list, ctl_grant_add, ctl_grant_end, ctl_grant_explain,
    ctl_grant_list, ctl_health, ctl_jobs_run, ctl_migrate, ctl_plugin_check, ctl_plugin_hooks,
    ctl_plugin_list, ctl_plugin_new, ctl_plugin_policy, ctl_plugin_quarantine, ctl_plugin_trace,
    ctl_plugin_trust, ctl_plugin_why, ctl_reload, ctl_restore, ctl_role_list, ctl_tenant_create,
    ctl_tenant_import, ctl_tenant_list, ctl_unit_create, ctl_unit_import, ctl_unit_list, ctl_unit_move,
    ctl_unit_rename, ctl_user_create, ctl_user_disable, ctl_user_list, ctl_user_passwd;

/* All of them, in the order of `help`; NULL at the end. */
extern const struct ctl_command *const ctl_commands[];
