/* Text that a spreadsheet program would act on. */
#include "sheet/writer.h"

/* Fullwidth forms too: some input methods give them, and some programs take them. */
bool sheet_is_active(struct text t)
{
    static const char *const wide[] = {"＝", "＋", "－", "＠"};

    if (t.len == 0)
        return false;
    if (memchr("=+-@\t\r\n", t.ptr[0], 7))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        if (text_has_prefix(t, wide[i]))
            return true;
    return false;
}

struct text sheet_plain(struct text t)
{
    return t.len > 1 && t.ptr[0] == '\'' && sheet_is_active(text_skip(t, 1)) ? text_skip(t, 1) : t;
}
