/* What is wrong with a declaration, for its author: file, line, JSON Pointer, what was found, what is accepted, and the
 * closest thing that would have been right. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/json.h"
#include "base/text.h"

#define DIAGS_MAX 100 /* further ones are counted, not kept */

struct diag {
    struct diag *next;
    const char *file;
    uint32_t line;       /* 0: the file as a whole */
    const char *pointer; /* "" for the whole document */
    const char *message;
    const char *suggestion; /* NULL */
};

struct diags {
    struct arena *arena;
    struct diag *first, **tail;
    uint32_t count;
};

void diags_init(struct diags *d, struct arena *a);

/* A file under check: its name for messages and its text, from which lines are found. */
struct diag_file {
    const char *name;
    struct text source;
};

void diag_add(struct diags *d, const struct diag_file *f, const char *pointer, const char *suggestion,
    const char *format, ...) PRINTF_LIKE(5, 6);
void diag_line(struct diags *d, const char *file, uint32_t line, const char *suggestion, const char *format,
    ...) PRINTF_LIKE(5, 6);
/* "file:line: pointer: message (did you mean \"x\"?)" */
const char *diag_text(struct arena *a, const struct diag *e);

/* The candidate a writer may have meant; NULL when none is near. candidates: NULL-terminated. */
const char *diag_closest(const char *word, const char *const *candidates);

/* Members an object may have; types are a mask of 1 << json_type. Terminated by a NULL name. */
struct diag_member {
    const char *name;
    uint32_t types;
    bool is_required;
};
#define DIAG_STRING (1u << JSON_STRING)
#define DIAG_OBJECT (1u << JSON_OBJECT)
#define DIAG_ARRAY (1u << JSON_ARRAY)
#define DIAG_INTEGER (1u << JSON_INTEGER)
#define DIAG_BOOL (1u << JSON_TRUE | 1u << JSON_FALSE)

/* Reports unknown, missing and wrongly typed members; true when there were none. Non-objects are reported too. */
bool diag_object(struct diags *d, const struct diag_file *f, const char *pointer, const json_t *value,
    const struct diag_member *members);
