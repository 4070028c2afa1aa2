/* Faults of a declaration: where they are, and what was probably meant. */
#include "resource/declare/declaration_report.h"

#include <errno.h>
#include <stdarg.h>

#include "base/jsonpos.h"

void report_init(struct declaration_report *r, struct arena *a, struct text source)
{
    *r = (struct declaration_report){.arena = a, .source = source};
    r->tail = &r->first;
}

int report_add(
    struct declaration_report *r, const char *pointer, const char *suggestion, const char *format, ...)
{
    struct declaration_fault *f = arena_alloc(r->arena, sizeof(*f));
    char message[400];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    f->pointer = arena_dup(r->arena, pointer);
    f->message = arena_dup(r->arena, message);
    f->suggestion = arena_dup(r->arena, suggestion);
    if (r->source.ptr)
        json_position(r->source, pointer, &f->line, &f->column);
    *r->tail = f;
    r->tail = &f->next;
    r->count++;
    return -EINVAL;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[64], la = strlen(a), lb = strlen(b);

    if (la >= 64 || lb >= 64)
        return 64;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = MIN(change, MIN(row[j - 1], above) + 1);
            diagonal = above;
        }
    }
    return row[lb];
}

const char *report_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;

    for (; *known; known++) {
        size_t d = distance(word, *known);

        if (d < best_distance) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}

void report_unknown(
    struct declaration_report *r, const char *pointer, const json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        const char *near;
        bool found = false;

        for (const char *const *k = known; *k && !found; k++)
            found = strcmp(*k, key) == 0;
        if (found)
            continue;
        near = report_nearest(key, known);
        report_add(r, arena_printf(r->arena, "%s/%s", pointer, key),
            near ? arena_printf(r->arena, "did you mean \"%s\"?", near) : NULL, "unknown member \"%s\"", key);
    }
}
