/* juxinctl plugin trust */
#include "base/file.h"
#include "ctl/commands.h"
#include "plugin/package/note.h"
#include "plugin/package/trust.h"

#define OBJECT_MAX (64u << 20)

static int trust_one(struct ctl *c, const char *path)
{
    struct buf bytes = BUF_INIT;
    struct plugin_note note;
    struct sha256 digest;
    struct sha256_text hex;
    char why[NOTE_WHY_MAX];
    int r, code = ctl_read_file(c, path, OBJECT_MAX, &bytes);

    if (code != CTL_OK) {
        buf_done(&bytes);
        return code;
    }
    digest = sha256_of(buf_text(&bytes));
    r = plugin_note_read(buf_text(&bytes), &note, why);
    if (r == 0)
        r = plugin_symbols_check(buf_text(&bytes), why);
    buf_done(&bytes);
    if (r < 0)
        return ctl_fail(c, CTL_REFUSED, "%s: %s", path, why);
    r = trust_add(c->config->plugins_trust, &digest, note.name, path);
    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", c->config->plugins_trust, strerror(-r));
    hex = sha256_format(&digest);
    ctl_say(c, "trusted: %s %s, sha256:%s", note.name, note.version, hex.s);
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "plugin", note.name);
        jsonw_kstr(&c->w, "version", note.version);
        jsonw_kstr(&c->w, "sha256", hex.s);
        jsonw_object_end(&c->w);
    }
    return CTL_OK;
}

static int run(struct ctl *c)
{
    int code = CTL_OK;

    if (!c->config->plugins_trust)
        return ctl_fail(
            c, CTL_USAGE, "%s has no /plugins/trust: it names the file the digests go to", c->config_file);
    if (c->json)
        jsonw_array(&c->w);
    for (uint32_t i = 0; i < c->argument_count && code == CTL_OK; i++)
        code = trust_one(c, c->argument[i]);
    if (c->json)
        jsonw_array_end(&c->w);
    return code;
}

const struct ctl_command ctl_plugin_trust = {
    .name = "plugin trust",
    .arguments = "FILE…",
    .summary = "lets this server load exactly this build of a plugin",
    .help = "Writes the SHA-256 of the shared object to the file of /plugins/trust. A rebuilt object has to "
            "be trusted\n"
            "again.\n"
            "  juxinctl plugin trust /usr/local/lib/juxin/plugins/suggestions/suggestions.so",
    .arguments_min = 1,
    .arguments_max = CTL_ARGUMENTS_MAX,
    .needs = CTL_CONFIG,
    .run = run,
};
