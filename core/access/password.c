/* Password hashing and the rules for new passwords. */
#include "access/password.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "access/common_passwords.h"
#include "base/buf.h"
#include "base/digest.h"
#include "loop/helper.h"

#define COST_LN 17
#define BLOCK_R 8
#define SALT_LEN 16
#define MEMORY_MAX (256u << 20) /* OpenSSL's default refuses N=2^17 */

struct hash_job {
    char password[PASSWORD_BYTES_MAX];
    size_t len;
    struct password_parts parts;
    uint8_t out[32];
    int r;
};

static void run_job(void *arg)
{
    struct hash_job *j = arg;

    if (EVP_PBE_scrypt(j->password, j->len, j->parts.salt, j->parts.salt_len, 1ull << j->parts.ln, j->parts.r,
            j->parts.p, MEMORY_MAX, j->out, sizeof(j->out)) != 1) {
        ERR_clear_error();
        j->r = -ENOMEM;
    }
}

static int derive(struct text password, const struct password_parts *parts, uint8_t out[32])
{
    struct hash_job j = {.parts = *parts};
    int r;

    /* what is too long is refused when it is set, so here it can only be a wrong one: its beginning is as good */
    j.len = MIN(password.len, sizeof(j.password));
    if (j.len)
        memcpy(j.password, password.ptr, j.len);
    r = helper_run(HELPER_HASH, run_job, &j);
    if (r == 0)
        r = j.r;
    if (r == 0)
        memcpy(out, j.out, sizeof(j.out));
    OPENSSL_cleanse(&j, sizeof(j));
    return r;
}

static struct password_parts fresh_parts(void)
{
    struct password_parts p = {.ln = COST_LN, .r = BLOCK_R, .p = 1, .salt_len = SALT_LEN};

    random_bytes(p.salt, SALT_LEN);
    return p;
}

int password_hash(struct text password, struct password_encoded *ret)
{
    struct password_parts p = fresh_parts();
    struct buf b = BUF_INIT;
    int r = derive(password, &p, p.hash);

    if (r < 0)
        return r;
    buf_addf(&b, "$scrypt$ln=%u,r=%u,p=%u$", p.ln, p.r, p.p);
    base64url_add(&b, p.salt, p.salt_len);
    buf_addc(&b, '$');
    base64url_add(&b, p.hash, sizeof(p.hash));
    snprintf(ret->s, sizeof(ret->s), "%s", buf_str(&b));
    buf_done(&b);
    return 0;
}

static int parse_number(
    struct text *rest, const char *prefix, char sep, unsigned min, unsigned max, unsigned *ret)
{
    struct text t = text_split(rest, sep);
    int64_t v;

    if (!text_has_prefix(t, prefix) || text_to_i64(text_skip(t, strlen(prefix)), min, max, &v) < 0)
        return -EINVAL;
    *ret = (unsigned)v;
    return 0;
}

static int parse_bytes(struct text t, uint8_t *out, size_t min, size_t max, size_t *ret_len)
{
    struct buf b = BUF_INIT;
    int r = base64url_parse(t, &b);

    if (r == 0 && (b.len < min || b.len > max))
        r = -EINVAL;
    if (r == 0) {
        memcpy(out, b.data, b.len);
        *ret_len = b.len;
    }
    buf_done(&b);
    return r;
}

int password_parse(const char *encoded, struct password_parts *ret)
{
    struct password_parts p = {0};
    struct text rest = text_of(encoded);
    size_t len;

    if (!encoded || !text_has_prefix(rest, "$scrypt$"))
        return -EINVAL;
    rest = text_skip(rest, strlen("$scrypt$"));
    if (parse_number(&rest, "ln=", ',', 10, 17, &p.ln) < 0 ||
        parse_number(&rest, "r=", ',', 1, 8, &p.r) < 0 || parse_number(&rest, "p=", '$', 1, 4, &p.p) < 0)
        return -EINVAL;
    if (parse_bytes(text_split(&rest, '$'), p.salt, 8, sizeof(p.salt), &p.salt_len) < 0 || !rest.ptr)
        return -EINVAL;
    if (parse_bytes(rest, p.hash, sizeof(p.hash), sizeof(p.hash), &len) < 0)
        return -EINVAL;
    *ret = p;
    return 0;
}

int password_verify(struct text password, const char *encoded, bool *ret_match)
{
    struct password_parts p;
    uint8_t out[32];
    bool known = password_parse(encoded, &p) == 0, match;
    int r;

    if (!known)
        p = fresh_parts();
    r = derive(password, &p, out);
    if (r < 0)
        return r;
    match = secret_eq(out, p.hash, sizeof(out));
    OPENSSL_cleanse(out, sizeof(out));
    *ret_match = known && match;
    return 0;
}

/* ---- rules ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool contains_nocase(struct text in, struct text what)
{
    for (size_t at = 0; what.len && at + what.len <= in.len; at++) {
        size_t i = 0;

        while (i < what.len && lower(in.ptr[at + i]) == lower(what.ptr[i]))
            i++;
        if (i == what.len)
            return true;
    }
    return false;
}

static bool is_one_character(struct text t)
{
    for (size_t i = 1; i < t.len; i++) {
        if (t.ptr[i] != t.ptr[0])
            return false;
    }
    return true;
}

static bool is_common(struct text t)
{
    for (size_t i = 0; i < ARRAY_LEN(common_passwords); i++) {
        if (text_is_nocase(t, common_passwords[i]))
            return true;
    }
    return is_one_character(t);
}

const char *password_objection(struct text password, struct text login)
{
    if (!text_is_utf8(password) || memchr(password.ptr ? password.ptr : "", 0, password.len))
        return "not_text";
    if (password.len > PASSWORD_BYTES_MAX)
        return "too_long";
    if (text_chars(password) < 8)
        return "too_short";
    if (is_common(password))
        return "common";
    if (login.len >= 3 && contains_nocase(password, login))
        return "contains_login";
    return NULL;
}

static const struct objection {
    const char *code, *en, *zh;
} objections[] = {
    {"not_text", "The password must be UTF-8 text without NUL.", "密码必须是 UTF-8 文本，不能含空字符。"},
    {"too_long", "The password may have at most 512 bytes.", "密码最长 512 字节。"},
    {"too_short", "The password must have at least 8 characters; 15 or more are better.",
        "密码至少 8 个字符，建议 15 个以上。"},
    {"common", "This password is on every attacker's list; choose another.", "该密码过于常见，请换一个。"},
    {"contains_login", "The password must not contain the login.", "密码不能包含登录名。"},
};

const char *password_objection_en(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(objections); i++) {
        if (strcmp(objections[i].code, code) == 0)
            return objections[i].en;
    }
    return "The password is not accepted.";
}

const char *password_objection_zh(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(objections); i++) {
        if (strcmp(objections[i].code, code) == 0)
            return objections[i].zh;
    }
    return "密码不符合要求。";
}

struct password_generated password_generate(void)
{
    static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32: five bits a character */
    struct password_generated g;
    uint8_t bytes[20];

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        g.s[i] = set[bytes[i] & 31];
    g.s[sizeof(bytes)] = 0;
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return g;
}
