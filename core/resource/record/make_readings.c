/* Run while building: writes readings_table.h, the first letter of the pinyin of each Chinese character, from ICU's
 * readings; and, where it differs, that of the character as a surname (曾 is zeng, not ceng). */
#include <stdio.h>
#include <stdlib.h>
#include <unicode/uclean.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

struct range {
    const char *name;
    UChar first, last;
};
static const struct range ranges[] = {{"extension_a", 0x3400, 0x4dbf}, {"unified", 0x4e00, 0x9fff}};

static UTransliterator *open_transliterator(const char *id)
{
    UErrorCode error = U_ZERO_ERROR;
    UTransliterator *t;
    UChar name[100];

    u_uastrcpy(name, id);
    t = utrans_openU(name, -1, UTRANS_FORWARD, NULL, 0, NULL, &error);
    if (U_FAILURE(error)) {
        fprintf(stderr, "%s: %s\n", id, u_errorName(error));
        exit(1);
    }
    return t;
}

/* '-' for a character without a reading. */
static char initial(const UTransliterator *t, UChar c)
{
    UErrorCode error = U_ZERO_ERROR;
    int32_t length = 1, limit = 1;
    UChar text[64] = {c};

    utrans_transUChars(t, text, &length, 64, 0, &limit, &error);
    return U_SUCCESS(error) && length > 0 && text[0] >= 'a' && text[0] <= 'z' ? (char)text[0] : '-';
}

static void write_range(const UTransliterator *t, const char *kind, const struct range *r)
{
    printf("static const char %s_%s[] =", kind, r->name);
    for (unsigned c = r->first; c <= r->last; c++) {
        if ((c - r->first) % 96 == 0)
            printf("%s\n    \"", c == r->first ? "" : "\"");
        putchar(initial(t, (UChar)c));
    }
    printf("\";\n");
}

int main(void)
{
    UTransliterator *plain = open_transliterator("Han-Latin; Latin-ASCII; Lower"),
                    *surname = open_transliterator("Han-Latin/Names; Latin-ASCII; Lower");

    printf(
        "/* Made by make_readings. */\n#pragma once\n#define READINGS_VERSION \"ICU %s\"\n", U_ICU_VERSION);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        write_range(plain, "plain", &ranges[i]);
        write_range(surname, "surname", &ranges[i]);
    }
    utrans_close(plain);
    utrans_close(surname);
    u_cleanup();
    return fflush(stdout) == 0 ? 0 : 1;
}
