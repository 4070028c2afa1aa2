/* What commands say: results on standard output, everything else on standard error. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/ctl.h"

static const char *const exit_names[] = {"ok", "failed", "usage", "not_found", "refused", "no_database"};

static int fail_text(struct ctl *c, enum ctl_exit code, const char *text)
{
    if (c->json) {
        CLEANUP(buf_done) struct buf out = BUF_INIT;
        struct jsonw w;

        jsonw_init(&w, &out);
        jsonw_object(&w);
        jsonw_kstr(&w, "error", exit_names[code]);
        jsonw_kstr(&w, "message", text);
        jsonw_object_end(&w);
        fprintf(stderr, "%s\n", buf_str(&out));
    } else {
        fprintf(stderr, "juxinctl: %s\n", text);
    }
    return code;
}

int ctl_fail(struct ctl *c, enum ctl_exit code, const char *format, ...)
{
    va_list args;
    char line[2048];

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return fail_text(c, code, line);
}

int ctl_fail_errno(struct ctl *c, int error, const char *what)
{
    switch (error) {
    case -ENOENT:
        return ctl_fail(c, CTL_NOT_FOUND, "%s: there is no such thing", what);
    case -EEXIST:
        return ctl_fail(c, CTL_REFUSED, "%s: it is there already", what);
    case -EACCES:
    case -EPERM:
        return ctl_fail(c, CTL_REFUSED, "%s: not permitted", what);
    case -EAGAIN:
    case -ECONNRESET:
    case -ECONNREFUSED:
    case -ETIMEDOUT:
        return ctl_fail(c, CTL_NO_DATABASE,
            "%s: the database does not answer; is it running, and are the connection strings under /database "
            "right?",
            what);
    case -ENOKEY:
        return ctl_fail(c, CTL_FAILED,
            "%s: %s cannot be read, and nothing is changed without an audit; run this as its owner", what,
            c->config->keys_file);
    case -EINPROGRESS:
        return ctl_fail(c, CTL_NO_DATABASE,
            "%s: the connection was lost while committing; look whether it happened before trying again",
            what);
    default:
        return ctl_fail(c, CTL_FAILED, "%s: %s", what, strerror(-error));
    }
}

int ctl_fail_call(struct ctl *c, const struct call *call, int error, const char *what)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT;
    const struct call_fault *f = &call->fault;

    if (!f->status) {
        const struct db_error *db = call->tx ? db_tx_error(call->tx) : NULL;

        if (error == -EIO && db && db->sqlstate[0])
            return ctl_fail(
                c, CTL_FAILED, "%s: the database refused it: %s (%s)", what, db->message, db->sqlstate);
        return ctl_fail_errno(c, error, what);
    }
    buf_addf(&text, "%s: %s", what, f->en ? f->en : f->code);
    for (const struct call_error *e = f->errors; e; e = e->next)
        buf_addf(&text, "\n  %s: %s (%s)", e->pointer ? e->pointer : "", e->en ? e->en : e->code, e->code);
    if (f->count > CALL_ERRORS_MAX)
        buf_addf(&text, "\n  … and %u more", f->count - CALL_ERRORS_MAX);
    return fail_text(c,
        f->status == 404   ? CTL_NOT_FOUND
        : f->status >= 500 ? CTL_FAILED
                           : CTL_REFUSED,
        buf_str(&text));
}

void ctl_say(struct ctl *c, const char *format, ...)
{
    va_list args;

    if (c->json)
        return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void ctl_progress(struct ctl *c, const char *format, ...)
{
    va_list args;

    if (c->json)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

bool ctl_confirm(struct ctl *c, const char *question)
{
    char answer[16];

    if (c->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        ctl_fail(c, CTL_REFUSED, "%s Say --yes to go ahead.", question);
        return false;
    }
    fprintf(stderr, "%s Type yes to go ahead: ", question);
    if (fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0)
        return true;
    fprintf(stderr, "Nothing was changed.\n");
    return false;
}
