/* The ELF note and the symbol check. */
#include "plugin/package/note.h"

#include <errno.h>
#include <juxin/plugin.h>
#include <stdarg.h>

#include "plugin/package/elf.h"

#define DESCRIPTOR_AT(field) (offsetof(struct jx_note, field) - offsetof(struct jx_note, magic))

static PRINTF_LIKE(3, 4) int refuse(char *why, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, NOTE_WHY_MAX, format, args);
    va_end(args);
    return error;
}

/* A fixed-width field: 1 to size-1 printable ASCII characters, then zeros only. */
static bool take_field(char *out, const char *in, size_t size)
{
    size_t len = strnlen(in, size);

    if (len == 0 || len == size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (i < len ? in[i] <= ' ' || in[i] > '~' : in[i] != '\0')
            return false;
    memcpy(out, in, len + 1);
    return true;
}

static int parse_descriptor(struct text d, struct plugin_note *ret, char *why)
{
    struct jx_note n;
    struct plugin_note out;

    if (d.len < DESCRIPTOR_AT(magic) + 8 || memcmp(d.ptr, JX_NOTE_MAGIC, 8) != 0)
        return refuse(why, -EINVAL, "the note .note.juxin does not begin with the magic " JX_NOTE_MAGIC);
    if (d.len < JX_DESCRIPTOR_SIZE)
        return refuse(
            why, -EINVAL, "the note is cut: found %zu bytes, expected %u", d.len, JX_DESCRIPTOR_SIZE);
    memcpy(n.magic, d.ptr, JX_DESCRIPTOR_SIZE);
    if (n.size < JX_DESCRIPTOR_SIZE || n.size > d.len)
        return refuse(why, -EINVAL, "the note says it has %u bytes, expected %u", n.size, JX_DESCRIPTOR_SIZE);
    out.abi_major = n.abi_major;
    out.abi_minor = n.abi_minor;
    if (!take_field(out.name, n.name, sizeof(n.name)))
        return refuse(why, -EINVAL, "the name in the note is empty, too long or not plain ASCII");
    if (!take_field(out.version, n.version, sizeof(n.version)))
        return refuse(why, -EINVAL, "the version in the note is empty, too long or not plain ASCII");
    *ret = out;
    if (n.abi_major != JX_ABI_MAJOR)
        return refuse(why, -EPROTO,
            "plugin ABI: found %u.%u, expected %u.x (this server has %u.%u): rebuild against "
            "this server's juxin/plugin.h",
            n.abi_major, n.abi_minor, JX_ABI_MAJOR, JX_ABI_MAJOR, JX_ABI_MINOR);
    if (n.abi_minor > JX_ABI_MINOR)
        return refuse(why, -EPROTO,
            "plugin ABI: found %u.%u, expected at most %u.%u: the plugin needs a newer server", n.abi_major,
            n.abi_minor, JX_ABI_MAJOR, JX_ABI_MINOR);
    return 0;
}

int plugin_note_read(struct text file, struct plugin_note *ret, char *why)
{
    const char *what;
    struct text descriptor;
    int r;

    if (elf_check(file, &what) < 0)
        return refuse(why, -ENOEXEC, "%s; expected an ELF64 shared object for this machine", what);
    if (elf_is_whole(file) < 0)
        return refuse(why, -EINVAL, "the file is cut: its headers point behind its %zu bytes", file.len);
    r = elf_note(file, JX_NOTE_OWNER, JX_NOTE_TYPE, &descriptor);
    if (r == -ENOENT)
        return refuse(
            why, r, "no note of owner " JX_NOTE_OWNER ", expected one: is JX_PLUGIN(…) in the sources?");
    if (r < 0)
        return refuse(why, r, "its notes point behind the file's %zu bytes", file.len);
    return parse_descriptor(descriptor, ret, why);
}

/* A name ending in '*' bans all that begin so. The names with __ are what _FORTIFY_SOURCE makes of the plain ones. */
static const char *const banned[] = {
    /* waits */
    "sleep", "usleep", "nanosleep", "clock_nanosleep", "thrd_sleep", "poll", "ppoll", "__poll_chk",
    "__ppoll_chk", "select", "pselect", "epoll_*", "pause", "sigsuspend", "sigwait*", "sigtimedwait", "wait",
    "waitpid", "wait3", "wait4", "waitid", "flock", "lockf*", "sem_*", "mq_*", "shm_open", "msgrcv", "msgsnd",
    "semop", "semtimedop",
    /* the network and the log daemon */
    "getaddrinfo*", "getnameinfo", "gethostby*", "res_query", "res_search", "socket", "socketpair", "connect",
    "bind", "listen", "accept", "accept4", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom",
    "recvmsg", "recvmmsg", "__recv_chk", "__recvfrom_chk", "shutdown", "syslog", "vsyslog", "openlog",
    /* processes, threads, code */
    "fork", "vfork", "_Fork", "clone", "clone3", "posix_spawn*", "exec*", "fexecve", "system", "popen",
    "daemon", "wordexp", "dlopen", "dlmopen", "dlsym", "dlvsym", "dlclose", "pthread_create", "thrd_create",
    "ptrace", "syscall", "prctl", "mmap", "mmap64", "mprotect", "makecontext", "swapcontext", "setcontext",
    /* the end of the process or of its thread */
    "exit", "_exit", "_Exit", "quick_exit", "atexit", "on_exit", "at_quick_exit", "err", "errx", "verr",
    "verrx", "error", "error_at_line", "argp_*", "pthread_exit", "thrd_exit",
    /* signals and clocks */
    "signal", "sigaction", "sigprocmask", "pthread_sigmask", "sigaltstack", "kill", "killpg", "tgkill",
    "raise", "sigqueue", "pthread_kill", "alarm", "setitimer", "timer_create",
    /* descriptors and files */
    "open", "open64", "openat", "openat64", "__open_2", "__open64_2", "__openat_2", "__openat64_2", "creat",
    "creat64", "fopen", "fopen64", "fdopen", "freopen*", "tmpfile*", "mkstemp*", "mkostemp*", "mkdtemp",
    "read", "__read_chk", "write", "pread*", "__pread_chk", "__pread64_chk", "pwrite*", "readv", "writev",
    "close", "close_range", "closefrom", "dup", "dup2", "dup3", "pipe", "pipe2", "fcntl", "fcntl64", "ioctl",
    "unlink", "unlinkat", "remove", "rename", "renameat*", "link", "linkat", "symlink*", "truncate*",
    "ftruncate*", "chmod", "fchmod*", "chown", "lchown", "fchown*", "mkdir", "mkdirat", "rmdir", "opendir",
    "scandir*", "chdir", "fchdir", "chroot",
    /* what belongs to the whole process */
    "setenv", "unsetenv", "putenv", "clearenv", "setlocale", "umask", "setuid", "setgid", "seteuid",
    "setegid", "setres*", "setrlimit*",
    /* the libraries behind the host's interface */
    "PQ*", "pg_*", "event_*", "bufferevent_*", "evbuffer_*", "SSL_*", "curl_*"};

static bool is_banned(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(banned); i++) {
        size_t len = strlen(banned[i]);

        if (banned[i][len - 1] == '*' ? strncmp(name, banned[i], len - 1) == 0 : strcmp(name, banned[i]) == 0)
            return true;
    }
    return false;
}

