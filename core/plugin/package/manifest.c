/* Table-driven checks, then the members that the server uses. */
#include "plugin/package/manifest.h"

#include <errno.h>

#include "tenant/tree.h"

#define REQUIRES_MAX 16
#define LIST_MAX 256
#define PERMISSIONS_MEMBERS_MAX                                                                              \
    256                      /* a server has room for 2048, all plugins' and their resources' together */
#define ROLES_MEMBERS_MAX 32 /* … for 128 */
#define SETTINGS_MEMBERS_MAX 64
#define HOSTS_MAX 32
#define NOTICES_MEMBERS_MAX 32

static const struct diag_member manifest_members[] = {
    {"id", DIAG_STRING, true},
    {"version", DIAG_STRING, true},
    {"label", DIAG_OBJECT, true},
    {"description", DIAG_OBJECT, false},
    {"library", DIAG_STRING, false},
    {"levels", DIAG_ARRAY, false},
    {"default", DIAG_STRING, false},
    {"requires", DIAG_ARRAY, false},
    {"security_critical", DIAG_BOOL, false},
    {"guards", DIAG_ARRAY, false},
    {"permissions", DIAG_OBJECT, false},
    {"roles", DIAG_OBJECT, false},
    {"settings", DIAG_OBJECT, false},
    {"hosts", DIAG_ARRAY, false},
    {"notices", DIAG_OBJECT, false},
    {NULL, 0, false},
};
static const struct diag_member label_members[] = {
    {"zh-CN", DIAG_STRING, true}, {"en", DIAG_STRING, true}, {NULL, 0, false}};
static const struct diag_member role_members[] = {
    {"label", DIAG_OBJECT, true}, {"permissions", DIAG_ARRAY, true}, {NULL, 0, false}};
static const struct diag_member notice_members[] = {{"label", DIAG_OBJECT, true}, {"text", DIAG_OBJECT, true},
    {"urgent", DIAG_BOOL, false}, {NULL, 0, false}};
static const struct diag_member setting_members[] = {{"type", DIAG_STRING, true},
    {"default", DIAG_STRING | DIAG_INTEGER | DIAG_BOOL, true}, {"label", DIAG_OBJECT, true},
    {NULL, 0, false}};

struct reading {
    const struct diag_file *f;
    struct plugin *p;
    struct diags *d;
};

static bool is_word(const char *s, size_t max, const char *extra)
{
    size_t len = strlen(s);

    if (len < 2 || len > max || s[0] < 'a' || s[0] > 'z')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' ||
                strchr(extra, s[i])))
            return false;
    return true;
}

bool plugin_id_is_valid(const char *id)
{
    /* First words of the core's own paths in the API and of its permissions. */
    static const char *const taken[] = {"core", "plugins", "provided", "units", "departments", "accounts",
        "account", "roles", "grants", "tokens", "session", "sessions", "explain", "meta", "openapi", "frozen",
        "audit", "channels", "endpoints", "events", "files", "notifications", "imports", "exports", "search",
        "jobs", "tenants", "permissions", "indicators", "reports"};

    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (strcmp(id, taken[i]) == 0)
            return false;
    return is_word(id, 40, "_");
}

static const char *at(struct reading *r, const char *format, const char *name, size_t i)
{
    return arena_printf(r->d->arena, format, name, i);
}

static struct plugin_label read_label(struct reading *r, const char *pointer, const json_t *v)
{
    struct plugin_label label = {"", ""};

    if (v && diag_object(r->d, r->f, pointer, v, label_members)) {
        label.zh = json_str(v, "zh-CN");
        label.en = json_str(v, "en");
    }
    return label;
}

