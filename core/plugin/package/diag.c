/* Collecting errors of declarations. */
#include "plugin/package/diag.h"

#include <stdarg.h>

#include "base/jsonpos.h"

void diags_init(struct diags *d, struct arena *a)
{
    *d = (struct diags){.arena = a};
    d->tail = &d->first;
}

static void add(struct diags *d, const char *file, uint32_t line, const char *pointer, const char *suggestion,
    const char *format, va_list args)
{
    struct diag *e;
    char message[512];

    if (d->count++ >= DIAGS_MAX)
        return;
    vsnprintf(message, sizeof(message), format, args);
    e = arena_alloc(d->arena, sizeof(*e));
    *e = (struct diag){.file = arena_dup(d->arena, file),
        .line = line,
        .pointer = arena_dup(d->arena, pointer),
        .message = arena_dup(d->arena, message),
        .suggestion = arena_dup(d->arena, suggestion)};
    *d->tail = e;
    d->tail = &e->next;
}

void diag_add(struct diags *d, const struct diag_file *f, const char *pointer, const char *suggestion,
    const char *format, ...)
{
    uint32_t line, column;
    va_list args;

    json_position(f->source, pointer, &line, &column);
    va_start(args, format);
    add(d, f->name, f->source.len > 0 ? line : 0, pointer, suggestion, format, args);
    va_end(args);
}

void diag_line(
    struct diags *d, const char *file, uint32_t line, const char *suggestion, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(d, file, line, "", suggestion, format, args);
    va_end(args);
}

const char *diag_text(struct arena *a, const struct diag *e)
{
    const char *place = e->line ? arena_printf(a, "%s:%u", e->file, e->line) : e->file;
    const char *hint = e->suggestion ? arena_printf(a, " (did you mean \"%s\"?)", e->suggestion) : "";

    return arena_printf(a, "%s: %s%s%s%s", place, e->pointer, e->pointer[0] ? ": " : "", e->message, hint);
}

#define WORD_MAX 64

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];

            row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

const char *diag_closest(const char *word, const char *const *candidates)
{
    size_t len = strlen(word), best = SIZE_MAX;
    const char *found = NULL;

    if (len > WORD_MAX)
        return NULL;
    for (; *candidates; candidates++) {
        size_t other = strlen(*candidates), n;

        if (other > WORD_MAX)
            continue;
        n = distance(word, len, *candidates, other);
        if (n < best && n <= 1 + MAX(len, other) / 3) {
            best = n;
            found = *candidates;
        }
    }
    return found;
}

static const char *type_name(json_type t)
{
    static const char *const names[] = {[JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a fraction",
        [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",
        [JSON_NULL] = "null"};

    return names[t];
}

static const char *types_text(struct arena *a, uint32_t types)
{
    const char *text = "";

    for (uint32_t t = 0; t <= JSON_NULL; t++)
        if (types & 1u << t)
            text = arena_printf(a, "%s%s%s", text, text[0] ? " or " : "", type_name((json_type)t));
    return text;
}

static const struct diag_member *member_of(const struct diag_member *members, const char *key)
{
    for (; members->name; members++)
        if (strcmp(members->name, key) == 0)
            return members;
    return NULL;
}

static const char *closest_member(const struct diag_member *members, const char *key)
{
    const char *names[64];
    size_t n = 0;

    for (; members->name && n < ARRAY_LEN(names) - 1; members++)
        names[n++] = members->name;
    names[n] = NULL;
    return diag_closest(key, names);
}

bool diag_object(struct diags *d, const struct diag_file *f, const char *pointer, const json_t *value,
    const struct diag_member *members)
{
    uint32_t before = d->count;
    const char *key;
    json_t *member;

    if (!json_is_object(value)) {
        diag_add(d, f, pointer, NULL, "found %s, expected an object",
            value ? type_name(json_typeof(value)) : "nothing");
        return false;
    }
    json_object_foreach((json_t *)value, key, member)
    {
        const struct diag_member *m = member_of(members, key);
        const char *at = arena_printf(d->arena, "%s/%s", pointer, key);

        if (key[0] == '$' || strcmp(key, "//") == 0)
            continue; /* "$schema" and comments */
        if (!m)
            diag_add(d, f, at, closest_member(members, key), "unknown member \"%.60s\"", key);
        else if (!(m->types & 1u << json_typeof(member)))
            diag_add(d, f, at, NULL, "found %s, expected %s", type_name(json_typeof(member)),
                types_text(d->arena, m->types));
    }
    for (; members->name; members++)
        if (members->is_required && !json_object_get(value, members->name))
            diag_add(d, f, pointer, NULL, "the member \"%s\" is missing", members->name);
    return d->count == before;
}
