/* The permission catalogue: an interner with a label per name. */
#include "access/permission.h"

#include "base/mem.h"

#define SLOTS (PERMISSIONS_MAX * 2)

static struct permission_info infos[PERMISSIONS_MAX];
static uint32_t count;
static uint32_t slots[SLOTS]; /* id + 1; 0 is empty */

static uint32_t slot_of(struct text name)
{
    return text_hash(name) % SLOTS;
}

uint32_t permission_find(struct text name)
{
    uint32_t slot = slot_of(name);

    for (; slots[slot]; slot = (slot + 1) % SLOTS) {
        if (text_is(name, infos[slots[slot] - 1].name))
            return slots[slot] - 1;
    }
    return PERMISSION_NONE;
}

uint32_t permission_intern(struct text name)
{
    uint32_t id = permission_find(name), slot;

    if (id != PERMISSION_NONE)
        return id;
    if (count == PERMISSIONS_MAX)
        return PERMISSION_NONE;
    for (slot = slot_of(name); slots[slot]; slot = (slot + 1) % SLOTS)
        ;
    infos[count].name = str_ndup(name.ptr, name.len);
    slots[slot] = ++count;
    return count - 1;
}

uint32_t permission_declare(const char *name, const char *label_zh, const char *label_en)
{
    uint32_t id = permission_intern(text_of(name));

    if (id != PERMISSION_NONE && !infos[id].is_declared) {
        infos[id].label_zh = str_dup(label_zh);
        infos[id].label_en = str_dup(label_en);
        infos[id].is_declared = true;
    }
    return id;
}

const struct permission_info *permission_info(uint32_t id)
{
    return id < count ? &infos[id] : NULL;
}

uint32_t permission_count(void)
{
    return count;
}