static void read_levels(struct reading *r, const json_t *list)
{
    static const char *const names[] = {"county", "street", "community", "park", NULL};
    size_t i;
    json_t *v;

    r->p->policy.levels = list ? 0 : (1u << LEVELS) - 1;
    json_array_foreach((json_t *)list, i, v)
    {
        const char *name = json_string_value(v);
        enum level level = LEVEL_COUNTY;

        for (; name && level < LEVELS; level++)
            if (strcmp(names[level], name) == 0)
                break;
        if (!name || level == LEVELS)
            diag_add(r->d, r->f, at(r, "/%s/%zu", "levels", i), name ? diag_closest(name, names) : NULL,
                "found \"%.40s\", expected county, street, community or park", name ? name : "another type");
        else
            r->p->policy.levels |= 1u << level;
    }
    if (list && json_array_size(list) == 0)
        diag_add(r->d, r->f, "/levels", NULL, "a plugin without a level runs nowhere");
}

/* An array of names; every element is checked with is_word and the extra characters. */
static const char *const *read_names(
    struct reading *r, const char *pointer, const json_t *list, const char *extra, size_t max)
{
    const char **names = arena_array(r->p->arena, json_array_size(list) + 1, sizeof(*names));
    size_t i, n = 0;
    json_t *v;

    if (json_array_size(list) > max)
        diag_add(r->d, r->f, pointer, NULL, "more than %zu elements", max);
    json_array_foreach((json_t *)list, i, v)
    {
        const char *name = json_string_value(v);

        if (!name || !is_word(name, 120, extra))
            diag_add(r->d, r->f, at(r, "%s/%zu", pointer, i), NULL, "expected a name of a-z, 0-9 and _%s%s",
                extra[0] ? " and " : "", extra);
        else
            names[n++] = name;
    }
    return names;
}

static bool is_own(const struct plugin *p, const char *name)
{
    size_t len = strlen(p->id);

    return strncmp(name, p->id, len) == 0 && name[len] == '.';
}

/* One plugin must not take the room of all: of too many it gets none. */
static bool are_few(struct reading *r, const char *pointer, const json_t *object, size_t max)
{
    if (json_object_size(object) <= max)
        return true;
    diag_add(r->d, r->f, pointer, NULL, "more than %zu members", max);
    return false;
}

static void read_permissions(struct reading *r, const json_t *object)
{
    struct plugin *p = r->p;
    const char *name;
    json_t *v;

    if (!are_few(r, "/permissions", object, PERMISSIONS_MEMBERS_MAX))
        return;
    p->permissions = arena_array(p->arena, json_object_size(object) + 1, sizeof(*p->permissions));
    json_object_foreach((json_t *)object, name, v)
    {
        const char *here = arena_printf(r->d->arena, "/permissions/%s", name);

        if (!is_word(name, 120, ".") || !is_own(p, name))
            diag_add(r->d, r->f, here, arena_printf(r->d->arena, "%s.%.60s", p->id, name),
                "a permission's name begins with the plugin's id");
        else
            p->permissions[p->permission_count++] = (struct plugin_permission){name, read_label(r, here, v)};
    }
}

static void read_roles(struct reading *r, const json_t *object)
{
    struct plugin *p = r->p;
    const char *id;
    json_t *v;

    if (!are_few(r, "/roles", object, ROLES_MEMBERS_MAX))
        return;
    p->roles = arena_array(p->arena, json_object_size(object) + 1, sizeof(*p->roles));
    json_object_foreach((json_t *)object, id, v)
    {
        const char *here = arena_printf(r->d->arena, "/roles/%s", id);
        struct plugin_role *role = &p->roles[p->role_count];

        if (!is_word(id, 60, ".-"))
            diag_add(r->d, r->f, here, NULL, "a role's id is a name of a-z, 0-9, _ . -");
        if (!diag_object(r->d, r->f, here, v, role_members))
            continue;
        role->id = id;
        role->label = read_label(r, arena_printf(r->d->arena, "%s/label", here), json_object_get(v, "label"));
        role->permissions = read_names(r, arena_printf(r->d->arena, "%s/permissions", here),
            json_object_get(v, "permissions"), ".", LIST_MAX);
        p->role_count++;
    }
}

