/* The loaded plugins of this process. */
#include "plugin/package/registry.h"

#include <errno.h>

#include "base/mem.h"

static struct plugin **plugins;
static size_t count;

size_t plugin_count(void)
{
    return count;
}

const struct plugin *plugin_at(size_t i)
{
    return plugins[i];
}

static struct plugin *find(const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(plugins[i]->id, id) == 0)
            return plugins[i];
    return NULL;
}

const struct plugin *plugin_find(const char *id)
{
    return find(id);
}

bool plugin_is_available(const struct plugin *p)
{
    return p->policy.unavailable == NULL;
}

const char *plugin_label_of(struct plugin_label l, bool zh)
{
    const char *first = zh ? l.zh : l.en, *second = zh ? l.en : l.zh;

    return first && first[0] ? first : second ? second : "";
}

int registry_add(struct plugin *p)
{
    size_t at = count;

    if (find(p->id))
        return -EEXIST;
    plugins = mem_resize(plugins, count + 1, sizeof(*plugins));
    for (; at > 0 && strcmp(plugins[at - 1]->id, p->id) > 0; at--)
        plugins[at] = plugins[at - 1];
    plugins[at] = p;
    count++;
    return 0;
}

void plugin_mark(struct plugin *p, const char *reason_class, const char *detail)
{
    if (p->policy.unavailable)
        return;
    p->policy.unavailable = reason_class;
    p->unavailable_detail = arena_dup(p->arena, detail);
}

void plugin_reject(const char *id, const char *reason_class, const char *detail)
{
    struct plugin *p = find(id);

    if (p)
        plugin_mark(p, reason_class, detail);
}

void plugin_free(struct plugin *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->resource_count; i++)
        json_decref(p->resources[i].json);
    json_decref(p->manifest);
    json_decref(p->indicators);
    json_decref(p->locale_zh);
    json_decref(p->locale_en);
    arena_free(p->arena);
}

void registry_clear(void)
{
    for (size_t i = 0; i < count; i++)
        plugin_free(plugins[i]);
    free(plugins);
    plugins = NULL;
    count = 0;
}
