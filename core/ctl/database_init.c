/* juxinctl database init */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "db/bootstrap.h"
#include "db/keyring.h"

static const char *const role_keys[BOOTSTRAP_ROLES] = {
    [ROLE_OWNER] = "owner", [ROLE_APP] = "app", [ROLE_DISPATCH] = "dispatch", [ROLE_AGGREGATE] = "aggregate"};

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* The file is replaced as a whole, keeps its owner, and others lose the right to read what holds passwords now. */
static int replace_file(const char *path, const char *text)
{
    CLEANUP(mem_freep) char *fresh = str_printf("%s.new", path);
    struct stat st;
    int fd, r;

    if (stat(path, &st) < 0)
        return -errno;
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (r == 0 && (st.st_uid != geteuid() || st.st_gid != getegid()) && fchown(fd, st.st_uid, st.st_gid) < 0)
        r = -errno;
    if (r == 0 && fchmod(fd, st.st_mode & 0750) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(fresh);
    return r;
}

static int remember(const char *path, const struct bootstrap *b)
{
    json_t *root, *section;
    char *text;
    int r = json_read_file(path, 1 << 20, &root, NULL);

    if (r < 0)
        return r;
    section = json_object_get(root, "database");
    if (!section) {
        section = json_object();
        json_object_set_new(root, "database", section);
    }
    for (int i = 0; i < BOOTSTRAP_ROLES; i++)
        json_object_set_new(section, role_keys[i], json_string(b->conninfo[i]));
    text = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    if (!text)
        return -ENOMEM;
    r = replace_file(path, text);
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

static int make_keys(struct ctl *c)
{
    struct keyring *keys;
    int r = keyring_load(c->config->keys_file, true, &keys);

    if (r < 0)
        return ctl_fail(c, CTL_FAILED, "%s: %s", c->config->keys_file, strerror(-r));
    keyring_free(keys);
    return CTL_OK;
}

static int run(struct ctl *c)
{
    struct bootstrap b = {.superuser = ctl_option(c, "superuser"), .database = ctl_option(c, "name")};
    int r, code = CTL_OK;

    if (c->config->database.owner &&
        !ctl_confirm(c,
            "The configuration names a database already; its roles get new passwords, and a server that "
            "runs with the old ones must be reloaded."))
        return CTL_REFUSED;
    b.must_be_new = !c->config->database.owner;
    r = bootstrap_run(&b);
    if (r == -EEXIST) {
        if (!ctl_confirm(c, "This PostgreSQL has a database of that name already, perhaps another server's: "
                            "its roles would "
                            "get new passwords and that server would lose it. --name makes another one."))
            return CTL_REFUSED;
        b.must_be_new = false;
        r = bootstrap_run(&b);
    }
    if (r < 0)
        code = ctl_fail(c,
            r == -ECONNREFUSED || r == -ETIMEDOUT || r == -ECONNRESET || r == -EAGAIN ? CTL_NO_DATABASE
                                                                                      : CTL_FAILED,
            "making the database: %s", b.problem.len ? buf_str(&b.problem) : strerror(-r));
    if (code == CTL_OK) {
        r = remember(c->config->file, &b);
        if (r < 0)
            code = ctl_fail(c, CTL_FAILED, "writing %s: %s; run this again with --yes once it can be written",
                c->config->file, strerror(-r));
    }
    bootstrap_done(&b);
    if (code == CTL_OK)
        code = make_keys(c);
    if (code != CTL_OK)
        return code;
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "database", b.database ? b.database : "juxin");
        jsonw_kstr(&c->w, "config", c->config->file);
        jsonw_object_end(&c->w);
    }
    ctl_say(c,
        "database %s and its four roles are there; %s has their connection strings. Next: juxinctl migrate",
        b.database ? b.database : "juxin", c->config->file);
    return CTL_OK;
}

const struct ctl_command ctl_database_init = {
    .name = "database init",
    .summary =
        "makes the database and its four roles, and writes their connection strings into the configuration",
    .help = "Needs a superuser of the PostgreSQL once; the server itself never does. The roles get generated "
            "passwords.\n"
            "  juxinctl database init --superuser 'host=/run/postgresql user=postgres dbname=postgres'",
    .needs = CTL_CONFIG,
    .run = run,
    .options = {{"superuser", "CONNINFO", "how to reach PostgreSQL as a superuser", true},
        {"name", "NAME", "the database's name; juxin by default", false}},
};
