/* In this order: guarded path, bytes, digest, quarantine, trust, note, symbols, sealed copy, dlopen, entry, tables. */
#include "plugin/code.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <juxin/plugin.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "plugin/hook/offer.h"
#include "plugin/host/frame.h"
#include "plugin/host/host.h"
#include "plugin/package/note.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/registry.h"
#include "plugin/package/trust.h"

#define OBJECT_MAX (64u << 20)

static PRINTF_LIKE(5, 6) int refuse(
    struct plugin *p, struct diags *d, const char *file, const char *reason_class, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    plugin_mark(p, reason_class, arena_printf(p->arena, "%s: %s", file, text));
    diag_line(d, file, 0, NULL, "%s", text);
    return -EINVAL;
}

static int check_owner(
    struct plugin *p, const char *path, const struct plugin_load_config *config, struct diags *d)
{
    char why[FILE_WHY_MAX];
    int r;

    if (quarantine_has(config->quarantine_file, &p->digest))
        return refuse(p, d, path, "quarantined",
            "crashed %d times within 60 minutes; `juxinctl plugin quarantine --release %s` lets it run again",
            QUARANTINE_CRASHES, p->id);
    if (config->is_development)
        return 0;
    if (file_is_guarded(path, why) < 0)
        return refuse(p, d, path, "untrusted", "%s", why);
    r = trust_check(config->trust_file, &p->digest);
    if (r == -EINVAL)
        return refuse(
            p, d, path, "untrusted", "%s cannot be read as a list of trusted files", config->trust_file);
    if (r < 0)
        return refuse(p, d, path, "untrusted",
            "its digest sha256:%s is not trusted here; expected it in %s: run "
            "`juxinctl plugin trust %s`",
            sha256_format(&p->digest).s,
            config->trust_file ? config->trust_file : "a trust file (plugins.trust is not configured)", path);
    return 0;
}

static int check_bytes(struct plugin *p, const char *path, struct text bytes, struct diags *d)
{
    struct plugin_note note;
    char why[NOTE_WHY_MAX];
    int r = plugin_note_read(bytes, &note, why);

    if (r < 0)
        return refuse(p, d, path, r == -EPROTO ? "abi_mismatch" : "load_failed", "%s", why);
    if (strcmp(note.name, p->id) != 0)
        return refuse(
            p, d, path, "load_failed", "the note names the plugin \"%s\", expected \"%s\"", note.name, p->id);
    if (p->manifest && strcmp(note.version, p->version) != 0)
        return refuse(p, d, path, "load_failed", "the note says version %s, plugin.json says %s: rebuild",
            note.version, p->version);
    if (plugin_symbols_check(bytes, why) < 0)
        return refuse(p, d, path, "load_failed", "%s", why);
    return 0;
}

/* The descriptor stays open: dlopen knows objects by name, and a number given out twice would find the first. */
static int sealed_copy(const char *name, const struct buf *bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;

    if (fd < 0)
        return -errno;
    while (done < bytes->len) {
        ssize_t n = write(fd, bytes->data + done, bytes->len - done);

        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (done < bytes->len ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
        int r = -errno;

        close(fd);
        return r;
    }
    return fd;
}

typedef const struct jx_plugin *entry_fn(const struct jx_host *host);

static int run_entry(struct plugin *p, const char *path, int fd, struct diags *d)
{
    char name[40], why[NOTE_WHY_MAX];
    const struct jx_plugin *code;
    entry_fn *entry;
    void *so;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    so = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!so) {
        const char *problem = dlerror();

        return refuse(p, d, path, "load_failed", "%.300s", problem ? problem : "cannot be loaded");
    }
    *(void **)&entry = dlsym(so, "jx_plugin_entry");
    if (!entry)
        return refuse(p, d, path, "load_failed", "jx_plugin_entry is not exported");
    code = entry(plugin_host());
    if (!code)
        return refuse(p, d, path, "load_failed", "the plugin declined to start: its entry returned NULL");
    if (offer_take(p, code, why) < 0)
        return refuse(p, d, path, "load_failed", "%s", why);
    p->code = code;
    return 0;
}

static int load_bytes(struct plugin *p, const char *path, const struct buf *bytes,
    const struct plugin_load_config *config, struct diags *d)
{
    struct plugin_frame frame;
    int fd, r;

    p->digest = sha256_of(buf_text(bytes));
    r = check_bytes(p, path, buf_text(bytes), d);
    if (r == 0 && !config->without_code)
        r = check_owner(p, path, config, d);
    if (r < 0 || config->without_code)
        return r;
    fd = sealed_copy(p->id, bytes);
    if (fd < 0)
        return refuse(p, d, path, "load_failed", "cannot be copied into memory: %s", strerror(-fd));
    frame_enter(
        &frame, p, "load", NULL, 0, UUID_NIL); /* constructors run on dlopen: a crash there is the plugin's */
    r = run_entry(p, path, fd, d);
    frame_leave(&frame);
    return r;
}

int plugin_code_load(struct plugin *p, const struct plugin_load_config *config, struct diags *d)
{
    const char *path = arena_printf(p->arena, "%s/%s.so", p->dir, p->id);
    struct buf bytes = BUF_INIT;
    int r = file_read(path, OBJECT_MAX, &bytes);

    if (r == 0) {
        p->has_so = true;
        r = load_bytes(p, path, &bytes, config, d);
    } else if (r == -ENOENT) {
        r = !p->needs_so
                ? 0
                : refuse(p, d, path, "load_failed", "plugin.json names this library, and it is not there");
    } else {
        r = refuse(p, d, path, "load_failed", "cannot be read: %s", strerror(-r));
    }
    buf_done(&bytes);
    return r;
}
