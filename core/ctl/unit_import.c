/* juxinctl unit import */
#include "base/json.h"
#include "ctl/commands.h"
#include "ctl/units_file.h"

#define FILE_MAX (64u << 20)

static int parse(struct ctl *c, const char *path, struct units_file *in, json_t **ret)
{
    struct json_limits limits = {8, 2000000};
    struct json_fault why;

    if (in->csv.len == 0 || !memchr("{[ \t\r\n", in->csv.ptr[0], 6))
        return CTL_OK; /* CSV */
    if (json_parse(in->csv, limits, ret, &why) < 0)
        return ctl_fail(c, CTL_REFUSED, "%s:%u:%u: %s", path, why.line, why.column, why.message);
    return CTL_OK;
}

static int run(struct ctl *c)
{
    CLEANUP(buf_done) struct buf content = BUF_INIT;
    struct units_file in = {.rename = ctl_flag(c, "rename"), .dry_run = ctl_flag(c, "dry-run")};
    const char *path = c->argument[1];
    json_t *root = NULL;
    int code = ctl_read_file(c, path, FILE_MAX, &content);

    if (code != CTL_OK)
        return code;
    in.csv = buf_text(&content);
    code = parse(c, path, &in, &root);
    in.root = root;
    if (code == CTL_OK)
        code =
            ctl_in_tenant(c, c->argument[0], units_file_import, &in, "importing units (nothing was written)");
    json_decref(root);
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "created", in.plan.created);
        jsonw_kint(&c->w, "renamed", in.plan.renamed);
        jsonw_kint(&c->w, "unchanged", in.plan.unchanged);
        jsonw_kbool(&c->w, "dry_run", in.dry_run);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%s%u created, %u renamed, %u unchanged", in.dry_run ? "would be: " : "", in.plan.created,
        in.plan.renamed, in.plan.unchanged);
    if (in.plan.other_names)
        ctl_say(c, "%u have another name in the file; --rename takes it over", in.plan.other_names);
    return CTL_OK;
}

const struct ctl_command ctl_unit_import = {
    .name = "unit import",
    .arguments = "SLUG FILE",
    .summary = "brings a tree of units in from JSON or CSV",
    .help = "All or nothing: every wrong row is named, and nothing is written while one is. Doing it again "
            "changes "
            "nothing.\n"
            "  JSON  {\"units\": [{\"code\": \"330102\", \"name\": \"上城区\", \"level\": \"county\", "
            "\"parent\": null}, …]}\n"
            "  CSV   code,name,level,parent\n"
            "  juxinctl unit import shangcheng deploy/demo/330102.json",
    .arguments_min = 2,
    .arguments_max = 2,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"dry-run", NULL, "checks and counts, writes nothing", false},
        {"rename", NULL, "takes over names that differ", false}},
};
