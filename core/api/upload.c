/* A file coming in. */
#include "api/upload.h"

#include <errno.h>

#include "base/mem.h"
#include "http/disposition.h"
#include "http/intake.h"
#include "resource/beside/content.h"
#include "resource/beside/file_name.h"

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
        return content_busy(c);
    u = mem_zalloc(sizeof(*u));
    u->account = c->who->account;
    u->tenant = c->tenant->id;
    u->next = under_way;
    under_way = u;
    taken++;
    r->kept = u; /* from here on upload_end gives all of it back */
    e = blob_store()->begin(c->tenant->id, &u->content.writer);
    *ret = u;
    return e < 0 ? content_error(c, e) : 0;
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
            return content_error(c, e);
    }
    if (n < 0)
        return (int)n;
    if (total == 0)
        return call_fail_at(c, "", "empty_file", "A file with something in it.", "文件内容不能为空。");
    e = blob_store()->finish(u->content.writer, &u->content.digest, &u->content.size);
    return e < 0 ? content_error(c, e) : 0;
}

static int take(struct call *c, struct request *r, struct upload *u, uint64_t most, uint32_t types)
{
    int e = receive(c, r, u, most);

    if (e < 0 || types == UPLOAD_ANY)
        return e;
    e = content_look(c, u->content.writer, types, &u->type);
    return e < 0 ? e : content_shrink(u->tenant, u->content.writer, u->type, &u->thumbnail);
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
