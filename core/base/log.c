/* The log. A line is built whole and written with one write(2), so that lines of several processes never mix. */
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"

static enum log_level threshold = LOG_INFO;
static char process_name[32] = "juxin";
static const struct log_context *(*context_source)(void);

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_parse(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (name && strcmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_set_process(const char *name)
{
    snprintf(process_name, sizeof(process_name), "%s", name);
}

void log_set_context_source(const struct log_context *(*source)(void))
{
    context_source = source;
}

/* Up to what a pipe takes as one piece, so that lines of several processes do not mix there either. */
#define HELD_MAX 4096u

static struct buf held;

static void write_all(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDERR_FILENO, data, len);

        if (n < 0 && errno != EINTR)
            return; /* a full disk or a closed pipe must not stop the server */
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void log_flush(void)
{
    int saved_errno = errno;

    write_all(held.data, held.len);
    buf_clear(&held);
    errno = saved_errno;
}

static void build_line(
    struct buf *line, enum log_level level, const char *event, const struct log_field *fields)
{
    const struct log_context *context = context_source ? context_source() : NULL;
    struct jsonw w;

    jsonw_init(&w, line);
    jsonw_object(&w);
    jsonw_kstr(&w, "time", clock_format(clock_wall_us()).s);
    jsonw_kstr(&w, "level", level_names[level]);
    jsonw_kstr(&w, "event", event);
    jsonw_kstr(&w, "process", process_name);
    jsonw_kint(&w, "pid", getpid());
    if (context && context->request_id[0])
        jsonw_kstr(&w, "request_id", context->request_id);
    if (context && context->trace_id[0])
        jsonw_kstr(&w, "trace_id", context->trace_id);
    for (; fields->key; fields++) {
        jsonw_key(&w, fields->key);
        if (fields->is_int)
            jsonw_int(&w, fields->num);
        else
            jsonw_str(&w, fields->str);
    }
    jsonw_object_end(&w);
    buf_addc(line, '\n');
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    int saved_errno = errno;
    struct buf line = BUF_INIT;

    if (level < threshold)
        return;
    build_line(&line, level, event, fields);
    log_flush();
    write_all(line.data, line.len);
    buf_done(&line);
    errno = saved_errno;
}

void log_write_later(enum log_level level, const char *event, const struct log_field *fields)
{
    size_t before = held.len;

    if (level < threshold)
        return;
    build_line(&held, level, event, fields);
    if (held.len > HELD_MAX) {
        write_all(held.data, before);
        buf_consume(&held, before);
    }
}
