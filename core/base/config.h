/* The configuration file: one JSON object, checked key by key; unknown keys and bad values are errors that name the
 * JSON Pointer and what is accepted. The same table makes defaults, checks and documentation (schemas/config.schema.json
 * is held to it by a test). */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define CONFIG_LISTEN_MAX 16
#define CONFIG_WORKERS_MAX 64

struct config_listen {
    char *address; /* numeric IPv4 or IPv6 */
    int64_t port;
    bool tls;
};

struct config {
    char *file; /* where it was read from, absolute */
    char *state_dir;
    char *install_dir; /* derived from the executable's place when not given; so are the next */
    struct config_listen listen[CONFIG_LISTEN_MAX];
    uint32_t listen_count;
    struct config_listen admin; /* address NULL: no admin listener */
    char *tls_certificate, *tls_key;
    int64_t workers;
    char *user; /* NULL: stay who started the master */
    struct {
        char *app, *owner, *dispatch, *aggregate;
        int64_t fast_connections, fast_depth, slow_connections, queue, tenant_queue, fast_timeout_ms,
            slow_timeout_ms;
    } database;
    char *keys_file;
    char *plugins_directory, *plugins_trust;
    int64_t plugins_development; /* 0 production, 1 development */
    char *migrations;
    char *files_directory; /* contents of attachments */
    char *assets;          /* the console's files; NULL: none are served */
    char *trusted_proxy;
    struct {
        char *allow, *ca_file;
        int64_t side_by_side;
    } outgoing; /* requests of this server's own, fetch/fetch.h */
    struct {
        int64_t header_bytes, header_fields, url_bytes, body_bytes, header_ms, body_ms, write_ms,
            keepalive_ms, request_ms, connections, in_flight, buffered_bytes, drain_ms, drain_idle_ms,
            hash_threads, hash_waiting, session_idle_ms, session_ms, sign_ins_per_minute, worker_memory_bytes,
            jobs, upload_bytes, uploads;
    } limits;
    int64_t log_level; /* enum log_level */
    bool access_log;
};

/* Reads and checks. 0; -EINVAL with one line per fault in *errors ("/workers: expected …"); errors of open(2). */
MUSTCHECK int config_load(const char *path, struct config **ret, struct buf *errors);
void config_free(struct config *c);

/* The keys the file may have, as JSON Pointers, besides the members of /listen; NULL at the end. */
const char *config_key(size_t n);
