/* juxinctl reload */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/ask.h"
#include "ctl/commands.h"

#define WAIT_MS 60000

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

static int64_t generation(struct ctl *c)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT;
    json_t *root = NULL;
    int64_t n = -1;
    int status;

    if (ask_server(c->config, "/readyz", &status, &body) == 0 &&
        json_parse(buf_text(&body), JSON_LIMITS, &root, NULL) == 0)
        n = json_int_or(root, "generation", -1);
    json_decref(root);
    return n;
}

/* Until a worker of the next generation answers. */
static int wait_for(struct ctl *c, int64_t before)
{
    int64_t deadline = clock_mono_ms() + WAIT_MS;

    while (generation(c) <= before) {
        if (clock_mono_ms() >= deadline)
            return ctl_fail(c, CTL_FAILED,
                "no new generation serves after %d s; the server's log says reload.refused and why",
                WAIT_MS / 1000);
        poll(NULL, 0, 50);
    }
    return CTL_OK;
}

static int find_server(struct ctl *c, pid_t *ret)
{
    CLEANUP(buf_done) struct buf content = BUF_INIT;
    CLEANUP(mem_freep) char *path = str_printf("%s/juxind.pid", c->config->state_dir);
    int64_t pid;
    int code = ctl_read_file(c, path, 64, &content);

    if (code != CTL_OK)
        return code;
    if (text_to_i64(text_trim(buf_text(&content), "\n"), 2, INT32_MAX, &pid) < 0 || !is_juxind((pid_t)pid))
        return ctl_fail(
            c, CTL_NOT_FOUND, "no server runs with %s (it would stand in %s)", c->config_file, path);
    *ret = (pid_t)pid;
    return CTL_OK;
}

static int run(struct ctl *c)
{
    int64_t before = c->config->admin.address ? generation(c) : -1;
    pid_t pid = -1;
    int code = find_server(c, &pid);

    if (code != CTL_OK)
        return code;
    if (kill(pid, SIGHUP) < 0)
        return ctl_fail_errno(c, -errno, "telling the server");
    if (before >= 0)
        code = wait_for(c, before);
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "pid", pid);
        jsonw_kint(&c->w, "generation", before >= 0 ? generation(c) : -1);
        jsonw_object_end(&c->w);
    }
    ctl_say(c,
        before >= 0 ? "the new generation of juxind %d serves"
                    : "told juxind %d; its log says what came of it",
        (int)pid);
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