struct symbol_walk {
    char names[200];
    uint32_t banned;
    bool has_entry;
};

static int on_symbol(const char *name, bool is_defined, void *arg)
{
    struct symbol_walk *w = arg;

    if (is_defined) {
        w->has_entry |= strcmp(name, "jx_plugin_entry") == 0;
        return 0;
    }
    if (is_banned(name)) {
        size_t used = strlen(w->names);

        snprintf(w->names + used, sizeof(w->names) - used, "%s%.40s", used ? ", " : "", name);
        w->banned++;
    }
    return 0;
}

int plugin_symbols_check(struct text file, char *why)
{
    struct symbol_walk w = {.banned = 0};
    int r = elf_symbols(file, on_symbol, &w);
    const char *what;

    if (r < 0)
        return refuse(why, -EINVAL, "the dynamic symbol table is missing or does not fit the file");
    r = elf_companions_check(file, &what);
    if (r < 0)
        return refuse(why, r, "%s", r == -EPERM ? what : "the dynamic section does not fit the file");
    if (!w.has_entry)
        return refuse(
            why, -ENOENT, "jx_plugin_entry is not exported, expected one: is JX_PLUGIN(…) in the sources?");
    if (w.banned > 0)
        return refuse(why, -EPERM,
            "it imports %u function(s) that plugins may not use: %s. Use the host's interface", w.banned,
            w.names);
    return 0;
}
