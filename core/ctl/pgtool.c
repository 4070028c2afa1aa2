/* pg_dump and pg_restore. */
#include "ctl/pgtool.h"

#include <errno.h>
#include <glob.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define ARGUMENTS_MAX 16

static void add_option(struct buf *out, const char *keyword, const char *value)
{
    buf_addf(out, "%s%s='", out->len ? " " : "", keyword);
    for (; *value; value++) {
        if (*value == '\'' || *value == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *value);
    }
    buf_addc(out, '\'');
}

char *pgtool_conninfo(const char *conninfo, const char *database)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    struct buf out = BUF_INIT;

    if (!options)
        return NULL;
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && o->val[0] && strcmp(o->keyword, "dbname") != 0)
            add_option(&out, o->keyword, o->val);
    PQconninfoFree(options);
    add_option(&out, "dbname", database);
    return buf_take(&out);
}

char *pgtool_database(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    char *name = NULL;

    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp(o->keyword, "dbname") == 0 && o->val)
            name = str_dup(o->val);
    if (options)
        PQconninfoFree(options);
    return name;
}

/* libpq reads every option from an environment variable of its own. */
static void set_environment(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->envvar && o->val && o->val[0])
            setenv(o->envvar, o->val, 1);
}

/* /usr/lib/postgresql/15/bin/pg_dump: an older one than the server's refuses to work, so the highest version. */
static char *find(const char *program)
{
    CLEANUP(mem_freep) char *pattern = str_printf("/usr/lib/postgresql/*/bin/%s", program);
    char *best = NULL;
    long best_version = 0;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            long version = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);

            if (version > best_version && access(found.gl_pathv[i], X_OK) == 0) {
                free(best);
                best = str_dup(found.gl_pathv[i]);
                best_version = version;
            }
        }
    }
    globfree(&found);
    return best ? best : str_dup(program);
}

int pgtool_run(const char *program, const char *conninfo, const char *const *arguments)
{
    CLEANUP(mem_freep) char *path = find(program);
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    const char *argv[ARGUMENTS_MAX + 2] = {program};
    int status = -1;
    pid_t pid;

    if (!options)
        return -EINVAL;
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i]; i++)
        argv[i + 1] = arguments[i];
    pid = fork();
    if (pid == 0) {
        set_environment(options);
        execvp(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    PQconninfoFree(options);
    if (pid < 0)
        return -errno;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return -ENOENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
