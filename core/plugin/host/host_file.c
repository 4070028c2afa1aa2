/* Files beside records, through the engine above: by the record's permission, as whoever asks. */
#include <errno.h>

#include "plugin/host/cross.h"

#define NAME_BYTES 600
#define PIECE_MAX (1u << 20)

static int32_t give(struct text t, struct jx_text *ret, int32_t r)
{
    if (r == 0)
        *ret = host_text(t);
    return r;
}

static int32_t file_list(
    struct jx_call *call, uint32_t as, const char *resource, struct jx_id record, struct jx_text *ret)
{
    struct text json = {NULL, 0};
    struct crossing x;
    int r = host_cross(&x, call, as, resource, json);

    if (r < 0)
        return r;
    r = engine_ops()->file_list(call->c, x.resource, host_unid(record), &json);
    return give(json, ret, host_back(&x, call, r));
}

static int32_t file_read(struct jx_call *call, uint32_t as, const char *resource, struct jx_id record,
    struct jx_id file, uint64_t offset, uint64_t max, struct jx_text *ret)
{
    struct text content = {NULL, 0};
    struct crossing x;
    int r = host_cross(&x, call, as, resource, content);

    if (r < 0)
        return r;
    r = engine_ops()->file_read(
        call->c, x.resource, host_unid(record), host_unid(file), offset, MIN(max, PIECE_MAX), &content);
    return give(content, ret, host_back(&x, call, r));
}

static int32_t file_add(struct jx_call *call, uint32_t as, const char *resource, struct jx_id record,
    const char *name, struct jx_text content, struct jx_id *ret)
{
    const char *copy = name ? host_words(call->c->arena, name, NAME_BYTES) : NULL;
    struct uuid id = UUID_NIL;
    struct crossing x;
    int r;

    if (!copy || !content.ptr || content.len > JX_FILE_MAX)
        return content.len > JX_FILE_MAX ? JX_E2BIG : JX_EINVAL;
    r = host_cross_to_write(&x, call, as, resource, host_untext(content));
    if (r < 0)
        return r;
    r = host_back(
        &x, call, engine_ops()->file_add(call->c, x.resource, host_unid(record), copy, x.text, &id));
    if (r == 0 && ret)
        *ret = host_id(id);
    return r;
}

const struct jx_file_api host_file = {
    .size = sizeof(host_file),
    .list = file_list,
    .read = file_read,
    .add = file_add,
};
