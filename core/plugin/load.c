/* Declarations first, code last. */
#include "plugin/load.h"

#include <dirent.h>
#include <errno.h>
#include <juxin/plugin.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "plugin/code.h"
#include "plugin/hook/offer.h"
#include "plugin/host/frame.h"
#include "plugin/host/host.h"
#include "plugin/package/manifest.h"
#include "plugin/package/registry.h"
#include "plugin/package/statements.h"

#define DECLARATION_MAX (2u << 20)
#define ENTRIES_MAX 500

/* A declaration into the plugin's arena; -ENOENT is the caller's to judge, the rest is reported. */
static int read_declaration(struct plugin *p, const char *path, struct diag_file *ret, struct diags *d)
{
    struct buf content = BUF_INIT;
    int r = file_read(path, DECLARATION_MAX, &content);

    if (r == 0)
        *ret = (struct diag_file){path, {arena_ndup(p->arena, buf_str(&content), content.len), content.len}};
    else if (r != -ENOENT)
        diag_line(d, path, 0, NULL, "cannot be read: %s", strerror(-r));
    buf_done(&content);
    return r;
}

static int read_json(
    struct plugin *p, const char *path, struct diag_file *file, json_t **ret, struct diags *d)
{
    struct json_fault fault;
    int r = read_declaration(p, path, file, d);

    if (r < 0)
        return r;
    r = json_parse(file->source, JSON_LIMITS, ret, &fault);
    if (r < 0)
        diag_line(d, path, fault.line, NULL, "%s (column %u)", fault.message, fault.column);
    return r;
}

static int is_json_name(const struct dirent *e)
{
    size_t len = strlen(e->d_name);

    return len > 5 && e->d_name[0] != '.' && strcmp(e->d_name + len - 5, ".json") == 0;
}

static void free_entries(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
}

static void load_resources(struct plugin *p, struct diags *d)
{
    const char *dir = arena_printf(p->arena, "%s/resources", p->dir);
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_json_name, alphasort);

    if (n < 0) {
        if (errno != ENOENT)
            diag_line(d, dir, 0, NULL, "cannot be read: %s", strerror(errno));
        return;
    }
    if (n > ENTRIES_MAX)
        diag_line(d, dir, 0, NULL, "more than %d resources", ENTRIES_MAX);
    p->resources = arena_array(p->arena, (size_t)n + 1, sizeof(*p->resources));
    for (int i = 0; i < n && i < ENTRIES_MAX; i++) {
        struct plugin_resource *res = &p->resources[p->resource_count];
        struct diag_file file;

        res->file = arena_printf(p->arena, "%s/%s", dir, entries[i]->d_name);
        if (read_json(p, res->file, &file, &res->json, d) < 0)
            continue;
        res->name = arena_ndup(p->arena, entries[i]->d_name, strlen(entries[i]->d_name) - 5);
        res->source = (char *)file.source.ptr;
        res->source_len = file.source.len;
        p->resource_count++;
    }
    free_entries(entries, n);
}

static void load_locale(struct plugin *p, const char *language, json_t **ret, struct diags *d)
{
    const char *path = arena_printf(p->arena, "%s/locales/%s.json", p->dir, language);
    struct diag_file file;

    (void)!read_json(p, path, &file, ret, d);
    if (*ret && !json_is_object(*ret))
        diag_line(d, path, 1, NULL, "expected an object of texts");
}

static void load_indicators(struct plugin *p, struct diags *d)
{
    const char *path = arena_printf(p->arena, "%s/indicators.json", p->dir);
    struct diag_file file;

    if (read_json(p, path, &file, &p->indicators, d) < 0)
        return;
    p->indicators_source = (char *)file.source.ptr;
    p->indicators_source_len = file.source.len;
}

static void load_queries(struct plugin *p, struct diags *d)
{
    const char *path = arena_printf(p->arena, "%s/queries.sql", p->dir);
    struct diag_file file;

    if (read_declaration(p, path, &file, d) == 0)
        (void)!statements_parse(&file, p->id, p->arena, &p->statements, &p->statement_count, d);
}

