/* Contents of files as they come in. */
#include "resource/beside/content.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "blob/media.h"

static uint64_t limit = UINT64_C(104857600);

void content_set_limit(uint64_t bytes)
{
    limit = bytes;
}

uint64_t content_limit(void)
{
    return limit;
}

int content_busy(struct call *c)
{
    (void)call_fail(c, 503, "uploads_busy", "Too many files are being sent. Try again in a moment.",
        "正在上传的文件过多，请稍后重试。");
    c->fault.retry_after_s = 5;
    return -EINVAL;
}

/* A store that does not work is the operator's affair: it is logged, and told without its reasons. */
int content_error(struct call *c, int error)
{
    if (error == -ECANCELED || (error == -EINVAL && c->fault.status))
        return error;
    if (error == -EBUSY)
        return content_busy(c);
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

int content_look(struct call *c, struct blob_writer *w, uint32_t types, const struct file_type **ret)
{
    char media[MEDIA_TYPE_MAX] = "";
    int fd, e = blob_store()->look(w, &fd);

    if (e == 0) {
        e = media_type(fd, media);
        close(fd);
    }
    if (e == -ETIMEDOUT)
        e = -EILSEQ;
    if (e < 0 && e != -EILSEQ)
        return content_error(c, e);
    *ret = e == 0 ? file_type_find(media) : NULL;
    if (!*ret || !(types >> (*ret)->group & 1))
        return call_fail(c, 415, "file_type",
            "This kind of file is not accepted here. What is in the file counts, not its name.",
            "此处不接受该类型的文件（以文件内容为准，与文件名无关）。");
    return 0;
}

int content_shrink(
    int32_t tenant, struct blob_writer *w, const struct file_type *type, struct attachment_content *ret)
{
    CLEANUP(buf_done) struct buf picture = BUF_INIT;
    int fd, e;

    if (!media_can_shrink(type->media))
        return 0;
    e = blob_store()->look(w, &fd);
    if (e < 0)
        return e;
    e = media_shrink(fd, type->media, &picture);
    close(fd);
    if (e == 0)
        e = blob_store()->begin(tenant, &ret->writer);
    if (e == 0)
        e = blob_store()->write(ret->writer, picture.data, picture.len);
    if (e == 0)
        e = blob_store()->finish(ret->writer, &ret->digest, &ret->size);
    if (e < 0) {
        blob_store()->end(ret->writer);
        ret->writer = NULL;
    }
    return e == -ECANCELED ? e : 0;
}
