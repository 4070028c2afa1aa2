/* Exports: what a list shows, as a table to take away. Made by a job with the rights its maker has at that moment; its
 * maker's alone; gone when it expires. Whoever exports needs `export` at the units of the records, beside the right to read
 * them: what they may read and not export is left out, and counted. */
#pragma once

#include "base/digest.h"
#include "base/jsonw.h"
#include "resource/query/query.h"
#include "sheet/writer.h"

#define EXPORT_HOURS 24

struct export_input {
    const struct query_param *params; /* the list's */
    size_t param_count;
    const char *fields; /* names, comma-separated; NULL: all */
    enum sheet_format format;
    bool is_english;
};

struct export
{
    struct uuid id, job;
    const char *name; /* of the file */
    struct sha256 digest;
    uint64_t size;
    const char *units;
    bool is_ready;
};

/* Within call_begin … call_commit: checks what is asked for and queues the job. 400, 403 or 422 with the fault. */
MUSTCHECK int export_create(
    struct call *c, const struct resource *res, const struct export_input *in, struct export *ret);
/* The subject's own, not expired. 404. */
MUSTCHECK int export_find(struct call *c, const struct resource *res, struct uuid id, struct export *ret);
/* {"items": […]} newest first; or one. */
MUSTCHECK int export_list_write(struct call *c, const struct resource *res, struct jsonw *w);
MUSTCHECK int export_write(struct call *c, const struct resource *res, struct uuid id, struct jsonw *w);
/* Ends it before its time; in the call's unit of work. 404. */
MUSTCHECK int export_remove(struct call *c, const struct resource *res, struct uuid id);
/* 403 plugin_disabled while the plugin is off at a unit whose records are in it. */
MUSTCHECK int export_check_units(struct call *c, const struct resource *res, const struct export *e);
/* In the call's unit of work, before the content goes out. */
MUSTCHECK int export_note_download(struct call *c, const struct resource *res, const struct export *e);

void export_register(void); /* the kinds of jobs */
