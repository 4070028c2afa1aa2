/* Contents going out whole, as files to save. */
#pragma once

#include "api/dispatch.h"
#include "base/digest.h"

/* The answer: a file of that name, which no browser opens in a page. 503 with the fault when it cannot be read. */
MUSTCHECK int download(struct call *c, struct request *r, const char *media, const char *name,
    const struct sha256 *digest, uint64_t size);
/* A file to save: its name, and that nothing of it runs here. */
void download_headers(struct request *r, const char *name);

#define MEDIA_XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#define MEDIA_CSV "text/csv; charset=utf-8"
