/* Names of files. */
#include "resource/beside/file_name.h"

struct interval {
    uint32_t from, to;
};

/* Control characters; what has no look of its own, or turns the direction of what follows: an "exe" shown as a "pdf". */
static const struct interval refused[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x180e, 0x180e},
    {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0e},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

bool file_name_is_good(struct text name)
{
    size_t chars;

    if (!name.len || !text_is_utf8(name))
        return false;
    chars = text_chars(name);
    if (chars > FILE_NAME_CHARS_MAX || text_trim(name, " .").len != name.len)
        return false;
    while (name.len) {
        uint32_t c = text_next_char(&name);

        if (c < 0x80 && strchr("/\\:*?\"<>|", (int)c))
            return false;
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
            if (c >= refused[i].from && c <= refused[i].to)
                return false;
    }
    return true;
}

const char *file_name_numbered(struct arena *a, const char *name, uint32_t n)
{
    const char *dot = strrchr(name, '.');

    if (!dot)
        return arena_printf(a, "%s (%u)", name, n);
    return arena_printf(a, "%.*s (%u)%s", (int)(dot - name), name, n, dot);
}
