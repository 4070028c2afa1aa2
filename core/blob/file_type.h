/* The kinds of files that may be attached, by what is in them. Whatever is not here is refused. */
#pragma once

#include "base/arena.h"
#include "base/base.h"

enum file_group { FILE_IMAGE, FILE_DOCUMENT, FILE_TEXT, FILE_ARCHIVE, FILE_AUDIO, FILE_VIDEO, FILE_GROUPS };
extern const char *const file_group_names[]; /* NULL at the end */

struct file_type {
    const char *media; /* "application/pdf" */
    enum file_group group;
    const char *extensions; /* "jpg,jpeg": the first is what a name gets that has none of them */
    bool is_passive;        /* a browser may show it inside a page: it can hold nothing that acts */
};

const struct file_type *file_type_find(const char *media); /* NULL */
/* The name, with the type's extension behind it unless it ends in one of them: what a file is called says what it is. */
const char *file_type_name(struct arena *a, const struct file_type *t, const char *name);
