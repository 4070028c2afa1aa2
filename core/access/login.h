/* Login names: what people type to sign in. */
#pragma once

#include "base/base.h"
#include "base/text.h"

#define LOGIN_MAX 64

/* Lower-cased in ASCII; 1 to 64 bytes of letters, digits, '.', '-', '_', '@' or non-ASCII. -EINVAL. */
struct login {
    char s[LOGIN_MAX + 1];
};
MUSTCHECK int login_parse(struct text t, struct login *ret);
