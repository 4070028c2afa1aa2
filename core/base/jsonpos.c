/* A scanner that skips what the pointer does not name. */
#include "base/jsonpos.h"

struct scan {
    struct text in;
    size_t at;
};

static void skip_blank(struct scan *s)
{
    while (s->at < s->in.len && strchr(" \t\r\n", s->in.ptr[s->at]))
        s->at++;
}

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->in.len && s->in.ptr[s->at] != '"'; s->at++)
        if (s->in.ptr[s->at] == '\\')
            s->at++;
    s->at = MIN(s->at + 1, s->in.len);
}

/* Past one value of any kind, counting brackets rather than recursing. */
static void skip_value(struct scan *s)
{
    uint32_t depth = 0;

    do {
        char c;

        skip_blank(s);
        if (s->at >= s->in.len)
            return;
        c = s->in.ptr[s->at];
        if (c == '"') {
            skip_string(s);
        } else if (c == '{' || c == '[') {
            depth++;
            s->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return;
            depth--;
            s->at++;
        } else if (c == ',' || c == ':') {
            if (depth == 0)
                return;
            s->at++;
        } else {
            while (s->at < s->in.len && !strchr(" \t\r\n,:]}[{\"", s->in.ptr[s->at]))
                s->at++;
        }
    } while (depth > 0);
}

static bool segment_is(struct text segment, struct text key)
{
    size_t k = 0;

    for (size_t i = 0; i < segment.len; i++, k++) {
        char c = segment.ptr[i];

        if (c == '~' && i + 1 < segment.len)
            c = segment.ptr[++i] == '1' ? '/' : '~';
        if (k >= key.len || key.ptr[k] != c)
            return false;
    }
    return k == key.len;
}

/* At '{': moves to the key's value and leaves the key's place in *key_at; false when there is no such key. */
static bool enter_member(struct scan *s, struct text segment, size_t *key_at)
{
    s->at++;
    for (;;) {
        size_t begin;
        struct text key;

        skip_blank(s);
        if (s->at >= s->in.len || s->in.ptr[s->at] != '"')
            return false;
        begin = s->at;
        skip_string(s);
        key = (struct text){s->in.ptr + begin + 1, s->at - begin - (s->at - begin >= 2 ? 2 : 1)};
        skip_blank(s);
        if (s->at < s->in.len)
            s->at++; /* the colon */
        if (segment_is(segment, key)) {
            skip_blank(s);
            *key_at = begin;
            return true;
        }
        skip_value(s);
        skip_blank(s);
        if (s->at >= s->in.len || s->in.ptr[s->at] != ',')
            return false;
        s->at++;
    }
}

static bool enter_element(struct scan *s, struct text segment)
{
    int64_t index;

    if (text_to_i64(segment, 0, INT32_MAX, &index) < 0)
        return false;
    s->at++;
    for (; index > 0; index--) {
        skip_value(s);
        skip_blank(s);
        if (s->at >= s->in.len || s->in.ptr[s->at] != ',')
            return false;
        s->at++;
    }
    skip_blank(s);
    return s->at < s->in.len && s->in.ptr[s->at] != ']';
}

void json_position(struct text in, const char *pointer, uint32_t *ret_line, uint32_t *ret_column)
{
    struct scan s = {in, 0};
    struct text rest = text_of(pointer);
    size_t found;

    skip_blank(&s);
    found = s.at;
    if (rest.len > 0 && rest.ptr[0] == '/')
        rest = text_skip(rest, 1);
    while (rest.ptr && rest.len > 0) {
        struct text segment = text_split(&rest, '/');
        size_t key_at = 0;

        if (s.at >= in.len)
            break;
        if (in.ptr[s.at] == '{') {
            if (!enter_member(&s, segment, &key_at))
                break;
            found = key_at;
        } else if (in.ptr[s.at] == '[' && enter_element(&s, segment)) {
            found = s.at;
        } else {
            break;
        }
    }
    *ret_line = 1;
    *ret_column = 1;
    for (size_t i = 0; i < found && i < in.len; i++) {
        ++*ret_column;
        if (in.ptr[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        }
    }
}
