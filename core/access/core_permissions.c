/* The core's own permissions by number. */
#include "access/core_permissions.h"

#include "access/permission.h"

static uint32_t permission_ids[CORE_PERMISSION_COUNT];
static const struct {
    const char *name, *zh, *en;
} table[] = {
#define CORE_PERMISSION_ROW(id, name, zh, en) {name, zh, en},
    CORE_PERMISSIONS(CORE_PERMISSION_ROW)
#undef CORE_PERMISSION_ROW
};

void core_permissions_declare(void)
{
    for (unsigned i = 0; i < CORE_PERMISSION_COUNT; i++) {
        permission_ids[i] = permission_declare(table[i].name, table[i].zh, table[i].en);
        if (permission_ids[i] == PERMISSION_NONE)
            abort();
    }
}

uint32_t core_permission(enum core_permission p)
{
    return permission_ids[p];
}

const char *core_permission_name(enum core_permission p)
{
    return table[p].name;
}
