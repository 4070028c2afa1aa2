/* CSV (RFC 4180), in UTF-8 or GB 18030. The file is read twice: which of the two it is shows only at its end. */
#include <errno.h>
#include <iconv.h>
#include <unistd.h>

#include "base/mem.h"
#include "sheet/parts.h"

#define PIECE (64u * 1024u)

struct csv {
    int fd;
    uint64_t offset; /* of what is read next */
    iconv_t from;    /* (iconv_t)-1: it is UTF-8 */
    char raw[PIECE]; /* as it stands in the file, from the last character that was cut on */
    size_t raw_len;
    bool at_end;
    struct buf text; /* UTF-8 */
    size_t at;       /* in text */
    char separator;
    uint32_t row;
};

/* ---- which encoding ---- */

struct census {
    uint64_t good, bad; /* characters beyond ASCII that are UTF-8, bytes that are not */
    uint32_t line, first_bad_line;
    bool is_cut; /* its last character is not complete */
    bool has_nul;
};

static ssize_t read_at(int fd, char *out, size_t len, uint64_t offset)
{
    ssize_t n;

    do
        n = pread(fd, out, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n;
}

static void count_lines(struct census *c, struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        c->line += t.ptr[i] == '\n';
        c->has_nul |= t.ptr[i] == '\0';
    }
}

static uint64_t beyond_ascii(struct text t)
{
    uint64_t n = 0;

    for (size_t i = 0; i < t.len; i++)
        n += ((unsigned char)t.ptr[i] & 0xc0) == 0xc0;
    return n;
}

/* Takes stock of a piece; returns how many bytes at its end belong to a character that goes on behind it. */
static size_t take_stock(struct census *c, struct text t, bool is_last)
{
    while (t.len > 0) {
        struct text good = {t.ptr, text_utf8_prefix(t)};
        unsigned char first;
        size_t want;

        c->good += beyond_ascii(good);
        count_lines(c, good);
        t = text_skip(t, good.len);
        if (t.len == 0)
            return 0;
        first = (unsigned char)t.ptr[0];
        want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first >= 0xc2 && t.len < want) {
            bool continues = true;

            for (size_t i = 1; i < t.len; i++)
                continues &= ((unsigned char)t.ptr[i] & 0xc0) == 0x80;
            if (continues && !is_last)
                return t.len;
            c->is_cut |= continues;
        }
        if (c->bad++ == 0)
            c->first_bad_line = c->line + 1;
        t = text_skip(t, 1);
    }
    return 0;
}

static int survey(int fd, struct census *c)
{
    CLEANUP(mem_freep) char *piece = mem_alloc(PIECE);
    uint64_t offset = 0;
    size_t kept = 0;
    ssize_t n;

    *c = (struct census){0};
    while ((n = read_at(fd, piece + kept, PIECE - kept, offset)) > 0) {
        size_t len = kept + (size_t)n;

        offset += (uint64_t)n;
        kept = take_stock(c, (struct text){piece, len}, false);
        memmove(piece, piece + len - kept, kept);
    }
    (void)take_stock(c, (struct text){piece, kept}, true);
    return n < 0 ? -errno : 0;
}

/* A text in GB 18030 hardly ever looks like UTF-8, so a file that mostly does is UTF-8 with faults. */
static int choose(struct csv *c, struct sheet_fault *fault)
{
    struct census found;

    if (survey(c->fd, &found) < 0)
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    if (found.has_nul)
        return sheet_wrong(fault, WRONG_KIND, 0);
    if (found.bad == 0)
        return 0;
    if (found.bad <= 3 && found.is_cut && found.good > 0)
        return sheet_wrong(fault, WRONG_DAMAGED, found.line + 1);
    if (found.good > found.bad * 4)
        return sheet_wrong(fault, WRONG_ENCODING, found.first_bad_line);
    c->from = iconv_open("UTF-8", "GB18030");
    return c->from == (iconv_t)-1 ? sheet_wrong(fault, WRONG_ENCODING, found.first_bad_line) : 0;
}

/* ---- characters ---- */

/* Turns what is in raw to text; leaves a character that is not complete. */
static int convert(struct csv *c)
{
    char *in = c->raw, out[16384];
    size_t left = c->raw_len;

    if (c->from == (iconv_t)-1) {
        buf_add(&c->text, c->raw, c->raw_len);
        c->raw_len = 0;
        return 0;
    }
    while (left > 0) {
        char *to = out;
        size_t room = sizeof(out), r = iconv(c->from, &in, &left, &to, &room);
        int e = errno;

        buf_add(&c->text, out, sizeof(out) - room);
        if (r == (size_t)-1 && e == EILSEQ)
            return -EILSEQ;
        if (r == (size_t)-1 && e == EINVAL) /* cut */
            break;
    }
    memmove(c->raw, in, left);
    c->raw_len = left;
    return c->at_end && left ? -EILSEQ : 0;
}

