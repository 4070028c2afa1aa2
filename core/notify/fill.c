/* Filling in, and escaping by kind. */
#include "notify/fill.h"

#include <errno.h>

static int add_json(const json_t *value, struct buf *out)
{
    char *s = json_dumps(value, JSON_COMPACT);

    if (!s)
        return -ENOMEM;
    buf_adds(out, s);
    free(s);
    return 0;
}

static int add_member(const struct filling *f, const json_t *object, struct text name, struct buf *out)
{
    char key[64];
    const char *value;

    if (name.len == 0 || name.len >= sizeof(key))
        return -EINVAL;
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    value = json_str(object, key);
    if (!value && !(f->is_check && object == f->params))
        return -EINVAL;
    buf_adds(out, value ? value : "");
    return 0;
}

static int add_place(const struct filling *f, struct text name, struct buf *out)
{
    if (text_is(name, "to"))
        buf_adds(out, f->to ? f->to : "");
    else if (text_is(name, "template"))
        buf_adds(out, f->template ? f->template : "");
    else if (text_is(name, "id"))
        buf_adds(out, f->id ? f->id : "");
    else if (text_is(name, "timestamp"))
        buf_addf(out, "%lld", (long long)(f->now_us / 1000000));
    else if (text_is(name, "timestamp_ms"))
        buf_addf(out, "%lld", (long long)(f->now_us / 1000));
    else if (text_is(name, "params"))
        return add_json(f->params, out);
    else if (text_has_prefix(name, "param."))
        return add_member(f, f->params, text_skip(name, 6), out);
    else if (text_has_prefix(name, "secret."))
        return add_member(f, f->secrets, text_skip(name, 7), out);
    else
        return -EINVAL;
    return 0;
}

int fill_text(const struct filling *f, const char *text, struct buf *out)
{
    const char *at = text, *open, *close;
    int r;

    while ((open = strchr(at, '{'))) {
        buf_add(out, at, (size_t)(open - at));
        if (open[1] == '{') {
            buf_addc(out, '{');
            at = open + 2;
            continue;
        }
        close = strchr(open, '}');
        r = close ? add_place(f, (struct text){open + 1, (size_t)(close - open - 1)}, out) : -EINVAL;
        if (r < 0)
            return r;
        at = close + 1;
    }
    buf_adds(out, at);
    return 0;
}

static json_t *values_of(const json_t *params)
{
    json_t *list = json_array();
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)params, key, value) json_array_append(list, value);
    return list;
}

static int fill_string(const struct filling *f, const char *text, json_t **ret)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    int r;

    if (strcmp(text, "{params:object}") == 0) {
        *ret = json_deep_copy(f->params);
        return *ret ? 0 : -ENOMEM;
    }
    if (strcmp(text, "{params:list}") == 0) {
        *ret = values_of(f->params);
        return *ret ? 0 : -ENOMEM;
    }
    r = fill_text(f, text, &b);
    if (r < 0)
        return r;
    *ret = json_stringn(buf_str(&b), b.len); /* NULL for what is no UTF-8 */
    return *ret ? 0 : -EINVAL;
}

static int fill_object(const struct filling *f, const json_t *value, json_t **ret)
{
    json_t *made = json_object(), *one, *filled;
    const char *key;
    int r = 0;

    json_object_foreach((json_t *)value, key, one)
    {
        r = fill_json(f, one, &filled);
        if (r < 0)
            break;
        json_object_set_new(made, key, filled); /* steals */
    }
    if (r < 0)
        json_decref(made);
    else
        *ret = made;
    return r;
}

static int fill_array(const struct filling *f, const json_t *value, json_t **ret)
{
    json_t *made = json_array(), *one, *filled;
    size_t i;
    int r = 0;

    json_array_foreach(value, i, one)
    {
        r = fill_json(f, one, &filled);
        if (r < 0)
            break;
        json_array_append_new(made, filled); /* steals */
    }
    if (r < 0)
        json_decref(made);
    else
        *ret = made;
    return r;
}

/* As deep as the settings are, which json_parse limits. */
int fill_json(const struct filling *f, const json_t *value, json_t **ret)
{
    if (json_is_string(value))
        return fill_string(f, json_string_value(value), ret);
    if (json_is_object(value))
        return fill_object(f, value, ret);
    if (json_is_array(value))
        return fill_array(f, value, ret);
    *ret = json_deep_copy(value);
    return *ret ? 0 : -ENOMEM;
}

void fill_urlencode(struct buf *out, struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        (c && strchr("-._~", c));

        if (is_plain)
            buf_addc(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}

int fill_form(const struct filling *f, const json_t *object, struct buf *out)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        CLEANUP(buf_done) struct buf b = BUF_INIT;
        int r = json_is_string(value) ? fill_text(f, json_string_value(value), &b) : -EINVAL;

        if (r < 0)
            return r;
        if (out->len)
            buf_addc(out, '&');
        fill_urlencode(out, text_of(key));
        buf_addc(out, '=');
        fill_urlencode(out, buf_text(&b));
    }
    return 0;
}

/* One step of a pointer, unescaped; -EINVAL when it is too long. */
static int step_name(struct text part, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];

        if (c == '~' && i + 1 < part.len)
            c = part.ptr[++i] == '1' ? '/' : '~';
        if (n + 1 == size)
            return -EINVAL;
        out[n++] = c;
    }
    out[n] = '\0';
    return 0;
}

const json_t *json_at(const json_t *value, const char *pointer)
{
    struct text rest = text_of(pointer);
    char name[100];

    if (rest.len == 0)
        return value;
    if (text_split(&rest, '/').len != 0)
        return NULL;
    while (rest.ptr && value) {
        int64_t n;

        if (step_name(text_split(&rest, '/'), name, sizeof(name)) < 0)
            return NULL;
        if (json_is_array(value))
            value = text_to_i64(text_of(name), 0, 1000000, &n) == 0 ? json_array_get(value, (size_t)n) : NULL;
        else
            value = json_object_get(value, name);
    }
    return value;
}
