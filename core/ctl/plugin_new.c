/* juxinctl plugin new */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ctl/commands.h"
#include "ctl/plugin_common.h"
#include "plugin/package/manifest.h"

#define TEMPLATE_MAX (1u << 20)
#define MARK "@NAME@"

static const char *filled_in(struct arena *a, struct text in, const char *name, size_t *ret_len)
{
    struct buf out = BUF_INIT;
    const char *copy;

    while (in.len > 0) {
        const char *mark = memmem(in.ptr, in.len, MARK, sizeof(MARK) - 1);
        size_t plain = mark ? (size_t)(mark - in.ptr) : in.len;

        buf_add(&out, in.ptr, plain);
        if (mark)
            buf_adds(&out, name);
        in = text_skip(in, plain + (mark ? sizeof(MARK) - 1 : 0));
    }
    *ret_len = out.len;
    copy = arena_ndup(a, buf_str(&out), out.len);
    buf_done(&out);
    return copy;
}

static int copy_file(struct ctl *c, const char *from, const char *to, const char *name)
{
    struct buf in = BUF_INIT;
    const char *out;
    FILE *file;
    size_t len;
    int r = file_read(from, TEMPLATE_MAX, &in);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", from, strerror(-r));
    out = filled_in(c->arena, buf_text(&in), name, &len);
    buf_done(&in);
    file = fopen(to, "wx");
    if (!file)
        return ctl_fail(c, CTL_FAILED, "%s: %s", to, strerror(errno));
    r = fwrite(out, 1, len, file) == len ? 0 : -EIO;
    if (fclose(file) != 0 || r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: cannot be written", to);
    return CTL_OK;
}

static int copy_tree(struct ctl *c, const char *from, const char *to, const char *name)
{
    struct dirent **entries = NULL;
    int n = scandir(from, &entries, NULL, alphasort), code = CTL_OK;

    if (n < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", from, strerror(errno));
    if (mkdir(to, 0755) < 0)
        code = ctl_fail(c, CTL_REFUSED, "%s: %s", to, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *source = arena_printf(c->arena, "%s/%s", from, entries[i]->d_name), *target;
        struct stat st;
        size_t len;

        target =
            arena_printf(c->arena, "%s/%s", to, filled_in(c->arena, text_of(entries[i]->d_name), name, &len));
        if (code == CTL_OK && entries[i]->d_name[0] != '.' && lstat(source, &st) == 0)
            code =
                S_ISDIR(st.st_mode) ? copy_tree(c, source, target, name) : copy_file(c, source, target, name);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int run(struct ctl *c)
{
    const char *name = c->argument[0], *under = c->argument_count > 1 ? c->argument[1] : ".", *template, *to;
    int code;

    if (!plugin_id_is_valid(name))
        return ctl_fail(c, CTL_USAGE,
            "\"%s\": a plugin's name has 2 to 40 characters of a-z, 0-9 and _, begins with a letter and is "
            "none of the "
            "core's own words",
            name);
    template = ctl_option(c, "template");
    if (!template)
        template = arena_printf(c->arena, "%s/plugin-template", plugin_data_dir(c));
    to = arena_printf(c->arena, "%s/%s", under, name);
    code = copy_tree(c, template, to, name);
    if (code == CTL_OK)
        ctl_say(c, "%s is ready. Next: cd %s && make && juxinctl plugin check .", to, to);
    return code;
}

const struct ctl_command ctl_plugin_new = {
    .name = "plugin new",
    .arguments = "NAME [DIR]",
    .summary = "makes a plugin's directory that builds and loads as it is",
    .help = "DIR/NAME gets plugin.json, a resource, queries.sql, a C file, Makefile, meson.build and a test. "
            "It needs\n"
            "`pkg-config juxin-plugin`, which `meson install` provides.\n"
            "  juxinctl plugin new noticeboard ~/plugins",
    .arguments_min = 1,
    .arguments_max = 2,
    .needs = CTL_PLAIN,
    .run = run,
    .options = {{"template", "DIR", "another template", false}},
};
