/* What needs the loop, with failing allocations. A failure in the middle ends the connection, never the server. */
#include "memory_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/mem.h"
#include "db/db.h"
#include "failing.h"
#include "http/response.h"
#include "http/server.h"
#include "http/static.h"
#include "loop/fiber.h"
#include "loop/helper.h"
#include "loop/loop.h"
#include "net/listen.h"
#include "net/tls.h"

static char certificate[128], key[128], assets[128], asset[160];
static struct tls *context;
static struct tls *server_tls;

int memory_server_begin(const char *directory)
{
    const char *why;
    char command[600];
    FILE *f;

    snprintf(certificate, sizeof(certificate), "%s/tls.crt", directory);
    snprintf(key, sizeof(key), "%s/tls.key", directory);
    snprintf(assets, sizeof(assets), "%s/assets", directory);
    snprintf(asset, sizeof(asset), "%s/index.html", assets);
    snprintf(command, sizeof(command),
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s -out %s -subj "
        "/CN=localhost"
        " -days 2 2>/dev/null",
        key, certificate);
    if (system(command) != 0 || mkdir(assets, 0755) < 0)
        return -EIO;
    f = fopen(asset, "w");
    if (!f)
        return -errno;
    fputs("<!doctype html>", f);
    fclose(f);
    context = tls_new(certificate, key, (struct text){NULL, 0}, &why);
    server_tls = tls_new(certificate, key, (struct text){NULL, 0}, &why);
    return context && server_tls ? 0 : -EIO;
}

void memory_server_end(const char *directory)
{
    (void)directory;
    tls_free(context);
    tls_free(server_tls);
    unlink(certificate);
    unlink(key);
    unlink(asset);
    rmdir(assets);
}

int memory_tls(struct buf *out)
{
    static const char keys[80] = "a ticket key";
    const char *why = NULL;
    struct tls *t = tls_new(certificate, key, (struct text){keys, sizeof(keys)}, &why);

    SSL *ssl;
    const char *name;

    if (!t)
        return why ? -ENOMEM : 0; /* without a reason it would be a wrong result */
    /* A context that lacks some of its ciphers, or takes older versions, would be a wrong result too. */
    ssl = tls_accept(t, 0);
    if (!ssl) {
        tls_free(t);
        return -ENOMEM;
    }
    buf_addf(out, "%ld", (long)SSL_get_min_proto_version(ssl));
    for (int i = 0; (name = SSL_get_cipher_list(ssl, i)); i++)
        buf_addf(out, " %s", name);
    SSL_free(ssl);
    tls_free(t);
    return 0;
}

int memory_accept(struct buf *out)
{
    SSL *ssl = tls_accept(context, 0);

    if (!ssl)
        return -ENOMEM;
    buf_adds(out, SSL_get_cipher_list(ssl, 0));
    SSL_free(ssl);
    return 0;
}

/* ---- fibers ---- */

static void add(void *arg)
{
    *(int *)arg += 1;
}

static void in_fiber(void *arg)
{
    int r = fiber_sleep(1);

    if (r == 0)
        r = helper_run(HELPER_FILE, add, arg);
    if (r < 0)
        *(int *)arg = r;
    loop_stop();
}

int memory_fibers(struct buf *out)
{
    struct helper_limits limits = {.threads = {1, 1}, .waiting = {4, 4}};
    int sum = 1, r = loop_init();

    if (r < 0)
        return r;
    fiber_system_init((struct fiber_limits){8, 4});
    r = helper_init(limits);
    if (r == 0) {
        r = fiber_spawn(in_fiber, &sum, "test", NULL);
        if (r == 0)
            loop_run();
        helper_done();
    }
    fiber_system_done();
    loop_done();
    buf_addf(out, "%d", sum);
    return sum < 0 ? sum : r;
}

/* ---- connections ---- */

/* Long enough for a first attempt to fail: nobody listens there. */
static void give_in(void *arg)
{
    (void)arg;
    loop_stop();
}

int memory_pool(struct buf *out)
{
    struct db_config config = {.conninfo = "host=/nonexistent dbname=x user=y",
        .fast_connections = 1,
        .fast_depth = 2,
        .slow_connections = 1,
        .queue_max = 4,
        .tenant_queue_max = 2,
        .fast_timeout_ms = 100,
        .slow_timeout_ms = 100};
    struct loop_timer *timer;
    struct db *db = NULL;
    int r = loop_init();

    if (r < 0)
        return r;
    fiber_system_init((struct fiber_limits){8, 4});
    r = db_open(&config, &db);
    if (r == 0) {
        timer = loop_timer_new(1, 0, give_in, NULL);
        loop_run();
        loop_timer_free(timer);
        buf_addf(out, "%d", db_is_ready(db));
        db_close(db);
    }
    fiber_system_done();
    loop_done();
    return r;
}

