/* juxinctl reload */
#include <errno.h>
#include <signal.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ctl/commands.h"

/* The pid in the file is juxind's only if the process says so. */
static bool is_juxind(pid_t pid)
{
    CLEANUP(mem_freep) char *path = str_printf("/proc/%d/comm", (int)pid);
    char name[32] = "";
    FILE *f = fopen(path, "re");
    bool found = f && fgets(name, sizeof(name), f) && strcmp(name, "juxind\n") == 0;

    if (f)
        fclose(f);
    return found;
}

static int run(struct ctl *c)
{
    CLEANUP(buf_done) struct buf content = BUF_INIT;
    CLEANUP(mem_freep) char *path = str_printf("%s/juxind.pid", c->config->state_dir);
    int64_t pid;

    if (ctl_read_file(c, path, 64, &content) < 0)
        return CTL_NOT_FOUND;
    if (text_to_i64(text_trim(buf_text(&content), "\n"), 2, INT32_MAX, &pid) < 0 || !is_juxind((pid_t)pid))
        return ctl_fail(
            c, CTL_NOT_FOUND, "no server runs with %s (it would stand in %s)", c->config_file, path);
    if (kill((pid_t)pid, SIGHUP) < 0)
        return ctl_fail_errno(c, -errno, "telling the server");
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "pid", pid);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "told juxind %d; its log says reload.executing, or reload.refused and why", (int)pid);
    return CTL_OK;
}

const struct ctl_command ctl_reload = {
    .name = "reload",
    .summary = "has the running server take over new configuration, certificate, plugins or binary",
    .help = "The server first checks what stands on disk and keeps running as it was when that fails. "
            "Nobody's request "
            "is lost.\n  juxinctl reload",
    .needs = CTL_CONFIG,
    .run = run,
};
