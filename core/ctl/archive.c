/* What a backup is made of, and whether it is whole. */
#include "ctl/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"

static const char list_tables[] = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN "
                                  "pg_namespace n ON n.oid = c.relnamespace"
                                  " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND "
                                  "n.nspname <> 'information_schema' ORDER BY 1";

static int table_digest(struct admin *a, const char *table, json_t *list)
{
    CLEANUP(buf_done) struct buf sql = BUF_INIT;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    /* The name comes from format('%I.%I'). Sums of hashes: neither memory nor order of the rows matter. */
    buf_addf(&sql,
        "SELECT count(*), coalesce(sum(('x' || substr(h, 1, 15))::bit(60)::bigint::numeric), 0) || '-' ||"
        " coalesce(sum(('x' || substr(h, 17, 15))::bit(60)::bigint::numeric), 0)"
        " FROM (SELECT md5(t::text) AS h FROM %s t) s",
        table);
    r = admin_query(a, buf_str(&sql), NULL, &rows);
    if (r == 0)
        json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "table", table, "rows",
                                        (json_int_t)db_get_int(rows, 0, 0), "digest", db_get(rows, 0, 1)));
    return r;
}

int archive_tables(struct admin *a, json_t **ret)
{
    CLEANUP(db_rows_freep) struct db_rows *tables = NULL;
    json_t *list = json_array();
    int r = admin_query(a, list_tables, NULL, &tables);

    for (int i = 0; r == 0 && i < db_rows_count(tables); i++)
        r = table_digest(a, db_get(tables, i, 0), list);
    if (r < 0)
        json_decref(list);
    else
        *ret = list;
    return r;
}

static const json_t *find(const json_t *list, const char *table)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(
        (json_t *)list, i, entry) if (strcmp(json_str_or(entry, "table", ""), table) == 0) return entry;
    return NULL;
}

uint32_t archive_compare(const json_t *saved, const json_t *present, struct buf *out)
{
    const json_t *entry;
    uint32_t differ = 0;
    size_t i;

    json_array_foreach((json_t *)saved, i, entry)
    {
        const char *table = json_str_or(entry, "table", "?");
        const json_t *now = find(present, table);

        if (now && json_equal((json_t *)entry, (json_t *)now))
            continue;
        differ++;
        buf_addf(out, "\n  %s: %lld rows saved, %lld now", table, (long long)json_int_or(entry, "rows", 0),
            (long long)json_int_or(now, "rows", -1));
    }
    json_array_foreach((json_t *)present, i, entry)
    {
        if (find(saved, json_str_or(entry, "table", "")))
            continue;
        differ++;
        buf_addf(out, "\n  %s: not in the backup", json_str_or(entry, "table", "?"));
    }
    return differ;
}

static int digest_of(const char *path, struct sha256 *ret, int64_t *ret_bytes)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t chunk[65536];
    int64_t bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;
    ssize_t n = 1;

    if (r == 0 && (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1))
        r = -ENOMEM;
    while (r == 0 && n > 0) {
        n = read(fd, chunk, sizeof(chunk));
        if (n < 0)
            r = -errno;
        else if (EVP_DigestUpdate(md, chunk, (size_t)n) != 1)
            r = -EIO;
        bytes += n;
    }
    if (r == 0 && EVP_DigestFinal_ex(md, ret->b, NULL) != 1)
        r = -EIO;
    EVP_MD_CTX_free(md);
    if (fd >= 0)
        close(fd);
    *ret_bytes = bytes;
    return r;
}

json_t *archive_file(const char *dir, const char *name)
{
    CLEANUP(mem_freep) char *path = str_printf("%s/%s", dir, name);
    struct sha256 digest;
    int64_t bytes;

    if (digest_of(path, &digest, &bytes) < 0)
        return NULL;
    return json_pack(
        "{s:s, s:I, s:s}", "file", name, "bytes", (json_int_t)bytes, "sha256", sha256_format(&digest).s);
}

int archive_check(const char *dir, const json_t *entry)
{
    const char *name = json_str_or(entry, "file", "");
    json_t *now = name[0] && !strchr(name, '/') ? archive_file(dir, name) : NULL;
    int r = !now ? -ENOENT : json_equal((json_t *)entry, now) ? 0 : -EBADMSG;

    json_decref(now);
    return r;
}

int archive_copy(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out, r = 0;
    char chunk[65536];
    ssize_t n;

    if (in < 0)
        return -errno;
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        r = -errno;
    while (r == 0 && (n = read(in, chunk, sizeof(chunk))) != 0)
        if (n < 0 || write(out, chunk, (size_t)n) != n)
            r = n < 0 ? -errno : -EIO;
    if (r == 0 && fsync(out) < 0)
        r = -errno;
    close(in);
    if (out >= 0)
        close(out);
    return r;
}
