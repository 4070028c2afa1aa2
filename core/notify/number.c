/* Telephone numbers: their normal form, and how they may be shown. */
#include "notify/sms.h"

#include <errno.h>

/* 1[3-9] and nine more digits. */
static bool is_mobile(const char *digits, size_t n)
{
    return n == 11 && digits[0] == '1' && digits[1] >= '3';
}

int sms_number(struct arena *a, const char *text, const char **ret)
{
    char digits[16];
    bool has_plus = text[0] == '+';
    size_t n = 0;

    for (const char *s = text + has_plus; *s; s++) {
        if (*s == ' ' || *s == '-')
            continue;
        if (*s < '0' || *s > '9' || n + 1 == sizeof(digits))
            return -EINVAL;
        digits[n++] = *s;
    }
    digits[n] = '\0';
    if (is_mobile(digits, n) && !has_plus) {
        *ret = arena_printf(a, "+86%s", digits);
        return 0;
    }
    if (n == 13 && strncmp(digits, "86", 2) == 0) {
        if (!is_mobile(digits + 2, 11))
            return -EINVAL;
    } else if (!has_plus || n < 8 || digits[0] == '0' || strncmp(digits, "86", 2) == 0) {
        return -EINVAL;
    }
    *ret = arena_printf(a, "+%s", digits);
    return 0;
}

static bool is_own_country(const char *number)
{
    return strncmp(number, "+86", 3) == 0;
}

const char *sms_mask(struct arena *a, const char *number)
{
    size_t n = strlen(number);

    if (is_own_country(number) && n == 14)
        return arena_printf(a, "%.3s****%s", number + 3, number + 10);
    return n > 5 ? arena_printf(a, "%.3s****%s", number, number + n - 2) : "****";
}
