/* The registry of declared resources. */
#include "resource/declare/resource.h"

#include <errno.h>

#include "access/permission.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/package/plugin.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/row.h"

#define RESOURCES_MAX 512

static struct arena *memory;
static struct resource *resources[RESOURCES_MAX];
static uint32_t count;

uint32_t resource_count(void)
{
    return count;
}

const struct resource *resource_at(uint32_t index)
{
    return resources[index];
}

const struct resource *resource_find(const char *full_name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(resources[i]->full_name, full_name) == 0)
            return resources[i];
    return NULL;
}

const struct resource *resource_find_in(struct text plugin, struct text name)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_is(plugin, resources[i]->plugin) && text_is(name, resources[i]->name))
            return resources[i];
    return NULL;
}

/* False when there is no room for more: nobody could hold what has no number. */
static bool declare_permissions(struct resource *res)
{
    static const char *const zh[RESOURCE_ACTIONS] = {
        "查看", "新建", "修改", "删除", "查看完整信息", "统计", "导入", "导出"};
    static const char *const en[RESOURCE_ACTIONS] = {
        "See", "Create", "Change", "Delete", "See unmasked", "Count", "Import", "Export"};

    for (int i = 0; i < RESOURCE_ACTIONS; i++)
        res->permissions[i] =
            permission_declare(arena_printf(memory, "%s.%s", res->full_name, resource_action_names[i]),
                arena_printf(memory, "%s：%s", res->label.zh, zh[i]),
                arena_printf(memory, "%s: %s", res->label.en, en[i]));
    if (res->attachments.is_on)
        res->attachments.permission = permission_declare(arena_printf(memory, "%s.attach", res->full_name),
            arena_printf(memory, "%s：上传附件", res->label.zh),
            arena_printf(memory, "%s: Attach files", res->label.en));
    if (res->comments.is_on)
        res->comments.permission = permission_declare(arena_printf(memory, "%s.comment", res->full_name),
            arena_printf(memory, "%s：发表意见", res->label.zh),
            arena_printf(memory, "%s: Comment", res->label.en));
    for (uint32_t i = 0; i < res->transition_count; i++) {
        struct transition *t = &res->transitions[i];

        /* Known by a role perhaps, but without a label yet; an action's own permission keeps its label. */
        t->permission_id =
            permission_declare(t->permission, arena_printf(memory, "%s：%s", res->label.zh, t->label.zh),
                arena_printf(memory, "%s: %s", res->label.en, t->label.en));
    }
    return permission_count() < PERMISSIONS_MAX;
}

int resource_add(const char *plugin, json_t *json, struct text source, struct declaration_report *report)
{
    struct resource *res;
    int r;

    if (!memory)
        memory = arena_new();
    report->source = source;
    r = declaration_parse(memory, plugin, json, report, &res);
    if (r < 0)
        return r;
    if (count == RESOURCES_MAX || resource_find(res->full_name))
        return report_add(report, "/resource", NULL, "\"%s\" is declared twice", res->full_name);
    if (!declare_permissions(res))
        return report_add(
            report, "", NULL, "a server has at most %d permissions, all plugins' together", PERMISSIONS_MAX);
    res->columns = row_own_columns(memory, res, NULL);
    res->index = count;
    resources[count++] = res;
    return 0;
}

static void drop_plugin(const char *plugin)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(resources[i]->plugin, plugin) == 0)
            continue;
        resources[i]->index = kept;
        resources[kept++] = resources[i];
    }
    count = kept;
}

void resource_reject(const char *plugin, const char *file, const struct declaration_fault *f)
{
    char detail[700];

    snprintf(detail, sizeof(detail), "%s:%u: %s: %s", file, f->line, f->pointer, f->message);
    log_event(LOG_ERROR, "resource.refused", LF_STR("plugin", plugin), LF_STR("detail", detail));
    plugin_reject(plugin, "invalid_declaration", detail);
    drop_plugin(plugin);
}

static void load_plugin(const struct plugin *p)
{
    for (size_t i = 0; i < p->resource_count; i++) {
        const struct plugin_resource *pr = &p->resources[i];
        struct declaration_report report;

        report_init(&report, memory, (struct text){pr->source, pr->source_len});
        if (resource_add(p->id, pr->json, (struct text){pr->source, pr->source_len}, &report) < 0) {
            resource_reject(p->id, pr->file, report.first);
            return;
        }
    }
}

/* References between plugins are known only once all are loaded. */
static bool check_references(const struct resource *res)
{
    for (uint32_t i = 0; i < res->field_count; i++) {
        const struct field *f = &res->fields[i];

        if (f->type == FIELD_REFERENCE && !resource_find(f->reference)) {
            struct declaration_fault fault = {
                .pointer = arena_printf(memory, "/fields/%s/reference", f->name),
                .message = arena_printf(memory, "no available plugin declares \"%s\"", f->reference)};

            resource_reject(res->plugin, arena_printf(memory, "%s.json", res->name), &fault);
            return false;
        }
    }
    return true;
}

void resource_load_all(void)
{
    if (!memory)
        memory = arena_new();
    for (size_t i = 0; i < plugin_count(); i++)
        if (plugin_is_available(plugin_at(i)))
            load_plugin(plugin_at(i));
    for (uint32_t i = 0; i < count;)
        i = check_references(resources[i]) ? i + 1
                                           : 0; /* begins again: what was dropped may be referred to */
}

void resource_unload_all(void)
{
    arena_free(memory);
    memory = NULL;
    count = 0;
}
