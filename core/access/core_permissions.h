/* The core's own permissions, as numbers known once access_init() ran. */
#pragma once

#include "base/base.h"

/* X(identifier, name, zh, en) */
#define CORE_PERMISSIONS(X)                                                                                  \
    X(UNIT_READ, "core.unit.read", "查看组织机构", "See units")                                              \
    X(UNIT_CREATE, "core.unit.create", "新建组织机构", "Create units")                                       \
    X(UNIT_UPDATE, "core.unit.update", "修改组织机构", "Rename and close units")                             \
    X(UNIT_MOVE, "core.unit.move", "调整组织机构隶属", "Move units")                                         \
    X(DEPARTMENT_READ, "core.department.read", "查看部门", "See departments")                                \
    X(DEPARTMENT_CREATE, "core.department.create", "新建部门", "Create departments")                         \
    X(DEPARTMENT_UPDATE, "core.department.update", "修改部门及其成员",                                       \
        "Change departments and their members")                                                              \
    X(ACCOUNT_READ, "core.account.read", "查看账号", "See accounts")                                         \
    X(ACCOUNT_CREATE, "core.account.create", "新建账号", "Create accounts")                                  \
    X(ACCOUNT_UPDATE, "core.account.update", "修改、停用账号", "Change and disable accounts")                \
    X(ACCOUNT_RESET, "core.account.reset_password", "重置密码", "Reset passwords")                           \
    X(ROLE_READ, "core.role.read", "查看角色", "See roles")                                                  \
    X(ROLE_WRITE, "core.role.write", "新建、修改角色", "Create and change roles")                            \
    X(GRANT_READ, "core.grant.read", "查看授权", "See grants")                                               \
    X(GRANT_WRITE, "core.grant.write", "授权与收回", "Grant and end grants")                                 \
    X(GRANT_DELEGATE, "core.grant.delegate", "授予他人业务角色（本人可不具备）",                             \
        "Give others plugins' roles without holding them")                                                   \
    X(TOKEN_READ, "core.token.read", "查看接口令牌", "See API tokens")                                       \
    X(TOKEN_WRITE, "core.token.write", "签发、吊销接口令牌", "Issue and revoke API tokens")                  \
    X(EXPLAIN, "core.explain", "查询权限依据", "Ask why somebody may or may not")                            \
    X(POLICY_READ, "core.policy.read", "查看插件启用情况", "See which plugin runs where")                    \
    X(POLICY_WRITE, "core.policy.write", "启用、停用插件", "Turn plugins on and off")                        \
    X(FROZEN_EXPORT, "core.frozen.export", "导出已停用插件的记录",                                           \
        "Take out records of plugins that were turned off")                                                  \
    X(REPORT_READ, "core.report.read", "查看报告", "See reports")                                            \
    X(REPORT_WRITE, "core.report.write", "生成、更正报告，维护报表定义",                                     \
        "Make and correct reports, define them")                                                             \
    X(REPORT_CHECK, "core.report.check", "审核、退回报告", "Check reports and send them back")               \
    X(REPORT_SIGN, "core.report.sign", "签发、冻结报告", "Sign reports off and freeze them")                 \
    X(TRACE, "core.trace", "查看插件调用记录", "See plugin traces")                                          \
    X(HANDOVER, "core.handover", "移交他人承办的事项", "Hand over what a person holds")                      \
    X(JOB_MANAGE, "core.job.manage", "查看、取消、重试所有后台任务", "See, cancel and retry all jobs")       \
    X(VIEW_MANAGE, "core.view.manage", "维护角色和机构共用的列表视图",                                       \
        "Keep list views for roles and units")                                                               \
    X(LABEL_MANAGE, "core.label.manage", "修改显示名称", "Rename what people read")                          \
    X(DICTIONARY_MANAGE, "core.dictionary.manage", "维护字典", "Keep dictionaries")                          \
    X(FIELD_MANAGE, "core.field.manage", "维护自定义字段", "Keep the district's own fields")                 \
    X(FIELD_APPROVE, "core.field.approve", "审批涉及个人的自定义字段", "Approve own fields about persons")   \
    X(ENDPOINT_MANAGE, "core.endpoint.manage", "管理对外推送地址", "Keep webhook endpoints")                 \
    X(CHANNEL_MANAGE, "core.channel.manage", "管理消息通道", "Keep channels for messages")                   \
    X(NOTICE_PUBLISH, "core.notice.publish", "发布个人信息告知书", "Publish notices about personal data")    \
    X(CONSENT_RECORD, "core.consent.record", "登记纸质同意书", "Record consent that was given on paper")     \
    X(INVITATION_MANAGE, "core.invitation.manage", "邀请人员登记", "Invite people to register")              \
    X(OWN_RECORD, "core.own.record", "代为登记个人信息请求",                                                 \
        "Record requests about personal data made on paper")                                                 \
    X(OWN_DECIDE, "core.own.decide", "办理个人信息请求", "Decide requests about personal data")              \
    X(POST_READ, "core.post.read", "查看任职和理事会", "See posts, who holds them, and councils")            \
    X(POST_WRITE, "core.post.write", "设置职务、任免、换届",                                                 \
        "Make posts, fill and end them, roll terms over")                                                    \
    X(AUDIT_READ, "core.audit.read", "查看审计记录", "Read the audit trail")

enum core_permission {
#define CORE_PERMISSION_ENUM(id, name, zh, en) CORE_##id,
    CORE_PERMISSIONS(CORE_PERMISSION_ENUM)
#undef CORE_PERMISSION_ENUM
        CORE_PERMISSION_COUNT
};

/* The number in the permission catalogue. */
uint32_t core_permission(enum core_permission p);
const char *core_permission_name(enum core_permission p);

void core_permissions_declare(void); /* once, at start */
