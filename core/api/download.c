/* Files to save. */
#include "api/download.h"

#include <errno.h>

#include "base/log.h"
#include "blob/blob.h"
#include "http/disposition.h"
#include "loop/source.h"

void download_headers(struct request *r, const char *name, bool is_shown)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    disposition_add(&b, is_shown, name);
    response_header(r->response, "Content-Disposition", "%s", buf_str(&b));
    response_header(
        r->response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
}

int download_open(
    struct call *c, const struct sha256 *digest, uint64_t first, uint64_t len, struct source **ret)
{
    int e = blob_store()->open(c->tenant->id, digest, first, len, ret);

    if (e == 0 || e == -ECANCELED || e == -EBUSY)
        return e;
    log_event(LOG_ERROR, "files.unreadable", LF_INT("tenant", c->tenant->id), LF_ERR(e));
    return call_fail(
        c, 503, "file_unavailable", "The file cannot be read at the moment.", "暂时无法读取该文件。");
}

int download(struct call *c, struct request *r, const char *media, const char *name,
    const struct sha256 *digest, uint64_t size)
{
    struct source *source;
    int e = download_open(c, digest, 0, size, &source);

    if (e < 0)
        return e;
    response_source(r, 200, media, source);
    download_headers(r, name, false);
    return 0;
}
