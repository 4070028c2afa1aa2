/* juxinctl plugin trace */
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/json.h"
#include "ctl/commands.h"

#define ANSWER_MAX (4u << 20)

struct target {
    const char *host, *port, *path; /* host without port */
    bool tls;
};

static int parse_url(struct ctl *c, const char *url, struct target *ret)
{
    struct text rest = text_of(url), host;
    const char *path;

    ret->tls = text_has_prefix(rest, "https://");
    if (!ret->tls && !text_has_prefix(rest, "http://"))
        return ctl_fail(c, CTL_USAGE, "%s: a URL begins with http:// or https://", url);
    rest = text_skip(rest, ret->tls ? 8 : 7);
    path = memchr(rest.ptr, '/', rest.len);
    ret->path = path ? path : "/";
    host = (struct text){rest.ptr, path ? (size_t)(path - rest.ptr) : rest.len};
    rest = host;
    host = text_split(&rest, ':');
    ret->host = arena_ndup(c->arena, host.ptr, host.len);
    ret->port = rest.ptr ? arena_ndup(c->arena, rest.ptr, rest.len) : ret->tls ? "443" : "80";
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~')
            return ctl_fail(c, CTL_USAGE, "a URL holds no blanks and only ASCII: percent-encode the rest");
    return host.len > 0 ? CTL_OK : ctl_fail(c, CTL_USAGE, "%s names no host", url);
}

static BIO *connect_to(struct ctl *c, const struct target *t, SSL_CTX **ret_ctx)
{
    const char *address = arena_printf(c->arena, "%s:%s", t->host, t->port), *ca = ctl_option(c, "ca");
    BIO *bio;
    SSL *ssl = NULL;

    if (!t->tls)
        return BIO_new_connect(address);
    *ret_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(*ret_ctx, SSL_VERIFY_PEER, NULL);
    if (ca ? SSL_CTX_load_verify_locations(*ret_ctx, ca, NULL) != 1
           : SSL_CTX_set_default_verify_paths(*ret_ctx) != 1)
        return NULL;
    bio = BIO_new_ssl_connect(*ret_ctx);
    BIO_get_ssl(bio, &ssl);
    SSL_set_tlsext_host_name(ssl, t->host);
    if (!SSL_set1_host(ssl, t->host)) {
        BIO_free_all(bio);
        return NULL;
    }
    BIO_set_conn_hostname(bio, address);
    return bio;
}

static void write_request(struct ctl *c, const struct target *t, struct buf *out)
{
    const char *data = ctl_option(c, "data"), *method = ctl_option(c, "method"),
               *version = ctl_option(c, "if-match");

    buf_addf(out,
        "%s %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nX-Juxin-Trace: 1\r\nAccept: "
        "application/json\r\n",
        method ? method
        : data ? "POST"
               : "GET",
        t->path, t->host, t->port);
    buf_addf(out, "Authorization: Bearer %s\r\n", ctl_option(c, "token"));
    if (version)
        buf_addf(out, "If-Match: %s\r\n", version);
    if (data)
        buf_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(data));
    buf_adds(out, "\r\n");
    if (data)
        buf_adds(out, data);
}

static int exchange(struct ctl *c, const struct target *t, struct buf *answer)
{
    struct buf request = BUF_INIT;
    SSL_CTX *ctx = NULL;
    BIO *bio = connect_to(c, t, &ctx);
    int code = CTL_OK, n;

    write_request(c, t, &request);
    if (!bio || BIO_do_connect(bio) <= 0)
        code = ctl_fail(c, CTL_FAILED, "no connection to %s:%s%s", t->host, t->port,
            t->tls ? "; is its certificate trusted here? --ca names another authority" : "");
    else if (BIO_write(bio, request.data, (int)request.len) != (int)request.len)
        code = ctl_fail(c, CTL_FAILED, "the request could not be sent");
    while (code == CTL_OK && answer->len < ANSWER_MAX) {
        buf_reserve(answer, 65536);
        n = BIO_read(bio, answer->data + answer->len, 65536);
        if (n <= 0)
            break;
        answer->len += (size_t)n;
        answer->data[answer->len] = '\0';
    }
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    buf_done(&request);
    return code;
}

static const char *cell_of(struct ctl *c, const json_t *v)
{
    if (json_is_integer(v))
        return arena_printf(c->arena, "%lld", (long long)json_integer_value(v));
    return json_string_value(v) ? json_string_value(v) : "";
}

static int show(struct ctl *c, const json_t *trace)
{
    static const char *const titles[] = {"n", "point", "plugin", "hook", "result", "us", "why", NULL};
    struct ctl_table *table = ctl_table_new(c, titles);
    size_t i;
    json_t *v;

    json_array_foreach((json_t *)trace, i, v)
    {
        if (json_object_get(v, "omitted")) {
            ctl_progress(c, "%s more did not fit into the header", cell_of(c, json_object_get(v, "omitted")));
            continue;
        }
        for (const char *const *title = titles; *title; title++)
            ctl_table_cell(table, cell_of(c, json_object_get(v, *title)));
    }
    ctl_table_end(table);
    return CTL_OK;
}

static int read_answer(struct ctl *c, const struct buf *answer)
{
    struct text rest = buf_text(answer), line = text_trim(text_split(&rest, '\n'), "\r");
    struct json_fault fault;
    json_t *trace = NULL;

    ctl_progress(c, "%.*s", (int)MIN(line.len, 200), line.ptr);
    while (rest.ptr) {
        line = text_trim(text_split(&rest, '\n'), "\r");
        if (line.len == 0)
            break;
        if (line.len > 13 && text_is_nocase((struct text){line.ptr, 12}, "juxin-trace:") &&
            json_parse(text_trim(text_skip(line, 12), " "), JSON_LIMITS, &trace, &fault) == 0) {
            int code = show(c, trace);

            json_decref(trace);
            return code;
        }
    }
    return ctl_fail(c, CTL_REFUSED,
        "the answer holds no trace: the token's account needs the permission core.trace, and "
        "the path has to be one of a tenant");
}

static int run(struct ctl *c)
{
    struct buf answer = BUF_INIT;
    struct target target = {"", "", "", false};
    int code = parse_url(c, c->argument[0], &target);

    if (code == CTL_OK)
        code = exchange(c, &target, &answer);
    if (code == CTL_OK)
        code = read_answer(c, &answer);
    buf_done(&answer);
    return code;
}

const struct ctl_command ctl_plugin_trace = {
    .name = "plugin trace",
    .arguments = "URL",
    .summary =
        "makes one request and says which hooks ran, in which order, with what result, and which not and why",
    .help = "The request is really made. The token's account needs the permission core.trace.\n"
            "  juxinctl plugin trace https://localhost:8443/t/shangcheng/api/v1/suggestions/suggestion "
            "--token TOKEN",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_PLAIN,
    .run = run,
    .options = {{"token", "TOKEN", "an API token", true},
        {"method", "METHOD", "GET; POST with --data", false}, {"data", "JSON", "a request body", false},
        {"if-match", "ETAG", "the version, for changes", false},
        {"ca", "FILE", "certificate authority to trust", false}},
};
