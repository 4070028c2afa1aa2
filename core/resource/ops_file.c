/* Reading and adding files for plugins. */
#include "resource/ops_file.h"

#include <errno.h>
#include <unistd.h>

#include "loop/helper.h"
#include "resource/beside/attachment.h"
#include "resource/beside/content.h"
#include "resource/beside/file_name.h"
#include "resource/declare/edition.h"
#include "resource/record/reader.h"

/* The record, as the one who asks may see it; locked in an open unit of work. */
static int find(struct call *c, const char *resource, struct uuid id, struct record **ret)
{
    const struct resource *res = edition_find(c->tenant, resource);

    if (!res || !res->attachments.max_count)
        return call_not_found(c);
    return record_fetch(c, res, id, c->tx != NULL, ret);
}

int op_file_list(struct call *c, const char *resource, struct uuid id, struct text *ret)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    struct record *rec;
    struct jsonw w;
    int r = find(c, resource, id, &rec);

    jsonw_init(&w, &b);
    if (r == 0)
        r = attachment_list_write(c, rec, &w);
    if (r == 0)
        *ret = (struct text){arena_ndup(c->arena, buf_str(&b), b.len), b.len};
    return r;
}

/* ---- reading ---- */

struct reading {
    char *out;
    size_t len;
    off_t offset;
    int fd, result;
};

/* On a helper thread. */
static void do_read(void *arg)
{
    struct reading *d = arg;
    size_t done = 0;
    ssize_t n = 1;

    while (done < d->len && n > 0) {
        n = pread(d->fd, d->out + done, d->len - done, d->offset + (off_t)done);
        done += n > 0 ? (size_t)n : 0;
    }
    d->result = n < 0 ? -errno : done < d->len ? -EIO : 0;
}

int op_file_read(struct call *c, const char *resource, struct uuid id, struct uuid file, uint64_t offset,
    uint64_t max, struct text *ret)
{
    struct reading d = {.offset = (off_t)offset};
    struct attachment a;
    struct record *rec;
    int r = find(c, resource, id, &rec);

    if (r == 0)
        r = attachment_find(c, rec, file, &a);
    if (r < 0)
        return r;
    d.len = offset < a.size ? (size_t)MIN(max, a.size - offset) : 0;
    d.out = arena_alloc(c->arena, d.len + 1);
    if (d.len) {
        r = blob_store()->file(c->tenant->id, &a.digest, &d.fd);
        if (r == 0) {
            r = helper_run(HELPER_FILE, do_read, &d);
            close(d.fd);
        }
        if (r == 0)
            r = d.result;
    }
    *ret = (struct text){d.out, d.len};
    return r == -EBUSY ? -EAGAIN : r;
}

/* ---- adding ---- */

static int take(struct call *c, const struct record *rec, struct text content, struct attachment_input *in)
{
    const struct attachments_rule *rule = &rec->res->attachments;
    int r;

    if (!file_name_is_good(text_of(in->name)))
        return call_fail_at(c, "/name", "file_name", "Not a name for a file.", "文件名不符合要求。");
    if (content.len == 0 || content.len > MIN(rule->max_bytes, content_limit()))
        return -E2BIG;
    r = blob_store()->begin(c->tenant->id, &in->content.writer);
    if (r == 0)
        r = blob_store()->write(in->content.writer, content.ptr, content.len);
    if (r == 0)
        r = blob_store()->finish(in->content.writer, &in->content.digest, &in->content.size);
    if (r < 0)
        return content_error(c, r);
    r = content_look(c, in->content.writer, rule->types, &in->type);
    return r < 0 ? r : content_shrink(c->tenant->id, in->content.writer, in->type, &in->thumbnail);
}

int op_file_add(struct call *c, const char *resource, struct uuid id, const char *name, struct text content,
    struct uuid *ret)
{
    struct attachment_input in = {.name = name};
    struct attachment made;
    struct record *rec;
    bool is_new;
    int r = call_begin(c);

    if (r == 0)
        r = find(c, resource, id, &rec);
    if (r == 0)
        r = attachment_may_add(c, rec);
    if (r == 0)
        r = take(c, rec, content, &in);
    if (r == 0)
        r = attachment_add(c, rec, &in, &made, &is_new);
    blob_store()->end(in.content.writer);
    blob_store()->end(in.thumbnail.writer);
    if (r == 0)
        *ret = made.id;
    return r;
}
