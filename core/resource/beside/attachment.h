/* Files beside a record. Whoever may read the record may read them; who may change it by `attach` adds and removes them.
 * All of it in the call's unit of work, but the contents: those are in the store (blob/blob.h) before their rows are. */
#pragma once

#include "base/digest.h"
#include "base/jsonw.h"
#include "blob/blob.h"
#include "blob/file_type.h"
#include "resource/record/record.h"

struct attachment {
    struct uuid id;
    const char *name;
    const struct file_type *type; /* NULL: of a kind this server does not know any more */
    struct sha256 digest;
    uint64_t size;
    bool has_thumbnail;
    struct sha256 thumbnail;
    uint64_t thumbnail_size;
};

/* May the caller add files now? 0; 403; 409 when the record is closed or has as many as it may. */
MUSTCHECK int attachment_may_add(struct call *c, const struct record *rec);

struct attachment_content {
    struct sha256 digest;
    uint64_t size;
    struct blob_writer *writer; /* finished; placed by attachment_add. NULL: there is none */
};

struct attachment_input {
    const char *name;
    const struct file_type *type;
    struct attachment_content content, thumbnail;
};
/* Within call_begin … call_commit, with the record locked. A name that the record has already gets a number, unless the
 * content is the same too: then the file is there, and *ret_is_new says so. */
MUSTCHECK int attachment_add(struct call *c, const struct record *rec, const struct attachment_input *in,
    struct attachment *ret, bool *ret_is_new);
/* 404 when the record has no such file. */
MUSTCHECK int attachment_find(
    struct call *c, const struct record *rec, struct uuid id, struct attachment *ret);
/* As attachment_add. Who may add may remove what they added; with `delete` at the unit, whatever there is. */
MUSTCHECK int attachment_remove(struct call *c, const struct record *rec, struct uuid id);

/* {"items": […]}, oldest first; or the one with that id, 404 without it. */
MUSTCHECK int attachment_list_write(struct call *c, const struct record *rec, struct jsonw *w);
MUSTCHECK int attachment_write(struct call *c, const struct record *rec, struct uuid id, struct jsonw *w);