static const char *setting_text(struct arena *a, const char *type, const json_t *v)
{
    if (strcmp(type, "text") == 0)
        return json_string_value(v);
    if (strcmp(type, "integer") == 0 && json_is_integer(v))
        return arena_printf(a, "%lld", (long long)json_integer_value(v));
    if (strcmp(type, "boolean") == 0 && json_is_boolean(v))
        return json_is_true(v) ? "true" : "false";
    return NULL;
}

static void read_settings(struct reading *r, const json_t *object)
{
    static const char *const types[] = {"text", "integer", "boolean", NULL};
    struct plugin *p = r->p;
    const char *key;
    json_t *v;

    if (!are_few(r, "/settings", object, SETTINGS_MEMBERS_MAX))
        return;
    p->settings = arena_array(p->arena, json_object_size(object) + 1, sizeof(*p->settings));
    json_object_foreach((json_t *)object, key, v)
    {
        const char *here = arena_printf(r->d->arena, "/settings/%s", key);
        struct plugin_setting *s = &p->settings[p->setting_count];

        if (!is_word(key, 60, "_"))
            diag_add(r->d, r->f, here, NULL, "a setting's key is a name of a-z, 0-9 and _");
        if (!diag_object(r->d, r->f, here, v, setting_members))
            continue;
        s->key = key;
        s->type = json_str(v, "type");
        s->label = read_label(r, arena_printf(r->d->arena, "%s/label", here), json_object_get(v, "label"));
        s->fallback = setting_text(p->arena, s->type, json_object_get(v, "default"));
        if (strcmp(s->type, "text") != 0 && strcmp(s->type, "integer") != 0 &&
            strcmp(s->type, "boolean") != 0)
            diag_add(r->d, r->f, arena_printf(r->d->arena, "%s/type", here), diag_closest(s->type, types),
                "found \"%.40s\", expected text, integer or boolean", s->type);
        else if (!s->fallback)
            diag_add(r->d, r->f, arena_printf(r->d->arena, "%s/default", here), NULL,
                "the default is not of type %s", s->type);
        p->setting_count++;
    }
}

static bool is_version(const char *s)
{
    int dots = 0;

    for (size_t i = 0; s[i]; i++) {
        if (i >= 31 || !(s[i] >= '0' && s[i] <= '9') == !(s[i] == '.'))
            return false;
        if (s[i] == '.' && (i == 0 || s[i - 1] == '.' || !s[i + 1]))
            return false;
        dots += s[i] == '.';
    }
    return dots == 2;
}

static void read_identity(struct reading *r, const json_t *m)
{
    const char *id = json_str(m, "id"), *word = json_str_or(m, "default", "off");
    struct plugin *p = r->p;

    if (!plugin_id_is_valid(id))
        diag_add(r->d, r->f, "/id", NULL,
            "expected 2 to 40 characters of a-z, 0-9 and _, beginning with a letter");
    else if (strcmp(id, p->id) != 0)
        diag_add(
            r->d, r->f, "/id", p->id, "found \"%s\", expected the name of the directory, \"%s\"", id, p->id);
    p->version = json_str(m, "version");
    if (!is_version(p->version))
        diag_add(
            r->d, r->f, "/version", "0.1.0", "found \"%.40s\", expected three numbers with dots", p->version);
    p->label = read_label(r, "/label", json_object_get(m, "label"));
    p->description = read_label(r, "/description", json_object_get(m, "description"));
    if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
        diag_add(r->d, r->f, "/default", "off", "found \"%.40s\", expected on or off", word);
    p->policy.id = p->id;
    p->policy.default_on = strcmp(word, "on") == 0;
    if (json_str(m, "library") && strcmp(json_str(m, "library"), arena_printf(p->arena, "%s.so", p->id)) != 0)
        diag_add(r->d, r->f, "/library", arena_printf(r->d->arena, "%s.so", p->id),
            "found \"%.60s\", expected the plugin's id and .so", json_str(m, "library"));
    p->needs_so = json_str(m, "library") != NULL;
    p->is_security_critical = json_bool_or(m, "security_critical", false);
}

