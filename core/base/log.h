/* The log: one JSON object a line on standard error. Boundaries log, library code returns errors.
 *
 *     log_event(LOG_WARN, "db.connect_failed", LF_STR("host", host), LF_INT("attempt", n));
 *
 * Field values are ids, names of things and numbers; never personal data, secrets, bodies or SQL parameters. */
#pragma once

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;
    const char *str; /* used when key is set and is_int is false; NULL is written as null */
    int64_t num;
    bool is_int;
};

#define LF_STR(k, v) ((struct log_field){.key = (k), .str = (v)})
#define LF_INT(k, v) ((struct log_field){.key = (k), .num = (int64_t)(v), .is_int = true})
#define LF_ERR(r) LF_STR("error", strerror((r) < 0 ? -(r) : (r)))

#define log_event(level, event, ...)                                                                         \
    log_write(level, event, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* For the line that comes with every request: held back, up to 4 KiB, until the next log_event() or log_flush(), which
 * whoever uses it calls a few times a second. */
#define log_event_later(level, event, ...)                                                                   \
    log_write_later(level, event, (struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
void log_write_later(enum log_level level, const char *event, const struct log_field *fields);
void log_flush(void); /* also tells what was lost before, where that is possible again */
/* Once, before the first line, by a process that must not wait for whoever reads its log. */
void log_output_init(void);
void log_set_level(enum log_level level);

/* Written into every line of this process: "master", "worker 0", "ctl". Copied. */
void log_set_process(const char *name);

/* Returns what the current fiber adds to its lines (request id, trace), or NULL. Set once by the http floor. */
struct log_context {
    char request_id[40];
    char trace_id[33];
};
void log_set_context_source(const struct log_context *(*source)(void));
