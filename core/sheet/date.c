/* Numbers of spreadsheets: digits, hundredths, days since 1900 or 1904 (ECMA-376 part 1, 18.17.4 and 18.8.30). */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sheet/parts.h"

#define KEPT_DIGITS 15 /* of a number in a spreadsheet */

/* ---- digits ---- */

struct parsed {
    bool is_negative;
    char digits[40];
    uint32_t count;
    int32_t point; /* the decimal point stands behind so many digits */
    bool has_exponent;
};

static bool parse_exponent(const char *p, const char *end, int32_t *ret)
{
    bool minus = p < end && *p == '-';
    int32_t e = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (!isdigit((unsigned char)*p) || e > 999)
            return false;
        e = e * 10 + (*p - '0');
    }
    *ret = minus ? -e : e;
    return true;
}

static bool parse_number(struct text t, struct parsed *out)
{
    const char *p = t.ptr, *end = t.ptr + t.len;
    bool seen_point = false, seen_digit = false;
    int32_t e = 0;

    *out = (struct parsed){0};
    if (p < end && (*p == '-' || *p == '+'))
        out->is_negative = *p++ == '-';
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.' && !seen_point) {
            seen_point = true;
            continue;
        }
        if (!isdigit((unsigned char)*p))
            return false;
        seen_digit = true;
        if (*p == '0' && out->count == 0) { /* leading */
            out->point -= seen_point;
            continue;
        }
        if (out->count == sizeof(out->digits))
            return false;
        out->digits[out->count++] = *p;
        out->point += !seen_point;
    }
    if (!seen_digit)
        return false;
    out->has_exponent = p < end;
    if (p < end && !parse_exponent(p + 1, end, &e))
        return false;
    out->point += e;
    while (out->count > 0 && out->digits[out->count - 1] == '0')
        out->count--;
    if (out->count == 0)
        out->point = 0; /* 0E2 is 0, not 000 */
    return true;
}

bool sheet_digits(struct text number, struct sheet_digits *ret)
{
    struct parsed p;
    size_t n = 0;
    int32_t places;

    if (!parse_number(number, &p))
        return false;
    places = MAX(p.point, (int32_t)p.count);
    if ((p.has_exponent && p.point > KEPT_DIGITS) || p.point > 36 || p.point < -20 || places - p.point > 20 ||
        places > 36)
        return false;
    if (p.is_negative && p.count > 0)
        ret->s[n++] = '-';
    if (p.point <= 0)
        ret->s[n++] = '0';
    for (int32_t i = 0; i < p.point; i++)
        ret->s[n++] = i < (int32_t)p.count ? p.digits[i] : '0';
    if ((int32_t)p.count > p.point && n < sizeof(ret->s) - 1) {
        ret->s[n++] = '.';
        for (int32_t i = p.point; i < 0 && n < sizeof(ret->s) - 1; i++)
            ret->s[n++] = '0';
        for (int32_t i = MAX(p.point, 0); i < (int32_t)p.count && n < sizeof(ret->s) - 1; i++)
            ret->s[n++] = p.digits[i];
    }
    ret->s[n] = '\0';
    return true;
}

int sheet_hundredths(struct text number, int64_t *ret)
{
    char copy[64];
    double v, cents;
    struct parsed p;

    if (number.len >= sizeof(copy) || !parse_number(number, &p))
        return -EINVAL;
    if (p.point >= 0 && p.point <= 16 && (int32_t)p.count <= p.point + 2) { /* exactly */
        int64_t n = 0;

        for (int32_t i = 0; i < p.point + 2; i++)
            n = n * 10 + (i < (int32_t)p.count ? p.digits[i] - '0' : 0);
        *ret = p.is_negative ? -n : n;
        return 0;
    }
    snprintf(copy, sizeof(copy), "%.*s", (int)number.len, number.ptr);
    v = strtod(copy, NULL) * 100;
    cents = round(v);
    if (!isfinite(v) || fabs(cents) > 9e15 || fabs(v - cents) > 1e-4)
        return -EINVAL;
    *ret = (int64_t)cents;
    return 0;
}

/* ---- dates ---- */

enum date_style date_style_of_id(uint32_t id)
{
    if ((id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 54) ||
        id == 57 || id == 58)
        return STYLE_DATE;
    if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47) || id == 55 || id == 56)
        return STYLE_TIME;
    return STYLE_PLAIN;
}

/* Letters that count: not those in quotation marks, brackets, or behind a backslash or an underscore. */
enum date_style date_style_of_code(const char *format)
{
    bool day = false, month = false, time = false;

    for (const char *p = format; *p && *p != ';'; p++) {
        const char *close = *p == '"' ? strchr(p + 1, '"') : *p == '[' ? strchr(p, ']') : NULL;

        if (*p == '\\' || *p == '_' || *p == '*') {
            if (!*++p)
                break;
            continue;
        }
        if (close) {
            time |= *p == '[' && close == p + 2 && strchr("hHmMsS", p[1]);
            p = close;
            continue;
        }
        day |= strchr("yYdD", *p) != NULL;
        month |= strchr("mM", *p) != NULL;
        time |= strchr("hHsS", *p) != NULL;
    }
    return day || (month && !time) ? STYLE_DATE : time ? STYLE_TIME : STYLE_PLAIN;
}

bool date_of_serial(struct text serial, enum date_style style, bool from_1904, struct sheet_digits *ret)
{
    char copy[64], *end;
    int64_t seconds, days;
    double v;

    if (serial.len == 0 || serial.len >= sizeof(copy))
        return false;
    snprintf(copy, sizeof(copy), "%.*s", (int)serial.len, serial.ptr);
    v = strtod(copy, &end);
    if (*end || !(v >= 0 && v < 2958466)) /* 9999-12-31 */
        return false;
    seconds = (int64_t)floor(v * 86400 + 0.5);
    days = seconds / 86400;
    seconds %= 86400;
    if (style == STYLE_TIME && days == 0) {
        snprintf(ret->s, sizeof(ret->s), "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
            (int)(seconds % 60));
        return true;
    }
    if (!from_1904 && (days == 60 || days == 0))
        return false; /* 1900-02-29, a day that Lotus 1-2-3 had, and 1900-01-00 */
    /* Days since 1970; before that day everything is one off. */
    days += from_1904 ? -24107 : days < 60 ? -25568 : -25569;
    snprintf(ret->s, sizeof(ret->s), "%s", date_format((int32_t)days).s);
    if (seconds)
        snprintf(ret->s + 10, sizeof(ret->s) - 10, "T%02d:%02d:%02d", (int)(seconds / 3600),
            (int)(seconds / 60 % 60), (int)(seconds % 60));
    return true;
}
