/* Login names. */
#include "access/login.h"

#include <errno.h>

int login_parse(struct text t, struct login *ret)
{
    if (t.len < 1 || t.len > LOGIN_MAX || !text_is_utf8(t))
        return -EINVAL;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char ch = (unsigned char)t.ptr[i];

        if (ch >= 'A' && ch <= 'Z')
            ch = (unsigned char)(ch + 32);
        if (!(ch >= 0x80 || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || strchr(".-_@", ch)) ||
            ch == 0)
            return -EINVAL;
        ret->s[i] = (char)ch;
    }
    ret->s[t.len] = 0;
    return 0;
}
