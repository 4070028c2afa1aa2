/* What the access floor declares at start: permissions, ready-made roles, its part of a snapshot. */
#include "access/start.h"

#include "access/access.h"
#include "access/core_permissions.h"
#include "access/job.h"
#include "access/phone_code.h"
#include "access/role.h"
#include "tenant/tenants.h"

/* The core's own have room. */
static void must(int r)
{
    if (r < 0)
        abort();
}

static void declare_roles(void)
{
    must(role_declare("administrator", "管理员", "Administrator"));
    must(role_declare("auditor", "审计员", "Auditor"));
    must(role_declare_permission("auditor", "core.unit.read"));
    must(role_declare_permission("auditor", "core.department.read"));
    must(role_declare_permission("auditor", "core.account.read"));
    must(role_declare_permission("auditor", "core.role.read"));
    must(role_declare_permission("auditor", "core.grant.read"));
    must(role_declare_permission("auditor", "core.policy.read"));
    must(role_declare_permission("auditor", "core.post.read"));
    must(role_declare_permission("auditor", "core.explain"));
    must(role_declare_permission("auditor", "core.audit.read"));
    for (unsigned i = 0; i < CORE_PERMISSION_COUNT; i++) {
        if (i != CORE_AUDIT_READ) /* separated duties: who administers does not read the trail of it */
            must(role_declare_permission("administrator", core_permission_name((enum core_permission)i)));
    }
}

static int install_roles(struct db_tx *tx, int32_t tenant, int64_t now_us)
{
    (void)tenant; /* the unit of work has entered it */
    return role_install(tx, now_us, NULL);
}

void access_init(void)
{
    core_permissions_declare();
    declare_roles();
    tenant_created_hook(install_roles);
    tenant_created_hook(job_schedule);
    phone_code_register();
    tenant_part_register(TENANT_PART_ACCESS, &access_part);
}
