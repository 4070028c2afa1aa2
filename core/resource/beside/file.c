/* The row of a content. */
#include "resource/beside/file.h"

/* wanted_at last of all: whoever collects has looked at it under the same lock. */
static const struct db_stmt want = {"file.want",
    "INSERT INTO juxin.file (tenant_id, sha256, size, wanted_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, sha256) DO UPDATE SET wanted_at = EXCLUDED.wanted_at"};

const char *file_hex(struct arena *a, const struct sha256 *digest)
{
    struct buf b = BUF_INIT;
    char *s;

    hex_add(&b, digest->b, SHA256_LEN);
    s = arena_dup(a, buf_str(&b));
    buf_done(&b);
    return s;
}

int file_keep(struct call *c, struct blob_writer *finished, const struct sha256 *digest, uint64_t size)
{
    struct db_args a;
    int r;

    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_str(&a, file_hex(c->arena, digest));
    db_arg_int(&a, (int64_t)size);
    db_arg_time(&a, c->now_us);
    r = db_exec(c->tx, want, &a, NULL);
    return r < 0 ? r : blob_store()->place(finished);
}
