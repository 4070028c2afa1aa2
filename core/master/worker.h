/* A worker process: everything between the fork and the exit. */
#pragma once

#include "base/config.h"
#include "loop/slots.h"
#include "master/listeners.h"

struct worker_setup {
    const struct config *config;
    uint32_t index, generation;
    int life_fd; /* end of file: the master is gone */
    const struct listeners *listeners;
    struct slots *slots;
    int slots_fd;
    struct slot *slot;
};

enum worker_exit { WORKER_OK = 0, WORKER_BAD_START = 3 };

int worker_main(const struct worker_setup *setup); /* the exit code */

/* The short-lived process that brings the schema up to date, as the owner role; enum schema_exit. */
int migrator_main(const struct config *config);

/* `juxind --check`: says on standard error what is wrong; 0 when a server could be started with this. */
int check_main(const char *config_file);

/* Becomes the configured user for good; 0 or -errno. Nothing when not started as root. */
MUSTCHECK int drop_privileges(const char *user);
