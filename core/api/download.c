/* Files to save. */
#include "api/download.h"

#include <errno.h>

#include "base/log.h"
#include "blob/blob.h"
#include "http/disposition.h"
#include "loop/source.h"

void download_headers(struct request *r, const char *name)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;

    disposition_add(&b, false, name);
    response_header(r->response, "Content-Disposition", "%s", buf_str(&b));
    response_header(
        r->response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
}

int download(struct call *c, struct request *r, const char *media, const char *name,
    const struct sha256 *digest, uint64_t size)
{
    struct source *source;
    int e = blob_store()->open(c->tenant->id, digest, 0, size, &source);

    if (e == -ECANCELED || e == -EBUSY)
        return e;
    if (e < 0) {
        log_event(LOG_ERROR, "files.unreadable", LF_INT("tenant", c->tenant->id), LF_ERR(e));
        return call_fail(
            c, 503, "file_unavailable", "The file cannot be read at the moment.", "暂时无法读取该文件。");
    }
    response_source(r, 200, media, source);
    download_headers(r, name);
    return 0;
}
