/* The log. A line is built whole and written with one write(2), so that lines of several processes never mix. What cannot
 * be written is counted, and told about as soon as something can be: a full disk or a reader that stands still must not
 * stop the server. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
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

void log_set_context_source(const struct log_context *(*source)(void))
{
    context_source = source;
}

/* Up to what a pipe takes as one piece, so that lines of several processes do not mix there either. */
#define HELD_MAX 4096u

#define PATIENCE_MS 100 /* with a reader, once; none until it has read again */

static struct buf held;
static struct {
    uint64_t lines;
    bool is_impatient;
} lost;

/* What its parent held back or owes is the parent's to say. */
void log_set_process(const char *name)
{
    snprintf(process_name, sizeof(process_name), "%s", name);
    buf_clear(&held);
    lost.lines = 0;
}

void log_output_init(void)
{
    struct stat st;
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    /* Only what is between programs can stand still, and only what is nobody else's may be changed: not a terminal. */
    if (flags >= 0 && fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        (void)!fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

static bool wait_for_reader(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (lost.is_impatient)
        return false;
    lost.is_impatient = poll(&p, 1, PATIENCE_MS) <= 0;
    return !lost.is_impatient;
}

/* How much of it went out. */
static size_t write_some(const char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(STDERR_FILENO, data + done, len - done);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || (errno != EINTR && !(errno == EAGAIN && wait_for_reader())))
            break;
    }
    if (done == len)
        lost.is_impatient = false;
    return done;
}

static void build_line(
    struct buf *line, enum log_level level, const char *event, const struct log_field *fields);

/* True when nothing is owed any more. */
static bool tell_lost(void)
{
    struct buf line CLEANUP(buf_done) = BUF_INIT;

    if (lost.lines == 0)
        return true;
    buf_addc(&line, '\n'); /* half a line may stand there, our own or another process's */
    build_line(&line, LOG_WARN, "log.lost", (struct log_field[]){LF_INT("lines", lost.lines), {.key = NULL}});
    if (write_some(line.data, line.len) < line.len)
        return false;
    lost.lines = 0;
    return true;
}

static void write_all(const char *data, size_t len)
{
    size_t done = tell_lost() ? write_some(data, len) : 0;

    for (; done < len; done++)
        lost.lines += data[done] == '\n';
}

void log_flush(void)
{
    int saved_errno = errno;

    write_all(held.data, held.len);
    buf_clear(&held);
    errno = saved_errno;
}

/* Paths, messages of libraries and names that plugins gave themselves need not be UTF-8; a line has to be. */
static void add_text(struct jsonw *w, const char *s)
{
    struct buf repaired CLEANUP(buf_done) = BUF_INIT;

    if (!s || text_is_utf8(text_of(s))) {
        jsonw_str(w, s);
        return;
    }
    buf_add_repaired(&repaired, text_of(s));
    jsonw_text(w, buf_text(&repaired));
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
            add_text(&w, fields->str);
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