static void load_declarations(struct plugin *p, struct diags *d)
{
    const char *path = arena_printf(p->arena, "%s/plugin.json", p->dir);
    struct diag_file file;
    int r = read_declaration(p, path, &file, d);

    if (r == -ENOENT)
        diag_line(d, path, 0, NULL, "a plugin needs a plugin.json; `juxinctl plugin new` writes one");
    if (r < 0)
        return;
    p->digest = sha256_of(file.source);
    if (plugin_manifest_read(&file, p, d) < 0)
        return;
    load_resources(p, d);
    load_locale(p, "zh-CN", &p->locale_zh, d);
    load_locale(p, "en", &p->locale_en, d);
    load_queries(p, d);
    load_indicators(p, d);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static struct plugin *plugin_new(const char *dir)
{
    static const char *const none[] = {NULL};
    struct arena *a = arena_new();
    struct plugin *p = arena_alloc(a, sizeof(*p));
    char real[PATH_MAX];

    p->arena = a;
    p->dir = arena_dup(a, realpath(dir, real) ? real : dir);
    p->id = arena_dup(a, last_part(p->dir));
    p->version = "";
    p->policy = (struct policy_plugin){.id = p->id, .levels = (1u << LEVELS) - 1, .requires = none};
    p->guards = none;
    p->label = (struct plugin_label){p->id, p->id};
    return p;
}

static void load_plugin(struct plugin *p, const struct plugin_load_config *config, struct diags *d)
{
    char why[FILE_WHY_MAX];

    if (!plugin_id_is_valid(p->id))
        diag_line(
            d, p->dir, 0, NULL, "a plugin's directory has a name of 2 to 40 characters of a-z, 0-9 and _");
    load_declarations(p, d);
    if (d->count > 0)
        plugin_mark(p, "invalid", d->first ? diag_text(p->arena, d->first) : "invalid");
    else if (!config->is_development && file_is_guarded(p->dir, why) < 0)
        plugin_mark(p, "untrusted", why);
    if (!p->policy.unavailable || (config->without_code && config->is_development))
        (void)!plugin_code_load(p, config, d);
}

struct plugin *plugin_load_dir(const char *dir, const struct plugin_load_config *config, struct diags *d)
{
    struct plugin *p = plugin_new(dir);

    load_plugin(p, config, d);
    return p;
}

static int is_plugin_name(const struct dirent *e)
{
    return e->d_name[0] != '.' && plugin_id_is_valid(e->d_name);
}

static int load_directory(const char *directory, const struct plugin_load_config *config)
{
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, is_plugin_name, alphasort);

    if (n < 0)
        return errno == ENOENT ? 0 : -errno;
    if (n > ENTRIES_MAX) { /* one that is left out would guard nothing */
        free_entries(entries, n);
        return -E2BIG;
    }
    for (int i = 0; i < n; i++) {
        struct arena *a = arena_new();
        const char *dir = arena_printf(a, "%s/%s", directory, entries[i]->d_name);
        struct diags d;
        struct plugin *p;
        struct stat st;
        int r = stat(dir, &st);

        /* What cannot be looked at is a plugin all the same, which then says why: dropped, it would guard nothing. */
        if (r == 0 ? S_ISDIR(st.st_mode) : errno != ENOENT) {
            diags_init(&d, a);
            p = plugin_new(dir);
            if (registry_add(p) == 0)
                load_plugin(p, config, &d);
            else /* the first directory of the list wins; of the other nothing runs, nothing is offered */
                plugin_free(p);
        }
        arena_free(a);
    }
    free_entries(entries, n);
    return 0;
}

/* Is `start` among what p requires, at any distance? Each plugin is looked at once. */
static bool leads_to(const struct plugin *p, const char *start, bool *seen)
{
    for (const char *const *need = p->policy.requires; *need; need++) {
        if (strcmp(*need, start) == 0)
            return true;
        for (size_t i = 0; i < plugin_count(); i++) {
            if (seen[i] || strcmp(plugin_at(i)->id, *need) != 0)
                continue;
            seen[i] = true;
            if (leads_to(plugin_at(i), start, seen))
                return true;
        }
    }
    return false;
}

/* Requirements must not go in a circle. */
static void reject_circles(void)
{
    for (size_t i = 0; i < plugin_count(); i++) {
        bool *seen = mem_zarray(plugin_count(), sizeof(*seen));

        if (leads_to(plugin_at(i), plugin_at(i)->id, seen))
            plugin_reject(plugin_at(i)->id, "invalid", "its requirements lead back to itself");
        free(seen);
    }
}

static void tell(const struct offer_lifecycle *l, void (*fn)(const struct plugin *p, const char *why))
{
    struct plugin_frame frame;
    struct jx_result result = {.size = sizeof(result)};
    struct arena *words = arena_new();

    frame_enter(&frame, l->plugin, offer_lifecycle_name(l->l.event), NULL, 0, UUID_NIL);
    l->l.fn(NULL, JX_UNIT_NONE, &result);
    result.code = host_words(words, result.code, 100);
    frame_leave(&frame);
    if (result.verdict != JX_OK && fn)
        fn(l->plugin, result.code ? result.code : "error");
    arena_free(words);
}

/* A plugin that is out of order, by its own word or another's, is not entered any more. */
void plugin_tell_all(uint32_t event, void (*fn)(const struct plugin *p, const char *why))
{
    for (size_t i = 0; i < offers()->lifecycle_count; i++) {
        const struct offer_lifecycle *l = &offers()->lifecycle[i];

        if (l->l.event == event && plugin_is_available(l->plugin))
            tell(l, fn);
    }
}

static void on_load_error(const struct plugin *p, const char *why)
{
    plugin_reject(p->id, "load_failed", why);
}

int plugin_load_all(const struct plugin_load_config *config)
{
    struct text rest = text_of(config->directory);

    while (rest.ptr && rest.len > 0) {
        struct text one = text_split(&rest, ':');
        char path[PATH_MAX];
        int r;

        snprintf(path, sizeof(path), "%.*s", (int)MIN(one.len, (size_t)PATH_MAX - 1), one.ptr);
        r = one.len > 0 ? load_directory(path, config) : 0;
        if (r < 0)
            return r;
    }
    reject_circles();
    plugin_tell_all(JX_LOAD, on_load_error);
    return 0;
}
