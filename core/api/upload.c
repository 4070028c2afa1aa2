/* A file coming in. */
#include "api/upload.h"

#include <errno.h>

#include "base/mem.h"
#include "blob/media.h"
#include "http/disposition.h"
#include "http/intake.h"
#include "resource/beside/file_name.h"

#include <unistd.h>

#define PIECE (128u * 1024u)
/* One account's part of the places for uploads. */
#define SHARE 4

static uint32_t places = 64, taken;
static struct upload *under_way;

void upload_set_places(uint32_t n)
{
    places = n;
}

int upload_name(struct call *c, const struct request *r, const char **ret)
{
    struct text field = request_header(r, "Content-Disposition");
    int e = field.ptr ? disposition_parse(c->arena, field, ret) : -ENOENT;

    if (e == 0 && file_name_is_good(text_of(*ret)))
        return 0;
    if (e == -ENOENT)
        return call_fail_at(c, "Content-Disposition", "required",
            "attachment; filename*=UTF-8''… with the file's name (RFC 6266).",
            "应为 attachment; filename*=UTF-8''…，给出文件名（RFC 6266）。");
    return call_fail_at(c, "Content-Disposition", "file_name",
        "A name of 1 to 150 characters, without a path, / \\ : * ? \" < > |, control or direction "
        "characters, and without blanks or dots around it.",
        "文件名为 1 至 150 个字符，不含路径、/ \\ : * ? \" < > "
        "|、控制字符或方向控制字符，首尾不得为空格或句点。");
}

static int fail_busy(struct call *c)
{
    (void)call_fail(c, 503, "uploads_busy", "Too many files are being sent. Try again in a moment.",
        "正在上传的文件过多，请稍后重试。");
    c->fault.retry_after_s = 5;
    return -EINVAL;
}

/* A store that does not work is the operator's affair: it is logged, and told without its reasons. */
static int store_error(struct call *c, int error)
{
    if (error == -ECANCELED || (error == -EINVAL && c->fault.status))
        return error;
    if (error == -EBUSY)
        return fail_busy(c);
    if (error != -ENOSPC)
        log_event(LOG_ERROR, "files.unavailable", LF_ERR(error));
    if (error == -ENOSPC)
        (void)call_fail(c, 507, "storage_full",
            "There is no room for files left. Its operator has to make room; try again later.",
            "文件存储空间不足，请联系运维人员，稍后重试。");
    else
        (void)call_fail(c, 503, "files_unavailable", "Files cannot be stored at the moment. Try again later.",
            "暂时无法保存文件，请稍后重试。");
    c->fault.retry_after_s = 30;
    return -EINVAL;
}

static int fail_large(struct call *c, uint64_t most)
{
    return call_fail(c, 413, "file_too_large",
        arena_printf(c->arena, "A file here has at most %llu bytes.", (unsigned long long)most),
        arena_printf(c->arena, "此处文件不得超过 %llu 字节。", (unsigned long long)most));
}

/* A place, and the writer. */
static int begin(struct call *c, struct request *r, struct upload **ret)
{
    uint32_t own = 0;
    struct upload *u;
    int e;

    for (const struct upload *other = under_way; other; other = other->next)
        own += uuid_eq(other->account, c->who->account);
    if (taken >= places || own >= MAX(places / SHARE, 1u))
        return fail_busy(c);
    u = mem_zalloc(sizeof(*u));
    u->account = c->who->account;
    u->tenant = c->tenant->id;
    u->next = under_way;
    under_way = u;
    taken++;
    r->kept = u; /* from here on upload_end gives all of it back */
    e = blob_store()->begin(c->tenant->id, &u->content.writer);
    *ret = u;
    return e < 0 ? store_error(c, e) : 0;
}

static int receive(struct call *c, struct request *r, struct upload *u, uint64_t most)
{
    CLEANUP(mem_freep) char *piece = mem_alloc(PIECE);
    uint64_t total = 0;
    ssize_t n;
    int e;

    while ((n = request_read(r, piece, PIECE)) > 0) {
        total += (uint64_t)n;
        if (total > most)
            return fail_large(c, most);
        e = blob_store()->write(u->content.writer, piece, (size_t)n);
        if (e < 0)
            return store_error(c, e);
    }
    if (n < 0)
        return (int)n;
    if (total == 0)
        return call_fail_at(c, "", "empty_file", "A file with something in it.", "文件内容不能为空。");
    e = blob_store()->finish(u->content.writer, &u->content.digest, &u->content.size);
    return e < 0 ? store_error(c, e) : 0;
}

/* What the file is, by what is in it: nothing that its sender says counts. */
static int look(struct call *c, struct upload *u, uint32_t types)
{
    char media[MEDIA_TYPE_MAX] = "";
    int fd, e = blob_store()->look(u->content.writer, &fd);

    if (e == 0) {
        e = media_type(fd, media);
        close(fd);
    }
    if (e == -ETIMEDOUT)
        e = -EILSEQ;
    if (e < 0 && e != -EILSEQ)
        return store_error(c, e);
    u->type = e == 0 ? file_type_find(media) : NULL;
    if (!u->type || !(types >> u->type->group & 1))
        return call_fail(c, 415, "file_type",
            "This kind of file is not accepted here. What is in the file counts, not its name.",
            "此处不接受该类型的文件（以文件内容为准，与文件名无关）。");
    return 0;
}

/* A thumbnail is a convenience: where none can be made there is none. */
static int shrink(struct upload *u)
{
    CLEANUP(buf_done) struct buf picture = BUF_INIT;
    struct attachment_content *t = &u->thumbnail;
    int fd, e = blob_store()->look(u->content.writer, &fd);

    if (e < 0)
        return e;
    e = media_shrink(fd, u->type->media, &picture);
    close(fd);
    if (e == 0)
        e = blob_store()->begin(u->tenant, &t->writer);
    if (e == 0)
        e = blob_store()->write(t->writer, picture.data, picture.len);
    if (e == 0)
        e = blob_store()->finish(t->writer, &t->digest, &t->size);
    if (e < 0) {
        blob_store()->end(t->writer);
        t->writer = NULL;
    }
    return e == -ECANCELED ? e : 0;
}

static int take(struct call *c, struct request *r, struct upload *u, uint64_t most, uint32_t types)
{
    int e = receive(c, r, u, most);

    if (e < 0 || types == UPLOAD_ANY)
        return e;
    e = look(c, u, types);
    return e == 0 && media_can_shrink(u->type->media) ? shrink(u) : e;
}

/* The body comes once: what was made of it stands, however often the handler decides. */
int upload_take(struct call *c, struct request *r, uint64_t most, uint32_t types, struct upload **ret)
{
    struct upload *u = r->kept;
    int e = 0;

    if (u && u->is_over) {
        c->fault = u->fault;
        *ret = u;
        return u->result;
    }
    if (request_length(r) > 0 && (uint64_t)request_length(r) > most)
        return fail_large(c, most);
    if (!u)
        e = begin(c, r, &u);
    if (!u) /* there was no place */
        return e;
    if (e == 0)
        e = take(c, r, u, most, types);
    u->is_over = true;
    u->result = e;
    u->fault = c->fault;
    *ret = u;
    return e;
}

void upload_end(struct request *r)
{
    struct upload *u = r->kept;

    r->kept = NULL;
    if (!u)
        return;
    blob_store()->end(u->content.writer);
    blob_store()->end(u->thumbnail.writer);
    for (struct upload **at = &under_way; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    taken--;
    free(u);
}