static int more(struct csv *c, struct sheet_fault *fault)
{
    ssize_t n = read_at(c->fd, c->raw + c->raw_len, sizeof(c->raw) - c->raw_len, c->offset);

    if (n < 0)
        return sheet_wrong(fault, WRONG_DAMAGED, c->row);
    buf_consume(&c->text, c->at);
    c->at = 0;
    c->offset += (uint64_t)n;
    c->raw_len += (size_t)n;
    c->at_end = n == 0;
    if (convert(c) < 0)
        return sheet_wrong(fault, c->at_end ? WRONG_DAMAGED : WRONG_ENCODING, c->row + 1);
    return 0;
}

/* 0 with a byte, 1 at the end of the file. */
static int next(struct csv *c, char *ret, struct sheet_fault *fault)
{
    while (c->at == c->text.len) {
        int r;

        if (c->at_end)
            return 1;
        r = more(c, fault);
        if (r < 0)
            return r;
    }
    *ret = c->text.data[c->at++];
    return 0;
}

/* ---- rows ---- */

/* The separator that the first line has most of. */
static int find_separator(struct csv *c, struct sheet_fault *fault)
{
    static const char candidates[] = ",\t;";
    uint32_t count[3] = {0}, best = 0;
    bool quoted = false;
    int r = more(c, fault);

    if (r < 0)
        return r;
    if (c->text.len >= 3 && memcmp(c->text.data, "\xef\xbb\xbf", 3) == 0)
        c->at = 3;
    for (size_t i = c->at; i < c->text.len && (quoted || c->text.data[i] != '\n'); i++) {
        const char *which = c->text.data[i] ? strchr(candidates, c->text.data[i]) : NULL;

        quoted ^= c->text.data[i] == '"';
        if (which && !quoted)
            count[which - candidates]++;
    }
    for (uint32_t i = 1; i < 3; i++)
        if (count[i] > count[best])
            best = i;
    c->separator = candidates[best];
    return 0;
}

/* One cell; *ret_end: ',' when another follows, '\n' at the end of the row, '\0' at the end of the file. */
static int read_cell(struct csv *c, struct row_build *row, char *ret_end, struct sheet_fault *fault)
{
    size_t at = row->bytes.len;
    bool quoted = false, was_quoted = false;
    char ch;
    int r;

    for (;;) {
        r = next(c, &ch, fault);
        if (r != 0)
            break;
        if (quoted && ch == '"') {
            quoted = false;
        } else if (ch == '"' && was_quoted && !quoted) {
            buf_addc(&row->bytes, '"'); /* it was doubled */
            quoted = true;
        } else if (ch == '"' && !was_quoted && row->bytes.len == at) {
            quoted = was_quoted = true;
        } else if (!quoted && (ch == c->separator || ch == '\n')) {
            break;
        } else {
            buf_addc(&row->bytes, ch);
        }
        if (row->bytes.len - at > SHEET_CELL_MAX)
            return sheet_wrong(fault, quoted ? WRONG_QUOTE : WRONG_CELL, c->row);
    }
    if (r < 0)
        return r;
    if (quoted)
        return sheet_wrong(fault, WRONG_QUOTE, c->row);
    *ret_end = r == 1 ? '\0' : ch == '\n' ? '\n' : ',';
    if (*ret_end != ',' && row->bytes.len > at && row->bytes.data[row->bytes.len - 1] == '\r')
        row->bytes.len--;
    if (row->count >= SHEET_COLUMNS_MAX)
        return sheet_wrong(fault, WRONG_COLUMNS, c->row);
    row_cell(row, row->count, SHEET_TEXT, at);
    return 0;
}

int csv_next(struct csv *c, struct row_build *row, struct sheet_row *ret, struct sheet_fault *fault)
{
    char end = '\n';

    while (end != '\0') {
        if (c->at == c->text.len && c->at_end)
            return 0;
        row_clear(row);
        c->row++;
        do {
            int r = read_cell(c, row, &end, fault);

            if (r < 0)
                return r;
        } while (end == ',');
        if (row_give(row, c->row, ret))
            return 1;
    }
    return 0;
}

int csv_open(int fd, struct csv **ret, struct sheet_fault *fault)
{
    struct csv *c = mem_zalloc(sizeof(*c));
    int r;

    c->fd = fd;
    c->from = (iconv_t)-1;
    r = choose(c, fault);
    if (r == 0)
        r = find_separator(c, fault);
    if (r < 0)
        csv_close(c);
    else
        *ret = c;
    return r;
}

void csv_close(struct csv *c)
{
    if (!c)
        return;
    if (c->from != (iconv_t)-1)
        iconv_close(c->from);
    buf_done(&c->text);
    free(c);
}
