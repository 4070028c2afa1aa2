/* Fuzz target: plugin.json and queries.sql; the first byte says which. What is accepted keeps what the rest of the server
 * relies on; what is refused says where and why. */
#include "fuzz.h"
#include "plugin/package/manifest.h"
#include "plugin/package/sqlcheck.h"
#include "plugin/package/sqltoken.h"
#include "plugin/package/statements.h"
#include "tenant/tree.h"

static void check_said(struct arena *a, const struct diags *d, const struct diag_file *f)
{
    uint32_t lines = 1;

    for (size_t i = 0; i < f->source.len; i++)
        lines += f->source.ptr[i] == '\n';
    HOLDS(d->first);
    for (const struct diag *e = d->first; e; e = e->next) {
        HOLDS(e->message[0] && e->line <= lines + 1);
        HOLDS(diag_text(a, e)[0]);
    }
}

static void check_label(struct plugin_label l)
{
    HOLDS(l.zh && l.en);
}

static void check_manifest(const struct plugin *p)
{
    HOLDS(plugin_id_is_valid(p->id) && strcmp(json_str(p->manifest, "id"), p->id) == 0);
    HOLDS(p->version[0] && strlen(p->version) < 32);
    check_label(p->label);
    HOLDS(p->policy.levels && !(p->policy.levels >> LEVELS) && p->policy.requires && p->guards);
    for (size_t i = 0; i < p->permission_count; i++) {
        HOLDS(strncmp(p->permissions[i].name, p->id, strlen(p->id)) == 0);
        HOLDS(p->permissions[i].name[strlen(p->id)] == '.');
        check_label(p->permissions[i].label);
    }
    for (size_t i = 0; i < p->role_count; i++) {
        HOLDS(p->roles[i].id && p->roles[i].permissions);
        check_label(p->roles[i].label);
    }
    for (size_t i = 0; i < p->setting_count; i++) {
        HOLDS(p->settings[i].key && p->settings[i].type && p->settings[i].fallback);
        check_label(p->settings[i].label);
    }
}

static bool is_forbidden(const struct sql_token *t)
{
    static const char *const words[] = {"set_config", "current_setting", "with", "lateral", "copy", "execute",
        "create", "drop", "alter", "grant", "revoke"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (sql_is(t, words[i]))
            return true;
    return false;
}

/* Without comments, which end where PostgreSQL ends them, the statement is accepted too: nothing hides in one. */
static void check_without_comments(struct arena *a, const char *sql)
{
    char *out = arena_alloc(a, strlen(sql) + 1), *to = out;
    bool in_string = false;
    struct sql_verdict v;

    for (const char *p = sql; *p;) {
        in_string ^= *p == '\'';
        if (!in_string && p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\r\n");
        else
            *to++ = *p++;
    }
    sql_check(text_of(out), "demo", &v);
    HOLDS(!v.why[0]);
}

/* One statement, of plain tokens, on tables of the plugin's own, with the tenant in it. */
static void check_statement(struct arena *a, const struct statement *s)
{
    struct sql_reader r = {text_of(s->stmt.sql), 0, 1};
    struct sql_token before = {.kind = SQL_END}, t;
    bool has_tenant = false, is_behind_dot = false; /* px_demo.from is a table of that name */
    int depth = 0;

    HOLDS(s->name[0] && s->param_count <= STATEMENT_PARAMS_MAX && s->line > 0);
    for (t = sql_next(&r); t.kind != SQL_END; before = t, t = sql_next(&r)) {
        HOLDS(t.kind != SQL_BAD && !sql_is(&before, ";"));
        HOLDS(!is_forbidden(&t) || sql_is(&before, "."));
        HOLDS(t.kind != SQL_PARAM || (t.param >= 1 && t.param <= s->param_count + 1));
        has_tenant |= t.kind == SQL_PARAM && t.param == 1;
        depth += sql_is(&t, "(") - sql_is(&t, ")");
        HOLDS(depth >= 0);
        /* pg_catalog, juxin and whatever else is not ours cannot be named in front of a dot where a table stands */
        if (!is_behind_dot && (sql_is(&before, "join") || sql_is(&before, "into")))
            HOLDS(sql_is(&t, "(") || text_is(t.text, "px_demo"));
        is_behind_dot = sql_is(&before, ".");
    }
    HOLDS(depth == 0 && has_tenant);
    check_without_comments(a, s->stmt.sql);
}

static void manifest(struct arena *a, const struct diag_file *f, struct diags *d)
{
    struct plugin *p = arena_alloc(a, sizeof(*p));

    p->arena = a;
    p->id = arena_dup(a, "demo");
    if (plugin_manifest_read(f, p, d) == 0)
        check_manifest(p);
    else
        check_said(a, d, f);
    json_decref(p->manifest);
}

static void queries(struct arena *a, const struct diag_file *f, struct diags *d)
{
    struct statement *list;
    size_t count;

    if (statements_parse(f, "demo", a, &list, &count, d) < 0) {
        check_said(a, d, f);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        check_statement(a, &list[i]);
        for (size_t k = 0; k < i; k++)
            HOLDS(strcmp(list[i].name, list[k].name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct diag_file f = {"input", fuzz_text(a, data, size)};
    struct diags d;

    diags_init(&d, a);
    if (size && data[0] % 2)
        manifest(a, &f, &d);
    else
        queries(a, &f, &d);
    arena_free(a);
    return 0;
}
