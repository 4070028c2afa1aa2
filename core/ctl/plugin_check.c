/* juxinctl plugin check */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "ctl/plugin_common.h"
#include "plugin/package/diag.h"
#include "plugin/package/registry.h"
#include "resource/declare/declaration.h"
#include "resource/declare/declaration_report.h"
#include "resource/report/indicator.h"

/* The engine gives advice as a sentence; a word it proposes is taken out of it. */
static void add_finding(
    struct ctl *c, struct diags *d, const struct diag_file *file, const struct declaration_fault *f)
{
    struct text advice = text_of(f->suggestion);
    const char *open = "did you mean \"";

    if (!f->suggestion) {
        diag_add(d, file, f->pointer, NULL, "%s", f->message);
    } else if (text_has_prefix(advice, open)) {
        advice = text_trim(text_skip(advice, strlen(open)), "\"?");
        diag_add(d, file, f->pointer, arena_ndup(c->arena, advice.ptr, advice.len), "%s", f->message);
    } else {
        diag_add(d, file, f->pointer, NULL, "%s; %s", f->message, f->suggestion);
    }
}

/* What the engine would only find at `juxinctl migrate`: a reference to a resource that this plugin does not have. */
static void check_references(
    struct ctl *c, const struct plugin *p, const struct plugin_resource *res, struct diags *d)
{
    struct diag_file file = {res->file, {res->source, res->source_len}};
    const char **names = arena_alloc(c->arena, (p->resource_count + 1) * sizeof(*names));
    const char *field;
    json_t *v;

    for (size_t i = 0; i < p->resource_count; i++)
        names[i] = arena_printf(c->arena, "%s.%s", p->id, p->resources[i].name);
    names[p->resource_count] = NULL;
    json_object_foreach(json_object_get(res->json, "fields"), field, v)
    {
        const char *to = json_string_value(json_object_get(v, "reference"));
        size_t i = 0;

        if (!to || !text_has_prefix(text_of(to), arena_printf(c->arena, "%s.", p->id)))
            continue;
        while (names[i] && strcmp(names[i], to) != 0)
            i++;
        if (!names[i])
            diag_add(d, &file, arena_printf(c->arena, "/fields/%s/reference", field), diag_closest(to, names),
                "this plugin has no resource \"%s\"", to);
    }
}

static void add_findings(
    struct ctl *c, struct diags *d, const struct diag_file *file, const struct declaration_report *report)
{
    for (const struct declaration_fault *f = report->first; f; f = f->next)
        add_finding(c, d, file, f);
}

/* Against the resources that are good. */
static void check_indicators(struct ctl *c, const struct plugin *p, const struct resource *const *resources,
    uint32_t count, struct diags *d)
{
    struct diag_file file = {arena_printf(c->arena, "%s/indicators.json", p->dir),
        {p->indicators_source, p->indicators_source_len}};
    struct declaration_report report;
    struct indicator_set set;

    report_init(&report, c->arena, file.source);
    if (p->indicators && indicators_parse(p->id, p->indicators, resources, count, &report, &set) < 0)
        add_findings(c, d, &file, &report);
}

/* The engine's own findings about resources and indicators, in the same list. */
static void check_declarations(struct ctl *c, const struct plugin *p, struct diags *d)
{
    const struct resource **good = arena_array(c->arena, p->resource_count + 1, sizeof(*good));
    uint32_t count = 0;

    for (size_t i = 0; i < p->resource_count; i++) {
        const struct plugin_resource *res = &p->resources[i];
        struct diag_file file = {res->file, {res->source, res->source_len}};
        struct declaration_report report;
        struct resource *compiled;

        check_references(c, p, res, d);
        report_init(&report, c->arena, file.source);
        if (declaration_parse(c->arena, p->id, res->json, &report, &compiled) == 0)
            good[count++] = compiled;
        else
            add_findings(c, d, &file, &report);
    }
    check_indicators(c, p, good, count, d);
}

/* Constructors and the entry run in a child: what crashes there is the finding. */
static void check_load(const char *dir, struct diags *d)
{
    int status, pipe_fd[2];
    char line[512];
    ssize_t n;
    pid_t pid;

    if (pipe(pipe_fd) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        struct plugin_load_config config = {.is_development = true};
        struct arena *a = arena_new();
        struct diags found;
        struct plugin *p;

        diags_init(&found, a);
        p = plugin_load_dir(dir, &config, &found);
        if (p->unavailable_detail &&
            write(pipe_fd[1], p->unavailable_detail, strlen(p->unavailable_detail)) < 0)
            _exit(2);
        _exit(p->unavailable_detail ? 1 : 0);
    }
    close(pipe_fd[1]);
    n = pid > 0 ? read(pipe_fd[0], line, sizeof(line) - 1) : 0;
    close(pipe_fd[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return;
    if (WIFSIGNALED(status))
        diag_line(d, dir, 0, NULL, "loading it died of signal %d (%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        diag_line(d, dir, 0, NULL, "%.*s", n > 0 ? (int)n : 0, line);
}

static void show_json(struct ctl *c, const struct diags *d)
{
    jsonw_array(&c->w);
    for (const struct diag *e = d->first; e; e = e->next) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "file", e->file);
        jsonw_kint(&c->w, "line", e->line);
        jsonw_kstr(&c->w, "pointer", e->pointer);
        jsonw_kstr(&c->w, "message", e->message);
        jsonw_kstr(&c->w, "suggestion", e->suggestion);
        jsonw_object_end(&c->w);
    }
    jsonw_array_end(&c->w);
}

static void free_plugin(void *p)
{
    plugin_free(p);
}

static int run(struct ctl *c)
{
    struct plugin_load_config config = {.is_development = true, .without_code = true};
    const char *dir = c->argument_count > 0 ? c->argument[0] : ".";
    struct diags d;
    struct plugin *p;

    if (access(dir, R_OK | X_OK) < 0)
        return ctl_fail(c, CTL_NOT_FOUND, "%s: %s", dir, strerror(errno));
    diags_init(&d, c->arena);
    p = plugin_load_dir(dir, &config, &d);
    arena_defer(c->arena, free_plugin, p);
    check_declarations(c, p, &d);
    if (d.count == 0 && p->has_so)
        check_load(dir, &d);
    if (d.count == 0 && !p->has_so && p->needs_so)
        diag_line(&d, p->dir, 0, NULL, "%s.so is not there: build it first", p->id);
    if (c->json)
        show_json(c, &d);
    for (const struct diag *e = d.first; e && !c->json; e = e->next)
        fprintf(stderr, "%s\n", diag_text(c->arena, e));
    if (d.count > 0)
        return ctl_fail(c, CTL_REFUSED, "%u %s in %s", d.count, d.count == 1 ? "fault" : "faults", dir);
    ctl_say(c, "%s %s: %zu resources, %zu statements, %zu permissions, %s: no faults", p->id, p->version,
        p->resource_count, p->statement_count, p->permission_count, p->has_so ? "code loads" : "no code");
    return CTL_OK;
}

const struct ctl_command ctl_plugin_check = {
    .name = "plugin check",
    .arguments = "[DIR]",
    .summary = "finds what is wrong in a plugin's directory, with file, line and a suggestion",
    .help = "Checks plugin.json, resources/, indicators.json, locales/, queries.sql and the built shared "
            "object, without a "
            "server or a\n"
            "database. The object is loaded in a process of its own.\n"
            "  juxinctl plugin check plugins/suggestions",
    .arguments_max = 1,
    .needs = CTL_PLAIN,
    .run = run,
};
