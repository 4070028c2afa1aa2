/* From texts to tokens. */
#include <errno.h>

#include "resource/record/readings_table.h"
#include "resource/record/search.h"

#define RUN_MAX SEARCH_VALUE_MAX

/* The number is to be raised when what follows makes other tokens. */
const char search_rules[] = "2 " READINGS_VERSION;

/* Characters that stand side by side without a separator, folded. */
struct run {
    uint32_t chars[RUN_MAX];
    uint32_t count;
};

/* ---- characters ---- */

/* Blanks, punctuation, signs: what nobody looks for. */
static bool is_separator(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x00, 0x2f}, {0x3a, 0x40}, {0x5b, 0x60}, {0x7b, 0xa9}, {0xab, 0xb4},
        {0xb6, 0xb9}, {0xbb, 0xbf}, {0xd7, 0xd7}, {0xf7, 0xf7}, {0x2000, 0x20ff}, {0x2190, 0x245f},
        {0x2500, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004}, {0x3008, 0x303f}, {0x30fb, 0x30fb},
        {0xfe10, 0xfe6f}, {0xff00, 0xff65}, {0xffe0, 0xffff}, {0x1f000, 0x1faff}};

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Full width to ASCII, ASCII to lower case. */
static uint32_t fold(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e)
        c -= 0xfee0;
    return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

/* The character itself where it has no reading. */
static uint32_t initial(uint32_t c, bool as_surname)
{
    char letter = '-';

    if (c >= 0x4e00 && c <= 0x9fff)
        letter = (as_surname ? surname_unified : plain_unified)[c - 0x4e00];
    else if (c >= 0x3400 && c <= 0x4dbf)
        letter = (as_surname ? surname_extension_a : plain_extension_a)[c - 0x3400];
    else if (c == 0x3007) /* 〇 */
        letter = 'l';
    return letter == '-' ? c : (uint32_t)letter;
}

/* false at the end of the text, or when *left characters were looked at. */
static bool next_run(struct text *rest, uint32_t *left, struct run *run)
{
    run->count = 0;
    while (rest->len > 0 && *left > 0) {
        uint32_t c = fold(text_next_char(rest));

        --*left;
        if (!is_separator(c))
            run->chars[run->count++] = c;
        else if (run->count > 0)
            break;
    }
    return run->count > 0;
}

/* ---- tokens ---- */

static void put_char(char **at, uint32_t c)
{
    char *p = *at;

    if (c < 0x80) {
        *p++ = (char)c;
    } else if (c < 0x800) {
        *p++ = (char)(0xc0 | c >> 6);
        *p++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *p++ = (char)(0xe0 | c >> 12);
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    } else {
        *p++ = (char)(0xf0 | c >> 18);
        *p++ = (char)(0x80 | (c >> 12 & 0x3f));
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    }
    *at = p;
}

void search_add_token(struct arena *a, struct search_tokens *t, const char *token)
{
    if (t->count == t->capacity) {
        const char **grown;

        t->capacity = t->capacity ? t->capacity * 2 : 64;
        grown = arena_array(a, t->capacity, sizeof(*grown));
        if (t->count)
            memcpy(grown, t->items, t->count * sizeof(*grown));
        t->items = grown;
    }
    t->items[t->count++] = token;
}

/* One to three characters. */
static void add(struct arena *a, struct search_tokens *t, const uint32_t *chars, uint32_t count)
{
    char text[13] = {0}, *at = text;

    if (t->count == SEARCH_TOKENS_MAX)
        return;
    for (uint32_t i = 0; i < count; i++)
        put_char(&at, chars[i]);
    search_add_token(a, t, arena_dup(a, text));
}

static bool are_letters(const uint32_t *chars, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (chars[i] >= 0x80)
            return false;
    return true;
}

/* The first character, every two, and every three letters: of these there are so few that two say little. */
static void add_chars(struct arena *a, struct search_tokens *t, const uint32_t *c, uint32_t count)
{
    add(a, t, c, 1);
    for (uint32_t i = 0; i + 2 <= count; i++)
        add(a, t, c + i, 2);
    for (uint32_t i = 0; i + 3 <= count; i++)
        if (are_letters(c + i, 3))
            add(a, t, c + i, 3);
}

static void add_run(struct arena *a, struct search_tokens *t, struct run *run, bool with_initials)
{
    uint32_t *c = run->chars, surname = initial(c[0], true);

    add_chars(a, t, c, run->count);
    if (!with_initials)
        return;
    for (uint32_t i = 0; i < run->count; i++)
        c[i] = initial(c[i], false);
    add_chars(a, t, c, run->count);
    if (surname == c[0])
        return;
    c[0] = surname;
    add_chars(a, t, c, MIN(run->count, 3u));
}

void search_add(struct arena *a, struct search_tokens *t, struct text value, bool with_initials)
{
    uint32_t left = SEARCH_VALUE_MAX;
    struct run *run = arena_alloc(a, sizeof(*run));

    while (next_run(&value, &left, run))
        add_run(a, t, run, with_initials);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void search_finish(struct search_tokens *t)
{
    uint32_t kept = 0;

    if (t->count == 0)
        return;
    qsort(t->items, t->count, sizeof(*t->items), by_text);
    for (uint32_t i = 0; i < t->count; i++)
        if (kept == 0 || strcmp(t->items[kept - 1], t->items[i]) != 0)
            t->items[kept++] = t->items[i];
    t->count = kept;
}

/* ---- questions ---- */

/* Tokens that cover the word: of letters by three, of anything else by two; all of a short word's, so that fewer are found
 * that only have the same pieces. */
static void ask_run(struct arena *a, struct search_tokens *t, const struct run *run)
{
    uint32_t size = MIN(run->count, are_letters(run->chars, run->count) ? 3u : 2u);
    uint32_t step = run->count <= 4 ? 1 : size, last = run->count - size;

    for (uint32_t i = 0; i < last; i += step)
        add(a, t, run->chars + i, size);
    add(a, t, run->chars + last, size);
}

int search_parse(struct arena *a, struct text words, struct search_tokens *ret)
{
    struct run *run = arena_alloc(a, sizeof(*run));
    uint32_t left = RUN_MAX, chars = 0, count = 0;
    struct search_tokens t = {0};

    if (memchr(words.ptr ? words.ptr : "", 0, words.len) || !text_is_utf8(words))
        return -EINVAL;
    if (words.len > RUN_MAX)
        return -E2BIG;
    while (next_run(&words, &left, run)) {
        chars += run->count;
        if (++count > SEARCH_WORDS_MAX || chars > SEARCH_CHARS_MAX)
            return -E2BIG;
        ask_run(a, &t, run);
    }
    if (count == 0)
        return -EINVAL;
    search_finish(&t);
    *ret = t;
    return 0;
}
