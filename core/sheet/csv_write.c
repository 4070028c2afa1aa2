/* CSV: UTF-8 with a mark that tells Excel so, CRLF, quotation marks where they are needed. */
#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sheet/write.h"

#define PIECE (64u * 1024u)

struct csv_writer {
    int fd;
    struct buf out;
};

static int flush(struct csv_writer *w)
{
    size_t done = 0;

    while (done < w->out.len) {
        ssize_t n = write(w->fd, w->out.data + done, w->out.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    buf_clear(&w->out);
    return 0;
}

static void add(struct buf *out, struct text t, bool is_inert)
{
    bool active = !is_inert && sheet_is_active(t), quoted = active;

    for (size_t i = 0; i < t.len && !quoted; i++)
        quoted = memchr(",\"\r\n\t;", t.ptr[i], 6) != NULL;
    if (quoted)
        buf_addc(out, '"');
    if (active)
        buf_addc(out, '\'');
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] == '"')
            buf_addc(out, '"');
        buf_addc(out, t.ptr[i]);
    }
    if (quoted)
        buf_addc(out, '"');
}

int csv_writer_row(struct csv_writer *w, const struct sheet_cell *cells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_addc(&w->out, ',');
        add(&w->out, cells[i].text, cells[i].kind == SHEET_NUMBER);
    }
    buf_adds(&w->out, "\r\n");
    return w->out.len < PIECE ? 0 : flush(w);
}

int csv_writer_new(int fd, const struct sheet_column *columns, uint32_t count, struct csv_writer **ret)
{
    struct csv_writer *w = mem_zalloc(sizeof(*w));

    w->fd = fd;
    buf_adds(&w->out, "\xef\xbb\xbf");
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_addc(&w->out, ',');
        add(&w->out, text_of(columns[i].title), false);
    }
    buf_adds(&w->out, "\r\n");
    *ret = w;
    return 0;
}

int csv_writer_end(struct csv_writer *w)
{
    int r = flush(w);

    buf_done(&w->out);
    free(w);
    return r;
}
