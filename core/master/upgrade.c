/* Reload, plugin update and binary upgrade: check what stands on disk now, then execute it in place: same pid, sockets,
 * shared memory and children. The state goes over in an anonymous file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/internal.h"

#define STATE_FD "JUXIN_STATE_FD"

void upgrade_begin(struct master *m)
{
    int r;

    if (m->phase != PHASE_RUNNING) {
        log_event(LOG_WARN, "reload.refused", LF_STR("reason", "another change of state is under way"));
        return;
    }
    log_event(LOG_INFO, "reload.checking", LF_STR("file", m->executable));
    r = spawn_check(m);
    if (r < 0)
        log_event(LOG_ERROR, "reload.refused", LF_ERR(r));
    else
        m->phase = PHASE_CHECKING;
}

static json_t *save_listeners(const struct listeners *l)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < l->count; i++) {
        const struct listener *n = &l->list[i];

        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i}", "address", n->address, "port", n->port,
                                        "index", (int)n->index, "fd", n->fd));
    }
    return list;
}

static json_t *save_children(const struct master *m)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < m->child_count; i++) {
        const struct child *c = &m->children[i];

        if (c->kind == CHILD_WORKER)
            json_array_append_new(
                list, json_pack("{s:i, s:i, s:i, s:i, s:b, s:b, s:I, s:I}", "pid", (int)c->pid, "index",
                          (int)c->index, "slot", (int)c->slot, "generation", (int)c->generation, "ready",
                          c->is_ready, "draining", c->is_draining, "started", (json_int_t)c->started_ms,
                          "kill_at", (json_int_t)c->kill_at_ms));
    }
    return list;
}

static int save(const struct master *m, int *ret_fd)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT;
    struct jsonw w;
    json_t *state = json_pack("{s:i, s:i, s:i, s:i, s:o, s:o}", "generation", (int)m->generation, "slots",
        m->slots_fd, "life_read", m->life[0], "life_write", m->life[1], "listeners",
        save_listeners(&m->listeners), "children", save_children(m));
    int fd = memfd_create("juxin-state", 0), r = 0;

    jsonw_init(&w, &text);
    jsonw_value(&w, state);
    json_decref(state);
    if (fd < 0)
        return -errno;
    if (write(fd, text.data, text.len) != (ssize_t)text.len) {
        r = -EIO;
        close(fd);
    } else {
        *ret_fd = fd;
    }
    return r;
}

static void keep_open(const struct master *m, bool on)
{
    int flags = on ? 0 : FD_CLOEXEC;

    fcntl(m->slots_fd, F_SETFD, flags);
    fcntl(m->life[0], F_SETFD, flags);
    fcntl(m->life[1], F_SETFD, flags);
    for (uint32_t i = 0; i < m->listeners.count; i++)
        fcntl(m->listeners.list[i].fd, F_SETFD, flags);
}

void upgrade_go(struct master *m)
{
    char number[16];
    int fd = -1, r;

    r = save(m, &fd);
    if (r < 0) {
        log_event(LOG_ERROR, "reload.failed", LF_ERR(r));
        return;
    }
    snprintf(number, sizeof(number), "%d", fd);
    setenv(STATE_FD, number, 1);
    keep_open(m, true);
    log_event(
        LOG_INFO, "reload.executing", LF_STR("file", m->executable), LF_INT("generation", m->generation + 1));
    execl(m->executable, m->executable, "--config", m->config_file, (char *)NULL);
    r = -errno;
    keep_open(m, false);
    unsetenv(STATE_FD);
    close(fd);
    log_event(LOG_ERROR, "reload.failed", LF_ERR(r), LF_STR("effect", "the server keeps running as it was"));
}

bool upgrade_is_resumed(void)
{
    return getenv(STATE_FD) != NULL;
}

static void restore_listeners(struct master *m, const json_t *list)
{
    const json_t *entry;
    size_t i;

    json_array_foreach((json_t *)list, i, entry)
    {
        struct listener *n = &m->listeners.list[m->listeners.count];

        if (m->listeners.count == LISTENERS_MAX)
            break;
        snprintf(n->address, sizeof(n->address), "%s", json_str_or(entry, "address", ""));
        n->port = (uint16_t)json_int_or(entry, "port", 0);
        n->index = (uint32_t)json_int_or(entry, "index", 0);
        n->fd = (int)json_int_or(entry, "fd", -1);
        m->listeners.count++;
    }
}

static void restore_children(struct master *m, const json_t *list)
{
    const json_t *entry;
    size_t i;

    json_array_foreach((json_t *)list, i, entry)
    {
        struct child *c = &m->children[m->child_count];

        if (m->child_count == CHILDREN_MAX)
            break;
        c->kind = CHILD_WORKER;
        c->pid = (pid_t)json_int_or(entry, "pid", -1);
        c->index = (uint32_t)json_int_or(entry, "index", 0) % CONFIG_WORKERS_MAX;
        c->slot = (uint32_t)json_int_or(entry, "slot", 0) % SLOTS_MAX;
        c->generation = (uint32_t)json_int_or(entry, "generation", 0);
        c->is_ready = json_bool_or(entry, "ready", false);
        c->is_draining = json_bool_or(entry, "draining", false);
        c->started_ms = json_int_or(entry, "started", 0);
        c->kill_at_ms = json_int_or(entry, "kill_at", 0);
        m->child_count++;
    }
}

/* Another layout of the shared memory: the old workers keep theirs, their slots here are only place-holders. */
static int replace_slots(struct master *m)
{
    int r;

    close(m->slots_fd);
    r = slots_create(&m->slots_fd, &m->slots);
    if (r < 0)
        return r;
    log_event(LOG_INFO, "reload.new_shared_memory");
    for (uint32_t i = 0; i < m->child_count; i++)
        m->slots->slot[m->children[i].slot].state = SLOT_DRAINING;
    return 0;
}

int upgrade_resume(struct master *m)
{
    CLEANUP(mem_freep) char *path = str_printf("/proc/self/fd/%s", getenv(STATE_FD));
    int64_t fd;
    json_t *state;
    int r;

    r = text_to_i64(text_of(getenv(STATE_FD)), 3, 1 << 20, &fd);
    if (r == 0)
        r = json_read_file(path, 4 << 20, &state, NULL);
    unsetenv(STATE_FD);
    if (r < 0)
        return r;
    close((int)fd);
    m->is_upgrade = true;
    m->generation = (uint32_t)json_int_or(state, "generation", 0);
    m->slots_fd = (int)json_int_or(state, "slots", -1);
    m->life[0] = (int)json_int_or(state, "life_read", -1);
    m->life[1] = (int)json_int_or(state, "life_write", -1);
    restore_listeners(m, json_object_get(state, "listeners"));
    restore_children(m, json_object_get(state, "children"));
    json_decref(state);
    keep_open(m, false);
    r = slots_attach(m->slots_fd, &m->slots);
    return r == -EINVAL ? replace_slots(m) : r;
}
