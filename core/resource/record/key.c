/* Import keys. */
#include "resource/record/key.h"

#include <errno.h>

#include "db/cipher.h"
#include "resource/record/secret.h"

#define MARK "="         /* a separator to search_tokens.c, so in no token of text */
#define KEY_BYTES_MAC 16 /* of 32: enough that no two keys meet */

static int add_value(
    struct call *c, const struct record *rec, const struct field *f, const char *value, struct buf *data)
{
    CLEANUP(secret_wipe) struct buf plain = BUF_INIT;
    int r = 0;

    if (f->is_sensitive && cipher_is_sealed(text_of(value)))
        r = secret_open_value(c, rec, f, value, &plain);
    else
        buf_adds(&plain, value);
    if (r == 0)
        buf_addf(data, "%zu:%s,", plain.len,
            buf_str(&plain)); /* the length before, so that no two keys have the same bytes */
    return r;
}

int key_token(struct call *c, const struct record *rec, const char *const *values, const char **ret)
{
    const struct resource *res = rec->res;
    CLEANUP(secret_wipe) struct buf data = BUF_INIT;
    struct sha256_text text;
    struct sha256 mac;
    int r = 0;

    *ret = NULL;
    for (uint32_t i = 0; i < res->import_key_count; i++)
        if (!values[res->import_key[i]])
            return 0;
    if (res->import_key_count == 0)
        return 0;
    buf_addf(&data, "%d,%s,", c->tenant->id, res->full_name);
    for (uint32_t i = 0; i < res->import_key_count && r == 0; i++)
        r = add_value(c, rec, &res->fields[res->import_key[i]], values[res->import_key[i]], &data);
    if (r == 0 && cipher_mac("import-key", buf_text(&data), &mac) < 0)
        r = call_fail(c, 503, "not_readable", "What records are told again by cannot be computed now.",
            "暂时无法计算查重标识。");
    if (r < 0)
        return r;
    text = sha256_format(&mac);
    *ret = arena_printf(c->arena, MARK "%.*s", 2 * KEY_BYTES_MAC, text.s);
    return 0;
}

const char *key_spec(struct arena *a, const struct resource *res)
{
    const char *s = "";

    for (uint32_t i = 0; i < res->import_key_count; i++)
        s = arena_printf(a, "%s %s%s", s, i ? "" : "key:", res->fields[res->import_key[i]].name);
    return *s ? arena_printf(a, "%s %s", s, cipher_key_id()) : s;
}