/* "api.example.cn" or "*.example.cn": small letters, digits, hyphens, dots. */
static bool is_host(const char *s)
{
    size_t len = strlen(s), i = strncmp(s, "*.", 2) == 0 ? 2 : 0;
    bool has_letter = false;

    if (len - i < 1 || len > 253 || s[i] == '.' || s[i] == '-')
        return false;
    for (; i < len; i++) {
        has_letter |= s[i] >= 'a' && s[i] <= 'z';
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '.'))
            return false;
    }
    return has_letter;
}

static void read_hosts(struct reading *r, const json_t *list)
{
    const char **names = arena_array(r->p->arena, json_array_size(list) + 1, sizeof(*names));
    size_t i, n = 0;
    json_t *v;

    if (json_array_size(list) > HOSTS_MAX)
        diag_add(r->d, r->f, "/hosts", NULL, "more than %d elements", HOSTS_MAX);
    json_array_foreach((json_t *)list, i, v)
    {
        const char *name = json_string_value(v);

        if (!name || !is_host(name))
            diag_add(r->d, r->f, at(r, "/%s/%zu", "hosts", i), NULL,
                "expected the name of a host in small letters, or *. and a name for all below it");
        else
            names[n++] = name;
    }
    r->p->hosts = names;
}

static void read_notices(struct reading *r, const json_t *object)
{
    struct plugin *p = r->p;
    const char *name;
    json_t *v;

    if (!are_few(r, "/notices", object, NOTICES_MEMBERS_MAX))
        return;
    p->notices = arena_array(p->arena, json_object_size(object) + 1, sizeof(*p->notices));
    json_object_foreach((json_t *)object, name, v)
    {
        const char *here = arena_printf(r->d->arena, "/notices/%s", name);
        struct plugin_notice *n = &p->notices[p->notice_count];

        if (!is_word(name, 40, ""))
            diag_add(r->d, r->f, here, NULL, "a notice's name is a name of a-z, 0-9 and _");
        if (!diag_object(r->d, r->f, here, v, notice_members))
            continue;
        n->name = name;
        n->label = read_label(r, arena_printf(r->d->arena, "%s/label", here), json_object_get(v, "label"));
        n->text = read_label(r, arena_printf(r->d->arena, "%s/text", here), json_object_get(v, "text"));
        n->is_urgent = json_is_true(json_object_get(v, "urgent"));
        p->notice_count++;
    }
}

int plugin_manifest_read(const struct diag_file *f, struct plugin *p, struct diags *d)
{
    struct reading r = {f, p, d};
    struct json_fault fault;
    uint32_t before = d->count;
    json_t *m;

    if (json_parse(f->source, JSON_LIMITS, &m, &fault) < 0) {
        diag_line(d, f->name, fault.line, NULL, "%s (column %u)", fault.message, fault.column);
        return -EINVAL;
    }
    p->manifest = m;
    if (!diag_object(d, f, "", m, manifest_members))
        return -EINVAL;
    read_identity(&r, m);
    read_levels(&r, json_object_get(m, "levels"));
    p->policy.requires = read_names(&r, "/requires", json_object_get(m, "requires"), "", REQUIRES_MAX);
    p->guards = read_names(&r, "/guards", json_object_get(m, "guards"), ".", LIST_MAX);
    read_permissions(&r, json_object_get(m, "permissions"));
    read_roles(&r, json_object_get(m, "roles"));
    read_settings(&r, json_object_get(m, "settings"));
    read_hosts(&r, json_object_get(m, "hosts"));
    read_notices(&r, json_object_get(m, "notices"));
    return d->count == before ? 0 : -EINVAL;
}
