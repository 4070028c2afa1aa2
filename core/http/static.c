/* Files in memory and the route to each. */
#include "http/static.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "http/range.h"
#include "http/response.h"

#define FILES_MAX 2000u
#define BYTES_MAX (64u * 1024u * 1024u)
#define DEPTH_MAX 8u

enum form { FORM_PLAIN, FORM_BR, FORM_GZIP, FORMS };

static const char *const form_suffix[FORMS] = {"", ".br", ".gz"};
static const char *const form_coding[FORMS] = {NULL, "br", "gzip"};

struct file {
    char *name;              /* below the directory: "assets/app-1a2b3c4d.js" */
    struct buf bytes[FORMS]; /* data NULL when there is no such form */
    char etag[FORMS][36];
    const char *type;
    bool hashed; /* the name changes with the content */
};

struct page {
    struct http_route route;
    char *pattern;
    const struct file *file;
    const char *prefix;
    bool is_fallback;
};

struct http_static {
    struct file *files;
    size_t count;
    size_t bytes;
    struct page **pages;
    size_t page_count;
    char *prefix;
    bool with_pages;
};

struct type {
    const char *suffix;
    const char *type;
};

static const struct type types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".woff", "font/woff"},
    {".ttf", "font/ttf"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/markdown; charset=utf-8"},
    {".xml", "application/xml"},
    {".wasm", "application/wasm"},
    {".pdf", "application/pdf"},
};

static bool ends_with(const char *s, const char *end)
{
    size_t a = strlen(s), b = strlen(end);

    return a > b && strcmp(s + a - b, end) == 0;
}

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (ends_with(name, types[i].suffix))
            return types[i].type;
    return "application/octet-stream";
}

/* NAME-HASHHASH.ext in a directory called assets: what bundlers write. */
static bool is_hashed(const char *name)
{
    const char *base = strrchr(name, '/'), *dot;

    if (!base || (strncmp(name, "assets/", 7) != 0 && !strstr(name, "/assets/")))
        return false;
    dot = strchr(++base, '.');
    if (!dot || dot - base < 10 || dot[-9] != '-')
        return false;
    for (const char *p = dot - 8; p < dot; p++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *p))
            return false;
    return true;
}

static struct file *find_file(struct http_static *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].name, name) == 0)
            return &s->files[i];
    return NULL;
}

static int read_file(struct http_static *s, int dir, const char *name, struct buf *out)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r = 0;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        r = -EINVAL;
    else if (st.st_size > BYTES_MAX || s->bytes + (size_t)st.st_size > BYTES_MAX)
        r = -EFBIG;
    buf_reserve(out, r == 0 ? (size_t)st.st_size : 0);
    while (r == 0) {
        ssize_t n = read(fd, out->data + out->len, out->capacity - 1 - out->len);

        if (n < 0 && errno != EINTR)
            r = -errno;
        if (n == 0)
            break;
        out->len += n > 0 ? (size_t)n : 0;
        out->data[out->len] = '\0';
        if (out->len + 1 == out->capacity)
            break;
    }
    close(fd);
    s->bytes += out->len;
    return r;
}

static int add_file(struct http_static *s, int dir, const char *entry, const char *name)
{
    struct file *f;
    int r;

    if (s->count == FILES_MAX)
        return -E2BIG;
    s->files = mem_resize(s->files, s->count + 1, sizeof(*s->files));
    f = &s->files[s->count];
    *f = (struct file){.name = str_dup(name), .type = type_of(name), .hashed = is_hashed(name)};
    s->count++;
    r = read_file(s, dir, entry, &f->bytes[FORM_PLAIN]);
    return r;
}

static int walk(struct http_static *s, int fd, const char *below, unsigned depth, char why[256])
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int r = 0;

    if (!dir) {
        r = -errno;
        close(fd);
        return r;
    }
    while (r == 0 && (errno = 0, entry = readdir(dir))) {
        char *name = str_printf("%s%s%s", below, *below ? "/" : "", entry->d_name);
        struct stat st;

        if (entry->d_name[0] == '.') {
            free(name);
            continue;
        }
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            r = -errno;
        } else if (S_ISREG(st.st_mode)) {
            r = add_file(s, fd, entry->d_name, name);
        } else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

            r = sub < 0 ? -errno : walk(s, sub, name, depth + 1, why);
        } else {
            r = S_ISDIR(st.st_mode) ? -E2BIG : -EINVAL;
        }
        if (r < 0 && !why[0])
            snprintf(why, 256, "%s", name);
        free(name);
    }
    closedir(dir);
    return r;
}

/* Makes FILE.br and FILE.gz forms of FILE. */
static void pair_forms(struct http_static *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->count; i++) {
        for (int form = FORM_BR; form < FORMS; form++) {
            size_t len = strlen(s->files[i].name), end = strlen(form_suffix[form]);
            char *plain;
            struct file *of;

            if (!ends_with(s->files[i].name, form_suffix[form]))
                continue;
            plain = str_ndup(s->files[i].name, len - end);
            of = find_file(s, plain);
            free(plain);
            if (!of)
                continue;
            of->bytes[form] = s->files[i].bytes[FORM_PLAIN];
            s->files[i].bytes[FORM_PLAIN] = BUF_INIT;
            s->files[i].type = NULL; /* taken */
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->files[i].type)
            s->files[kept++] = s->files[i];
        else
            free(s->files[i].name);
    }
    s->count = kept;
}

