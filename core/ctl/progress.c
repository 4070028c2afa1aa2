/* Progress of long commands, on standard error. */
#include "ctl/progress.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR 20
#define BAR_EVERY_MS 100
#define LINE_EVERY_MS 10000

void progress_begin(struct progress *p, struct ctl *c, uint64_t total)
{
    *p = (struct progress){.ctl = c, .total = total, .is_terminal = isatty(STDERR_FILENO) == 1};
    p->began_ms = p->shown_ms = clock_mono_ms();
}

/* On a terminal ten times a second; else at each tenth, or every ten seconds where the end is not known. */
static bool is_time(struct progress *p, uint64_t done)
{
    int64_t now = clock_mono_ms();
    uint64_t tenth = p->total ? done * 10 / p->total : 0;

    if (p->is_terminal ? now - p->shown_ms < BAR_EVERY_MS
                       : tenth == p->shown_tenth && (p->total || now - p->shown_ms < LINE_EVERY_MS))
        return false;
    p->shown_ms = now;
    p->shown_tenth = tenth;
    return true;
}

static void show(struct progress *p, uint64_t done, const char *format, va_list args)
{
    int64_t seconds = (clock_mono_ms() - p->began_ms) / 1000, left;
    unsigned percent = p->total ? (unsigned)(MIN(done, p->total) * 100 / p->total) : 0;

    if (p->is_terminal && p->total)
        fprintf(stderr, "\r[%.*s%.*s] ", (int)(percent * BAR / 100), "####################",
            (int)(BAR - percent * BAR / 100), "--------------------");
    else if (p->is_terminal)
        fputc('\r', stderr);
    if (p->total)
        fprintf(stderr, "%3u %%  ", percent);
    vfprintf(stderr, format, args);
    fprintf(stderr, "  %lld:%02lld", (long long)(seconds / 60), (long long)(seconds % 60));
    left = percent ? seconds * (100 - percent) / percent : 0;
    if (percent && percent < 100)
        fprintf(stderr, ", %lld:%02lld left", (long long)(left / 60), (long long)(left % 60));
    fputs(p->is_terminal ? "\033[K" : "\n", stderr);
}

void progress_at(struct progress *p, uint64_t done, const char *format, ...)
{
    va_list args;

    if (p->ctl->json || (p->total && done >= p->total) || !is_time(p, done))
        return; /* the end is progress_end's to show */
    va_start(args, format);
    show(p, done, format, args);
    va_end(args);
}

void progress_end(struct progress *p, uint64_t done, const char *format, ...)
{
    va_list args;

    if (p->ctl->json)
        return;
    va_start(args, format);
    show(p, done, format, args);
    va_end(args);
    if (p->is_terminal)
        fputc('\n', stderr);
}

void progress_clear(struct progress *p)
{
    if (!p->ctl->json && p->is_terminal)
        fputs("\r\033[K", stderr);
}
