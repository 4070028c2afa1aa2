/* Names that people give their files. On the medium they stand nowhere. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/text.h"

#define FILE_NAME_CHARS_MAX 150

/* Is it one that may be shown and saved anywhere? 1 to 150 characters; no path, no line, control or direction characters,
 * no blanks around it, no dot in front or behind. */
bool file_name_is_good(struct text name);
/* "plan.pdf" to "plan (2).pdf" */
const char *file_name_numbered(struct arena *a, const char *name, uint32_t n);
