/* The master's own state, shared by the files of this folder. The master is one thread with one poll loop; it holds
 * the listening sockets and the shared memory, and runs no plugin code and no SQL. */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "base/config.h"
#include "loop/slots.h"
#include "loop/usage.h"
#include "master/listeners.h"

#define MASTER_TICK_MS 20

enum child_kind { CHILD_WORKER, CHILD_MIGRATOR, CHILD_CHECK };

struct child {
    pid_t pid;
    enum child_kind kind;
    uint32_t index, generation;
    uint32_t slot; /* of workers */
    bool is_ready, is_draining;
    bool is_outgrown;                        /* takes too much memory: goes once its successor serves */
    int64_t memory_when_ready, memory_at_ms; /* bytes; when to look next */
    int64_t started_ms;
    int64_t kill_at_ms; /* 0, or when a drain is over */
    struct {            /* what the watchdog saw last */
        uint32_t sequence, ticks, level;
        struct usage before; /* when the call was first seen */
        int64_t beat_ms;
        uint32_t beat_ticks;
        const char *verdict; /* why it was ended; NULL while it was not */
    } watch;
};

#define CHILDREN_MAX (SLOTS_MAX + 4)

enum phase { PHASE_MIGRATING, PHASE_RUNNING, PHASE_CHECKING, PHASE_STOPPING };

struct seat {          /* one per worker index */
    uint32_t failures; /* starts in a row that came to nothing */
    int64_t start_at_ms;
    int64_t outgrown_at_ms; /* when a worker of it was replaced for its size */
};

struct master {
    struct config *config;
    const char *executable; /* absolute; what an upgrade executes */
    const char *config_file;
    enum phase phase;
    uint32_t generation;
    struct slots *slots;
    int slots_fd;
    int life[2]; /* workers hold the read end: its end of file is the master's end */
    int signals; /* signalfd */
    struct listeners listeners;
    struct child children[CHILDREN_MAX];
    uint32_t child_count;
    struct seat seats[CONFIG_WORKERS_MAX];
    char *quarantine_file;
    uint32_t migrator_failures;
    int64_t migrate_at_ms;
    bool is_upgrade;          /* children of the binary before are still there */
    bool needs_fresh_workers; /* a plugin was quarantined: workers that loaded it have to go */
    int exit_code;
};

/* supervise.c */
void supervise_tick(struct master *m, int64_t now_ms);
void supervise_reap(struct master *m, int64_t now_ms);
void supervise_stop(struct master *m, int64_t now_ms);

/* spawn.c: 0 or -errno. */
MUSTCHECK int spawn_worker(struct master *m, uint32_t index);
MUSTCHECK int spawn_migrator(struct master *m);
MUSTCHECK int spawn_check(struct master *m);

/* upgrade.c */
void upgrade_begin(struct master *m); /* starts the check */
void upgrade_go(struct master *m);    /* the check was good: returns only when exec failed */
bool upgrade_is_resumed(void);
MUSTCHECK int upgrade_resume(struct master *m); /* in the new image */

/* memory.c */
void memory_look(struct master *m, struct child *c, int64_t now_ms);

/* watchdog.c */
void watchdog_look(struct master *m, struct child *c, int64_t now_ms);