/* ---- files ---- */

int memory_static(struct buf *out)
{
    struct http_static_config config = {.directory = assets, .prefix = "/console", .pages = true};
    struct router *rt = router_new();
    struct http_static *files = NULL;
    char why[256] = "";
    int r = http_static_load(&config, why, &files);

    if (r == 0)
        r = http_static_add(files, rt);
    if (r == 0)
        buf_addf(out, "%zu", http_static_count(files));
    router_free(rt);
    http_static_free(files);
    return r;
}

/* ---- a request over TLS ---- */

static int hello(struct request *r)
{
    struct jsonw *w = response_json(r, 200);
    json_t *body = NULL;
    int e = request_json(r, &body);

    if (e < 0)
        return e;
    jsonw_object(w = response_json(r, 200));
    jsonw_kstr(w, "hello", json_string_value(json_object_get(body, "name")));
    jsonw_object_end(w);
    return 0;
}

static const struct http_route route = {.method = HTTP_POST, .pattern = "/hello", .handle = hello};

enum { ANSWERED, REFUSED, MISLED };

static bool talk(SSL *ssl, char *answer, size_t size)
{
    static const char request[] =
        "POST /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"name\": \"world\"";
    size_t len = 0;
    int n = 0;

    if (SSL_connect(ssl) != 1 || SSL_write(ssl, request, sizeof(request) - 1) <= 0 ||
        SSL_write(ssl, "}", 1) <= 0)
        return false;
    while (len + 1 < size && (n = SSL_read(ssl, answer + len, (int)(size - 1 - len))) > 0)
        len += (size_t)n;
    answer[len] = '\0';
    return len > 0;
}

/* In a process of its own, where nothing fails. */
static int client(const struct listen_address *address)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(ctx);
    char answer[4096] = "";
    const char *body;

    alarm(30);
    SSL_set_fd(ssl, fd);
    if (connect(fd, (const struct sockaddr *)(const void *)&address->addr, address->len) < 0 ||
        !talk(ssl, answer, sizeof(answer)))
        return REFUSED;
    body = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.1 200 ", 13) == 0)
        return body && strcmp(body + 4, "{\"hello\":\"world\"}") == 0 ? ANSWERED : body ? MISLED : REFUSED;
    return strncmp(answer, "HTTP/1.1 5", 10) == 0 ? REFUSED : MISLED;
}

struct waiting {
    struct http_server *server;
    pid_t client;
    int status;
};

static void stop(void *arg)
{
    (void)arg;
    loop_stop();
}

static void look(void *arg)
{
    struct waiting *w = arg;

    if (w->client && waitpid(w->client, &w->status, WNOHANG) == w->client) {
        w->client = 0;
        http_server_drain(w->server, 1000, stop, NULL);
    }
}

static int serve(struct router *rt, struct tls *tls, struct waiting *w)
{
    struct http_server_config config = {.limits = HTTP_LIMITS_DEFAULT, .router = rt};
    struct listen_address address;
    struct loop_timer *timer;
    int fd, r = listen_parse(TEXT("127.0.0.1:0"), &address);

    if (r == 0)
        r = listen_open(&address, &fd);
    if (r < 0)
        return r;
    if (listen_parse(text_of(listen_name(fd).s), &address) < 0) {
        close(fd);
        return -EIO;
    }
    r = http_server_new(&config, &w->server);
    if (r == 0)
        r = http_server_listen(w->server, fd, tls);
    if (r < 0) {
        close(fd);
        return r;
    }
    w->client = fork();
    if (w->client == 0) {
        failing_disarm();
        _exit(client(&address));
    }
    timer = loop_timer_new(1, 1, look, w);
    loop_run();
    loop_timer_free(timer);
    return 0;
}

int memory_server(struct buf *out)
{
    struct router *rt = router_new();
    struct waiting w = {0};
    int r = loop_init();

    if (r == 0) {
        fiber_system_init((struct fiber_limits){8, 4});
        r = router_add(rt, &route);
        if (r == 0)
            r = serve(rt, server_tls, &w);
        http_server_free(w.server);
        fiber_system_done();
        loop_done();
    }
    router_free(rt);
    if (r == 0 && WIFEXITED(w.status) && WEXITSTATUS(w.status) == REFUSED)
        return -ECONNRESET;
    buf_addf(out, "%d", w.status);
    return r;
}
