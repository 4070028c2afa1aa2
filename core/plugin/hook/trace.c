/* The trace of one request. */
#include "plugin/hook/trace.h"

#include "base/buf.h"
#include "base/jsonw.h"

#define LAST_ROOM 40 /* for {"omitted":n}] */

struct trace {
    struct buf json;
    uint32_t count, omitted;
};

static void free_trace(void *trace)
{
    buf_done(&((struct trace *)trace)->json);
}

void trace_begin(struct call *c)
{
    struct trace *t = arena_alloc(c->arena, sizeof(*t));

    c->trace = t;
    arena_defer(c->arena, free_trace, t);
}

/* A header carries ASCII: everything else becomes \uXXXX. */
static void add_ascii(struct buf *out, struct text utf8)
{
    for (size_t i = 0; i < utf8.len; i++) {
        uint32_t c = (unsigned char)utf8.ptr[i];
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

        if (more == 0) {
            buf_addc(out, (char)c);
            continue;
        }
        c &= more == 3 ? 0x07 : more == 2 ? 0x0f : 0x1f;
        for (; more > 0 && i + 1 < utf8.len; more--)
            c = c << 6 | ((unsigned char)utf8.ptr[++i] & 0x3f);
        if (c >= 0x10000)
            buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
        else
            buf_addf(out, "\\u%04x", c);
    }
}

void trace_note(struct call *c, const char *point, const char *plugin, const char *hook, const char *result,
    int64_t took_us, const char *why)
{
    struct trace *t = c->trace;
    struct buf entry = BUF_INIT, ascii = BUF_INIT;
    struct jsonw w;

    if (!t)
        return;
    jsonw_init(&w, &entry);
    jsonw_object(&w);
    jsonw_kint(&w, "n", t->count + t->omitted + 1);
    jsonw_kstr(&w, "point", point);
    jsonw_kstr(&w, "plugin", plugin);
    jsonw_kstr(&w, "hook", hook);
    jsonw_kstr(&w, "result", result);
    if (took_us >= 0)
        jsonw_kint(&w, "us", took_us);
    if (why)
        jsonw_kstr(&w, "why", why);
    jsonw_object_end(&w);
    add_ascii(&ascii, buf_text(&entry));
    if (t->omitted > 0 || t->json.len + ascii.len + LAST_ROOM > TRACE_BYTES_MAX) {
        t->omitted++;
    } else {
        buf_addc(&t->json, t->count == 0 ? '[' : ',');
        buf_add(&t->json, ascii.data, ascii.len);
        t->count++;
    }
    buf_done(&entry);
    buf_done(&ascii);
}

const char *trace_text(struct call *c)
{
    struct trace *t = c->trace;

    if (!t)
        return NULL;
    if (t->omitted > 0)
        return arena_printf(
            c->arena, "%s%s{\"omitted\":%u}]", buf_str(&t->json), t->count ? "," : "[", t->omitted);
    return t->count ? arena_printf(c->arena, "%s]", buf_str(&t->json)) : "[]";
}
