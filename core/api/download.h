/* Contents of files going out. */
#pragma once

#include "api/dispatch.h"
#include "base/digest.h"

struct source;

/* `len` bytes of a content from `first` on, for response_source, which closes it. 503 with the fault when it cannot be read.
 * Suspends. */
MUSTCHECK int download_open(
    struct call *c, const struct sha256 *digest, uint64_t first, uint64_t len, struct source **ret);
/* The name, and that whatever is in it, nothing of it runs here; a file to save unless `is_shown`. */
void download_headers(struct request *r, const char *name, bool is_shown);
/* The answer: the whole content, as a file to save. As download_open. */
MUSTCHECK int download(struct call *c, struct request *r, const char *media, const char *name,
    const struct sha256 *digest, uint64_t size);

#define MEDIA_XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#define MEDIA_DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
#define MEDIA_CSV "text/csv; charset=utf-8"