static void make_etags(struct http_static *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct file *f = &s->files[i];

        for (int form = 0; form < FORMS; form++) {
            struct sha256 d = sha256_of(buf_text(&f->bytes[form]));

            snprintf(f->etag[form], sizeof(f->etag[form]), "\"%.24s\"", sha256_format(&d).s);
        }
    }
}

int http_static_load(const struct http_static_config *config, char why[256], struct http_static **ret)
{
    struct http_static *s = mem_zalloc(sizeof(*s));
    int fd = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    why[0] = '\0';
    s->prefix = str_dup(config->prefix);
    s->with_pages = config->pages;
    r = fd < 0 ? -errno : walk(s, fd, "", 0, why);
    if (r < 0) {
        http_static_free(s);
        return r;
    }
    pair_forms(s);
    make_etags(s);
    *ret = s;
    return 0;
}

size_t http_static_count(const struct http_static *s)
{
    return s->count;
}

/* Is the coding among those accepted, with a weight above 0? Only what is named counts, not "*". */
static bool accepts(struct text list, const char *coding)
{
    while (list.ptr) {
        struct text weight = text_trim(text_split(&list, ','), " \t");
        struct text name = text_trim(text_split(&weight, ';'), " \t");

        if (!text_is_nocase(name, coding))
            continue;
        weight = text_trim(weight, " \t");
        return !text_has_prefix(weight, "q=0") || text_trim(text_skip(weight, 3), ".0").len;
    }
    return false;
}

/* Pages are short and go as they are: nobody who looks at the server from outside then has to wonder whether something
 * secret is compressed together with what an attacker sends (BREACH). */
static enum form choose(const struct file *f, struct text accepted)
{
    if (text_has_prefix(text_of(f->type), "text/html"))
        return FORM_PLAIN;
    for (int form = FORM_BR; form < FORMS; form++)
        if (f->bytes[form].data && f->bytes[form].len < f->bytes[FORM_PLAIN].len &&
            accepts(accepted, form_coding[form]))
            return (enum form)form;
    return FORM_PLAIN;
}

static int serve(struct request *r)
{
    const struct page *page = CONTAINER_OF(r->route, const struct page, route);
    const struct file *f = page->file;
    enum form form = choose(f, request_header(r, "Accept-Encoding"));
    struct text last = r->path_params[0];

    if (page->is_fallback) {
        const char *slash = last.ptr ? memrchr(last.ptr, '/', last.len) : NULL;

        if (slash)
            last = text_skip(last, (size_t)(slash - last.ptr) + 1);
        if (last.ptr && memchr(last.ptr, '.', last.len))
            return request_not_found(r);
    }
    response_header(r->response, "ETag", "%s", f->etag[form]);
    response_header(
        r->response, "Cache-Control", f->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    if (f->bytes[FORM_BR].data || f->bytes[FORM_GZIP].data)
        response_header(r->response, "Vary", "Accept-Encoding");
    if (etag_is_among(request_header(r, "If-None-Match"), f->etag[form])) {
        response_empty(r);
        r->response->status = 304;
        return 0;
    }
    if (form != FORM_PLAIN)
        response_header(r->response, "Content-Encoding", "%s", form_coding[form]);
    response_borrowed(r, 200, f->type, buf_text(&f->bytes[form]));
    return 0;
}

static int redirect(struct request *r)
{
    const struct page *page = CONTAINER_OF(r->route, const struct page, route);

    response_empty(r);
    r->response->status = 308;
    response_header(r->response, "Location", "%s/", page->prefix);
    return 0;
}

static int add_page(
    struct http_static *s, struct router *rt, const struct file *f, const char *below, bool fallback)
{
    struct page *p = mem_zalloc(sizeof(*p));

    s->pages = mem_resize(s->pages, s->page_count + 1, sizeof(*s->pages));
    s->pages[s->page_count++] = p;
    p->pattern = str_printf("%s%s", s->prefix, below);
    p->file = f;
    p->prefix = s->prefix;
    p->is_fallback = fallback;
    p->route = (struct http_route){.method = HTTP_GET, .pattern = p->pattern, .handle = f ? serve : redirect};
    return router_add(rt, &p->route);
}

int http_static_add(struct http_static *s, struct router *rt)
{
    const struct file *index = find_file(s, "index.html");
    int r = 0;

    for (size_t i = 0; i < s->count && r == 0; i++) {
        char *below = str_printf("/%s", s->files[i].name);

        r = add_page(s, rt, &s->files[i], below, false);
        free(below);
    }
    if (r == 0 && index)
        r = add_page(s, rt, index, "/", false);
    if (r == 0 && index && s->with_pages)
        r = add_page(s, rt, index, "/{path*}", true);
    if (r == 0 && index && s->prefix[0])
        r = add_page(s, rt, NULL, "", false);
    return r;
}

void http_static_free(struct http_static *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->files[i].name);
        for (int form = 0; form < FORMS; form++)
            buf_done(&s->files[i].bytes[form]);
    }
    for (size_t i = 0; i < s->page_count; i++) {
        free(s->pages[i]->pattern);
        free(s->pages[i]);
    }
    free(s->pages);
    free(s->files);
    free(s->prefix);
    free(s);
}
