/* Faults of a declaration, found by pointer in its text. For declaration*.c and `plugin check`. */
#pragma once

#include "resource/declare/declaration.h"

void report_init(struct declaration_report *r, struct arena *a, struct text source);
/* Adds a fault; returns -EINVAL. suggestion may be NULL. */
int report_add(struct declaration_report *r, const char *pointer, const char *suggestion, const char *format,
    ...) PRINTF_LIKE(4, 5);
/* Says which member of `object` is not among `known` (NULL-terminated), with the nearest known one. */
void report_unknown(
    struct declaration_report *r, const char *pointer, const json_t *object, const char *const *known);
/* The known word nearest to a misspelt one, or NULL when none is near. */
const char *report_nearest(const char *word, const char *const *known);
