/* Parts of a content. */
#include "http/range.h"

#include <errno.h>

/* A position; one beyond every content is taken for the last there could be. False for what is no number. */
static bool take_position(struct text t, uint64_t *ret)
{
    int64_t n = 0;
    int r = text_to_i64(t, 0, INT64_MAX, &n);

    *ret = r == -ERANGE ? (uint64_t)INT64_MAX : (uint64_t)n;
    return t.len && t.ptr[0] != '-' && r != -EINVAL;
}

enum range range_of(struct text range, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
    struct text rest = range, unit = text_trim(text_split(&rest, '='), " \t"), last, first;
    uint64_t from, to;

    if (!rest.ptr || !text_is_nocase(unit, "bytes"))
        return RANGE_WHOLE;
    last = text_trim(rest, " \t");
    first = text_split(&last, '-');
    if (!last.ptr)
        return RANGE_WHOLE;
    if (!first.len) { /* the last so many */
        if (!take_position(last, &from))
            return RANGE_WHOLE;
        if (from == 0 || size == 0)
            return RANGE_NOWHERE;
        *ret_first = size - MIN(from, size);
        *ret_len = size - *ret_first;
        return RANGE_PART;
    }
    to = INT64_MAX;
    if (!take_position(first, &from) || (last.len && !take_position(last, &to)) || to < from)
        return RANGE_WHOLE;
    if (from >= size)
        return RANGE_NOWHERE;
    *ret_first = from;
    *ret_len = MIN(to, size - 1) - from + 1;
    return RANGE_PART;
}

bool etag_is_among(struct text list, const char *etag)
{
    while (list.ptr) {
        struct text tag = text_trim(text_split(&list, ','), " \t");

        if (text_has_prefix(tag, "W/"))
            tag = text_skip(tag, 2);
        if (text_is(tag, etag) || text_is(tag, "*"))
            return true;
    }
    return false;
}
