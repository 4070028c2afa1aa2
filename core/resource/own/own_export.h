/* Everything held about a person as one file, made by a job; theirs alone, and gone after a day. Filed with the exports of lists. */
#pragma once

#include "access/job.h"
#include "base/digest.h"
#include "base/jsonw.h"

/* Within call_begin … call_commit. 409 while five are being made. */
MUSTCHECK int own_export_create(struct call *c, bool is_json, bool is_english, struct uuid *ret_id);
/* {"items": […]} newest first; or one: 404. */
MUSTCHECK int own_export_list_write(struct call *c, struct jsonw *w);
MUSTCHECK int own_export_write(struct call *c, struct uuid id, struct jsonw *w);

struct own_file {
    const char *name;
    bool is_json;
    struct sha256 digest;
    uint64_t size;
};
/* 404; 409 while it is being made. Notes the download in the call's unit of work. */
MUSTCHECK int own_export_take(struct call *c, struct uuid id, struct own_file *ret);

void own_export_register(void); /* the kind of job */
