/* JSON reader: a scan that enforces the limits, then jansson. */
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define POINTER_MAX 200 /* bytes of a name in a pointer */

/* jansson says "not JSON", "no such member" or nothing at all when memory runs out; so it gets none of that. */
__attribute__((constructor)) static void use_our_memory(void)
{
    json_set_alloc_funcs(mem_alloc, free);
}

static int refuse(struct text in, size_t offset, const char *message, int error, struct json_fault *fault)
{
    if (fault) {
        *fault = (struct json_fault){message, offset, 1, 1};
        for (size_t i = 0; i < offset && i < in.len; i++) {
            fault->column++;
            if (in.ptr[i] == '\n') {
                fault->line++;
                fault->column = 1;
            }
        }
    }
    return error;
}

/* Counts depth and tokens without allocating. It need not be a full parser: what it lets through jansson still reads. */
static int within_limits(struct text in, struct json_limits limits, struct json_fault *fault)
{
    uint32_t depth = 0, tokens = 0;
    bool in_string = false, in_word = false;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':') {
            in_word = false;
            continue;
        }
        if (c == '}' || c == ']') {
            in_word = false;
            depth -= depth > 0;
            continue;
        }
        if (c == '{' || c == '[') {
            if (++depth > limits.depth)
                return refuse(in, i, "nested too deeply", -E2BIG, fault);
        } else if (c == '"') {
            in_string = true;
        } else if (in_word) {
            continue;
        }
        in_word = c != '{' && c != '[' && c != '"';
        if (++tokens > limits.tokens)
            return refuse(in, i, "too many values", -E2BIG, fault);
    }
    return 0;
}

/* What jansson did not take: no JSON, or JSON that says what nothing here can hold. */
static int refuse_parsed(struct text in, const json_error_t *error, struct json_fault *fault)
{
    size_t at = error->position > 0 ? (size_t)error->position : 0;

    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return refuse(in, at, "a key occurs twice in one object", -EDOM, fault);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return refuse(in, at, "a string contains U+0000", -EDOM, fault);
    case json_error_numeric_overflow:
        return refuse(in, at, "a number is out of range", -EINVAL, fault);
    default:
        return refuse(in, at, "not well-formed JSON", -EINVAL, fault);
    }
}

int json_parse(struct text in, struct json_limits limits, json_t **ret, struct json_fault *fault)
{
    const char *nul = in.len ? memchr(in.ptr, '\0', in.len) : NULL;
    json_error_t error;
    json_t *value;
    int r;

    /* Nowhere allowed, but jansson would pass over one behind a number. */
    if (nul)
        return refuse(in, (size_t)(nul - in.ptr), "not well-formed JSON", -EINVAL, fault);
    if (!text_is_utf8(in))
        return refuse(in, 0, "not well-formed UTF-8", -EINVAL, fault);
    r = within_limits(in, limits, fault);
    if (r < 0)
        return r;
    value = json_loadb(in.ptr ? in.ptr : "", in.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value)
        return refuse_parsed(in, &error, fault);
    *ret = value;
    return 0;
}

int json_read_file(const char *path, size_t max_bytes, json_t **ret, struct json_fault *fault)
{
    struct buf content = BUF_INIT;
    struct json_limits limits = {32, 20000000};
    int fd, r;

    if (fault)
        *fault = (struct json_fault){"cannot be read", 0, 0, 0};
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = file_take(fd, max_bytes, &content);
    close(fd);
    if (r == 0)
        r = json_parse(buf_text(&content), limits, ret, fault);
    if (r == -EDOM) /* told apart for clients only */
        r = -EINVAL;
    buf_done(&content);
    return r;
}

const char *json_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *json_str_or(const json_t *object, const char *key, const char *fallback)
{
    const char *s = json_str(object, key);

    return s ? s : fallback;
}

int64_t json_int_or(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *v = json_object_get(object, key);

    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool json_bool_or(const json_t *object, const char *key, bool fallback)
{
    const json_t *v = json_object_get(object, key);

    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

const char *json_pointer(struct arena *a, const char *key)
{
    struct text name = text_cut(text_of(key), POINTER_MAX);
    char *out = arena_alloc(a, name.len * 2 + 2), *p = out;

    *p++ = '/';
    for (size_t i = 0; i < name.len; i++) {
        bool is_special = name.ptr[i] == '~' || name.ptr[i] == '/';

        if (is_special)
            *p++ = '~';
        *p++ = !is_special ? name.ptr[i] : name.ptr[i] == '~' ? '0' : '1';
    }
    return out;
}
