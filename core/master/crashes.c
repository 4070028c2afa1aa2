/* Crashes by plugin. */
#include "master/crashes.h"

#include "base/json.h"

uint32_t crashes_add(struct crashes *c, const char *plugin, int64_t now_ms)
{
    struct crash *n = &c->list[c->next++ % CRASHES_MAX];
    uint32_t count = 0;

    snprintf(n->plugin, sizeof(n->plugin), "%s", plugin);
    n->at_ms = now_ms;
    for (size_t i = 0; i < CRASHES_MAX; i++)
        count += strcmp(c->list[i].plugin, n->plugin) == 0 && now_ms - c->list[i].at_ms < CRASHES_WINDOW_MS;
    return count;
}

void crashes_forget(struct crashes *c, const char *plugin)
{
    for (size_t i = 0; i < CRASHES_MAX; i++)
        if (strcmp(c->list[i].plugin, plugin) == 0)
            c->list[i].plugin[0] = '\0';
}

json_t *crashes_save(const struct crashes *c)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < CRASHES_MAX; i++) {
        const struct crash *n = &c->list[(c->next + i) % CRASHES_MAX];

        if (n->plugin[0])
            json_array_append_new(
                list, json_pack("{s:s, s:I}", "plugin", n->plugin, "at", (json_int_t)n->at_ms));
    }
    return list;
}

void crashes_restore(struct crashes *c, const json_t *saved)
{
    const json_t *entry;
    size_t i;

    json_array_foreach((json_t *)saved, i, entry)
    {
        struct crash *n = &c->list[c->next++ % CRASHES_MAX];

        snprintf(n->plugin, sizeof(n->plugin), "%s", json_str_or(entry, "plugin", ""));
        n->at_ms = json_int_or(entry, "at", 0);
    }
}
