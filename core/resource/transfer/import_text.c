/* Trimming. */
#include "resource/transfer/import_text.h"

#include "sheet/writer.h"

#define BLANK " \t\r\n"
#define WIDE_BLANK "\xe3\x80\x80"

/* Without blanks around it, also the wide ones of Chinese input. */
static struct text trim(struct text t)
{
    size_t before;

    do {
        before = t.len;
        t = text_trim(t, BLANK);
        if (text_has_prefix(t, WIDE_BLANK))
            t = text_skip(t, 3);
        if (t.len >= 3 && memcmp(t.ptr + t.len - 3, WIDE_BLANK, 3) == 0)
            t.len -= 3;
    } while (t.len != before);
    return t;
}

struct text import_text(const struct sheet_cell *cell)
{
    return trim(sheet_plain(cell->text));
}
