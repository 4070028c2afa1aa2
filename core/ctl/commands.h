/* Every command, declared where the table can see it. */
#pragma once

#include "ctl/ctl.h"

extern const struct ctl_command ctl_audit_digest;
extern const struct ctl_command ctl_audit_head;
extern const struct ctl_command ctl_audit_tail;
extern const struct ctl_command ctl_audit_verify;
extern const struct ctl_command ctl_breach;
extern const struct ctl_command ctl_backup;
extern const struct ctl_command ctl_calendar_import;
extern const struct ctl_command ctl_dictionary_import;
extern const struct ctl_command ctl_config_check;
extern const struct ctl_command ctl_database_init;
extern const struct ctl_command ctl_department_add;
extern const struct ctl_command ctl_department_create;
extern const struct ctl_command ctl_department_list;
extern const struct ctl_command ctl_grant_add;
extern const struct ctl_command ctl_grant_end;
extern const struct ctl_command ctl_grant_explain;
extern const struct ctl_command ctl_grant_list;
extern const struct ctl_command ctl_health;
extern const struct ctl_command ctl_job_cancel;
extern const struct ctl_command ctl_job_list;
extern const struct ctl_command ctl_job_retry;
extern const struct ctl_command ctl_jobs_run;
extern const struct ctl_command ctl_migrate;
extern const struct ctl_command ctl_outbox_list;
extern const struct ctl_command ctl_outbox_revive;
extern const struct ctl_command ctl_plugin_check;
extern const struct ctl_command ctl_plugin_hooks;
extern const struct ctl_command ctl_plugin_list;
extern const struct ctl_command ctl_plugin_new;
extern const struct ctl_command ctl_plugin_policy;
extern const struct ctl_command ctl_plugin_quarantine;
extern const struct ctl_command ctl_plugin_trace;
extern const struct ctl_command ctl_plugin_trust;
extern const struct ctl_command ctl_plugin_why;
extern const struct ctl_command ctl_reload;
extern const struct ctl_command ctl_report_rollup;
extern const struct ctl_command ctl_restore;
extern const struct ctl_command ctl_role_list;
extern const struct ctl_command ctl_tenant_create;
extern const struct ctl_command ctl_tenant_import;
extern const struct ctl_command ctl_tenant_list;
extern const struct ctl_command ctl_tenant_setting;
extern const struct ctl_command ctl_unit_create;
extern const struct ctl_command ctl_unit_import;
extern const struct ctl_command ctl_unit_list;
extern const struct ctl_command ctl_unit_move;
extern const struct ctl_command ctl_unit_rename;
extern const struct ctl_command ctl_user_create;
extern const struct ctl_command ctl_user_disable;
extern const struct ctl_command ctl_user_list;
extern const struct ctl_command ctl_user_passwd;

/* All of them, in the order of `help`; NULL at the end. */
extern const struct ctl_command *const ctl_commands[];
