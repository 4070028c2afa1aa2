/* The server over loopback, plain and TLS: clients are fibers on the same loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/response.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "loop/loop.h"
#include "net/listen.h"
#include "net/stream.h"
#include "net/tls.h"

/* Long for a loaded machine; a test that waits this long has failed. */
#define PATIENCE_MS 20000

static struct http_server *server;
static struct router *router;
static struct listen_address address;
static struct fiber_wait gate; /* what /wait waits for */
static int cancelled, finished, handled, drained;
static char scratch_dir[64];

/* --- routes ------------------------------------------------------------------------------------------------- */

static int hello(struct request *r)
{
    handled++;
    response_bytes(r, 200, "text/plain", TEXT("hello"));
    return 0;
}

static int echo(struct request *r)
{
    response_bytes(r, 200, "application/octet-stream", r->body);
    return 0;
}

/* Waits for the gate; says what became of it. */
static int wait_for_gate(struct request *r)
{
    int e = fiber_park(&gate, INT64_MAX);

    if (e == -ECANCELED)
        cancelled++;
    finished++;
    if (e < 0)
        return e;
    response_bytes(r, 200, "text/plain", TEXT("waited"));
    return 0;
}

static int large(struct request *r)
{
    buf_reserve(&r->response->body, 8u << 20);
    memset(r->response->body.data, 'x', 8u << 20);
    r->response->body.len = 8u << 20;
    r->response->status = 200;
    r->response->content_type = "text/plain";
    return 0;
}

static int nothing(struct request *r)
{
    (void)r;
    return 0;
}

static int broken(struct request *r)
{
    jsonw_object(response_json(r, 200));
    return -EIO;
}

static int who(struct request *r)
{
    struct jsonw *w = response_json(r, 200);

    jsonw_object(w);
    jsonw_kstr(w, "peer", r->peer);
    jsonw_kbool(w, "tls", r->tls);
    jsonw_key(w, "host");
    jsonw_text(w, r->host);
    jsonw_object_end(w);
    response_header(r->response, "Cache-Control", "max-age=1");
    return 0;
}

static const struct http_route routes[] = {
    {.method = HTTP_GET, .pattern = "/hello", .handle = hello},
    {.method = HTTP_POST, .pattern = "/echo", .handle = echo},
    {.method = HTTP_POST, .pattern = "/small", .handle = echo, .body_max = 4},
    {.method = HTTP_GET, .pattern = "/wait", .handle = wait_for_gate},
    {.method = HTTP_GET, .pattern = "/quick", .handle = wait_for_gate, .timeout_ms = 100},
    {.method = HTTP_GET, .pattern = "/large", .handle = large},
    {.method = HTTP_GET, .pattern = "/nothing", .handle = nothing},
    {.method = HTTP_GET, .pattern = "/broken", .handle = broken},
    {.method = HTTP_GET, .pattern = "/who", .handle = who},
};

/* --- running a server and its clients ------------------------------------------------------------------------ */

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(loop_init(), 0);
    fiber_system_init((struct fiber_limits){64, 8});
    router = router_new();
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        assert_int_equal(router_add(router, &routes[i]), 0);
    gate = FIBER_WAIT_INIT;
    cancelled = finished = handled = drained = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_free(server);
    server = NULL;
    assert_int_equal(fiber_count(), 0);
    router_free(router);
    fiber_system_done();
    loop_done();
    return 0;
}

static void begin(struct http_limits limits, struct tls *tls, const char *proxy)
{
    struct http_server_config config = {.limits = limits, .router = router, .trusted_proxy = proxy};
    int fd;

    assert_int_equal(listen_parse(TEXT("127.0.0.1:0"), &address), 0);
    assert_int_equal(listen_open(&address, &fd), 0);
    assert_int_equal(listen_parse(text_of(listen_name(fd).s), &address), 0);
    assert_int_equal(http_server_new(&config, &server), 0);
    assert_int_equal(http_server_listen(server, fd, tls), 0);
}

static void stop(void *arg)
{
    (void)arg;
    drained++;
    loop_stop();
}

/* Runs the client's script in a fiber, then drains. */
static void (*script)(void);

static void client_main(void *arg)
{
    (void)arg;
    script();
    http_server_drain(server, 1000, stop, NULL);
}

static void run(void (*fn)(void))
{
    script = fn;
    assert_int_equal(fiber_spawn_system(client_main, NULL, "client", NULL), 0);
    loop_run();
    assert_int_equal(drained, 1);
}

/* --- the client ---------------------------------------------------------------------------------------------- */

static struct stream dial(SSL *ssl)
{
    struct stream s;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int r = connect(fd, (const struct sockaddr *)(const void *)&address.addr, address.len);

    if (r < 0) {
        assert_int_equal(errno, EINPROGRESS);
        assert_true(fiber_wait_fd(fd, 4 /* EV_WRITE */, clock_mono_ms() + PATIENCE_MS) > 0);
    }
    if (ssl)
        SSL_set_fd(ssl, fd);
    stream_init(&s, fd, ssl);
    return s;
}

static void say(struct stream *s, const char *text)
{
    assert_int_equal(stream_write_until(s, text_of(text), clock_mono_ms() + PATIENCE_MS), 0);
}

static char heard[65536];
static size_t heard_len, answer_len;

/* Reads until `done` says so or the end; the result is what came last from read. */
static ssize_t hear(struct stream *s, bool (*done)(void))
{
    while (!done()) {
        ssize_t n = stream_read_until(
            s, heard + heard_len, sizeof(heard) - 1 - heard_len, clock_mono_ms() + PATIENCE_MS);

        if (n <= 0)
            return n;
        heard_len += (size_t)n;
        heard[heard_len] = '\0';
    }
    return 1;
}

static bool has_answer(void)
{
    const char *end = strstr(heard, "\r\n\r\n"), *length = strcasestr(heard, "\r\nContent-Length: ");

    answer_len = 0;
    if (!end)
        return false;
    answer_len = (size_t)(end - heard) + 4;
    if (length && length < end)
        answer_len += strtoul(length + 18, NULL, 10);
    return heard_len >= answer_len;
}

static bool never(void)
{
    return false;
}

/* The next answer's status; its text stands in `answer`. */
static char answer_text[65536];

static int next_answer(struct stream *s)
{
    if (hear(s, has_answer) != 1)
        return -1;
    memcpy(answer_text, heard, answer_len);
    answer_text[answer_len] = '\0';
    memmove(heard, heard + answer_len, heard_len - answer_len + 1);
    heard_len -= answer_len;
    return (int)strtol(answer_text + 9, NULL, 10);
}

static int ask(struct stream *s, const char *request)
{
    say(s, request);
    return next_answer(s);
}

/* Asks on a connection of its own. */
static int ask_once(const char *request)
{
    struct stream s = dial(NULL);
    int status;

    heard_len = 0;
    heard[0] = '\0';
    status = ask(&s, request);
    stream_close(&s);
    return status;
}

static bool answer_has(const char *part)
{
    return strstr(answer_text, part) != NULL;
}

static void assert_ended(struct stream *s)
{
    assert_int_equal(hear(s, never), 0);
    assert_int_equal(heard_len, 0);
    stream_close(s);
}

static struct http_stats stats(void)
{
    struct http_stats st;

    http_server_stats(server, &st);
    return st;
}

/* --- plain --------------------------------------------------------------------------------------------------- */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void talk(void)
{
    struct stream s = dial(NULL);

    assert_int_equal(ask(&s, GET("/hello")), 200);
    assert_true(answer_has("\r\n\r\nhello"));
    assert_true(answer_has("\r\nDate: "));
    assert_true(answer_has("\r\nX-Request-Id: "));
    assert_true(answer_has("\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_true(answer_has("\r\nContent-Security-Policy: default-src 'self'; frame-ancestors 'none'"));
    assert_true(answer_has("\r\nCache-Control: no-store\r\n"));
    assert_false(answer_has("Strict-Transport"));
    assert_false(answer_has("Server:"));
    assert_int_equal(stats().in_flight, 0);
    assert_int_equal(fiber_count(), 1); /* only ours: an idle connection holds none */
    say(&s, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    say(&s, "GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_int_equal(hear(&s, never), 0);
    assert_non_null(strstr(heard, "\r\nContent-Length: 5\r\n"));
    assert_null(strstr(heard, "hello"));
    assert_non_null(strstr(heard, "\r\nCache-Control: max-age=1\r\n"));
    assert_null(strstr(strstr(heard, "max-age=1"), "no-store"));
    stream_close(&s);

    assert_int_equal(ask_once(GET("/who?x=1")), 200);
    assert_true(answer_has("\"peer\":\"127.0.0.1\",\"tls\":false,\"host\":\"a\""));
    assert_int_equal(ask_once(GET("/none")), 404);
    assert_true(answer_has("未找到"));
    assert_int_equal(ask_once("GET /none HTTP/1.1\r\nHost: a\r\nAccept-Language: en\r\n\r\n"), 404);
    assert_true(answer_has("There is nothing here."));
    assert_int_equal(ask_once("DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    assert_true(answer_has("\r\nAllow: GET, HEAD\r\n"));
    assert_int_equal(ask_once("OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n"), 204);
    assert_true(answer_has("\r\nAllow: POST\r\n"));
    assert_int_equal(ask_once("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 204);
    assert_int_equal(ask_once(GET("/nothing")), 500);
    assert_int_equal(ask_once(GET("/broken")), 500);
    assert_true(answer_has("\"code\":\"internal\""));
    assert_int_equal(ask_once("GET /hello HTTP/1.0\r\n\r\n"), 200);
    assert_true(answer_has("\r\nConnection: close\r\n"));
}

static void requests_are_answered(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(talk);
    assert_int_equal(stats().in_flight, 0);
    assert_int_equal(stats().connections, 0);
}

static void send_bodies(void)
{
    struct stream s = dial(NULL);

    heard_len = 0;
    assert_int_equal(ask(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), 200);
    assert_true(answer_has("\r\n\r\nabc"));
    say(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab");
    assert_int_equal(ask(&s, "\r\n1\r\nc\r\n0\r\n\r\n"), 200);
    assert_true(answer_has("\r\n\r\nabc"));
    assert_int_equal(
        ask(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"), 100);
    assert_int_equal(ask(&s, "abc"), 200);
    assert_int_equal(stats().buffered_bytes, 0);
    /* too large for the route: refused before the body is asked for, and the connection ends */
    assert_int_equal(
        ask(&s, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"), 413);
    assert_true(answer_has("\r\nConnection: close\r\n"));
    assert_ended(&s);
}

static void bodies_arrive(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(send_bodies);
}

static void pipeline(void)
{
    struct stream s = dial(NULL);

    heard_len = 0;
    say(&s, GET("/wait") GET("/hello") "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz"
                                       "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n" GET("/hello"));
    while (!stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
    fiber_wake(&gate);
    assert_int_equal(next_answer(&s), 200);
    assert_true(answer_has("waited"));
    assert_int_equal(next_answer(&s), 200);
    assert_true(answer_has("hello"));
    assert_int_equal(next_answer(&s), 200);
    assert_true(answer_has("\r\n\r\nz"));
    assert_int_equal(next_answer(&s), 400);
    assert_true(answer_has("\r\nConnection: close\r\n"));
    assert_ended(&s);
    assert_int_equal(handled, 1); /* nothing behind the bad one */
    assert_int_equal(stats().malformed, 1);
}

static void pipelined_requests_keep_their_order(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(pipeline);
}

static void be_slow(void)
{
    struct stream s = dial(NULL), t = dial(NULL), u = dial(NULL);

    heard_len = 0;
    say(&s, "GET /hello HTTP/1.1\r\nHo");
    say(&u, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
    assert_int_equal(next_answer(&s), 408);
    assert_ended(&s);
    assert_int_equal(next_answer(&u), 408);
    assert_ended(&u);
    assert_ended(&t); /* said nothing: ended without a word */
    s = dial(NULL);
    assert_int_equal(ask(&s, GET("/hello")), 200);
    assert_ended(&s); /* keep-alive is over */
    assert_int_equal(ask_once(GET("/quick")), 504);
    assert_int_equal(cancelled, 1);
}

static void deadlines_hold(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    (void)state;
    limits.header_ms = 300;
    limits.body_ms = 300;
    limits.keepalive_ms = 300;
    begin(limits, NULL, NULL);
    run(be_slow);
}

static void leave_early(void)
{
    struct stream s = dial(NULL);

    say(&s, GET("/wait"));
    while (!stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
    stream_close(&s);
    while (!finished)
        assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(cancelled, 1);
    while (stats().connections)
        assert_int_equal(fiber_sleep(1), 0);
}

static void a_client_that_leaves_cancels(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(leave_early);
}

static void crowd(void)
{
    struct stream s = dial(NULL), t, u;

    heard_len = 0;
    say(&s, GET("/wait"));
    while (!stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
    t = dial(NULL);
    assert_int_equal(ask(&t, GET("/hello")), 503);
    assert_true(answer_has("\r\nRetry-After: 1\r\n"));
    fiber_wake(&gate);
    assert_int_equal(next_answer(&s), 200);
    assert_int_equal(ask(&t, GET("/hello")), 200); /* the refused connection lives on */
    /* the third connection makes the one idle longest go */
    u = dial(NULL);
    assert_int_equal(ask(&u, GET("/hello")), 200);
    assert_ended(&s);
    assert_int_equal(stats().connections, 2);
    stream_close(&t);
    stream_close(&u);
}

static void limits_are_counted(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    (void)state;
    limits.in_flight = 1;
    limits.connections = 2;
    begin(limits, NULL, NULL);
    run(crowd);
}

static void flood(void)
{
    struct stream s = dial(NULL), t = dial(NULL);

    heard_len = 0;
    say(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n1234567890");
    while (stats().buffered_bytes < 10)
        assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(ask(&t, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n1234567890"), 503);
    assert_ended(&t);
    assert_int_equal(stats().buffered_bytes, 10);
    stream_close(&s);
}

static void buffered_bodies_are_bounded(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    (void)state;
    limits.buffered_bytes = 15;
    begin(limits, NULL, NULL);
    run(flood);
}

static void read_slowly(void)
{
    static char chunk[100000];
    struct stream s = dial(NULL), t = dial(NULL);
    size_t total = 0;
    ssize_t n;

    say(&s, "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    say(&t, GET("/large"));
    while (stats().requests < 2 || stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(fiber_count(), 1); /* a slow reader holds no fiber */
    stream_close(&t);
    while ((n = stream_read_until(&s, chunk, sizeof(chunk), clock_mono_ms() + PATIENCE_MS)) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0);
    assert_true(total > (8u << 20) && total < (8u << 20) + 2000);
    stream_close(&s);
}

static void slow_readers_get_everything(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(read_slowly);
}

static void read_nothing(void)
{
    struct stream s = dial(NULL);

    say(&s, GET("/large"));
    while (!stats().requests || stats().connections)
        assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(stats().buffered_bytes, 0);
    stream_close(&s);
}

static void answers_waiting_are_bounded(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    (void)state;
    limits.buffered_bytes = 4u << 20;
    begin(limits, NULL, NULL);
    run(read_nothing);
}

static void go_through_proxy(void)
{
    assert_int_equal(ask_once("GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9, 10.1.2.3\r\n"
                              "X-Forwarded-Proto: https\r\n\r\n"),
        200);
    assert_true(answer_has("\"peer\":\"10.1.2.3\",\"tls\":true"));
    assert_true(answer_has("\r\nStrict-Transport-Security: "));
    assert_int_equal(ask_once("GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.2.3, me\r\n\r\n"), 200);
    assert_true(answer_has("\"peer\":\"127.0.0.1\""));
}

static void a_trusted_proxy_is_believed(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, "127.0.0.1");
    run(go_through_proxy);
}

static void be_drained(void)
{
    struct stream s = dial(NULL), t = dial(NULL), u = dial(NULL);

    heard_len = 0;
    assert_int_equal(ask(&u, GET("/hello")), 200);
    assert_int_equal(ask(&t, GET("/hello")), 200);
    say(&s, GET("/wait"));
    while (!stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
    http_server_drain(server, 5000, NULL, NULL);
    assert_int_equal(ask(&t, GET("/hello")), 200); /* it still may */
    assert_true(answer_has("\r\nConnection: close\r\n"));
    assert_ended(&t);
    fiber_wake(&gate);
    assert_int_equal(next_answer(&s), 200);
    assert_true(answer_has("\r\nConnection: close\r\n"));
    assert_ended(&s);
    assert_ended(&u);
    /* a handler that waits for ever is cancelled when the grace is over: run() drains with 1 s */
}

static void draining_answers_and_closes(void **state)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;

    (void)state;
    limits.drain_idle_ms = 300;
    begin(limits, NULL, NULL);
    run(be_drained);
}

static struct stream stuck;

static void be_stuck(void)
{
    stuck = dial(NULL);
    say(&stuck, GET("/wait"));
    while (!stats().in_flight)
        assert_int_equal(fiber_sleep(1), 0);
}

static void the_grace_ends(void **state)
{
    (void)state;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(be_stuck);
    assert_int_equal(cancelled, 1);
    assert_int_equal(stats().connections, 0);
    stream_close(&stuck);
}

/* Descriptors run out: clients are turned away, the loop does not spin, and it recovers. */
static void exhaust(void)
{
    struct rlimit old, tight;
    struct stream s = dial(NULL), t, u;
    int low = dup(0);

    assert_int_equal(ask(&s, GET("/hello")), 200);
    close(low);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)low + 1; /* room for our own side only */
    t = STREAM_CLOSED;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    t = dial(NULL);
    assert_true(hear(&t, never) <= 0); /* turned away */
    assert_int_equal(ask(&s, GET("/hello")), 200);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    u = dial(NULL);
    assert_int_equal(ask(&u, GET("/hello")), 200);
    stream_close(&s);
    stream_close(&t);
    stream_close(&u);
}

static void descriptors_may_run_out(void **state)
{
    (void)state;
    heard_len = 0;
    begin(HTTP_LIMITS_DEFAULT, NULL, NULL);
    run(exhaust);
}

/* --- TLS ----------------------------------------------------------------------------------------------------- */

static void write_pem(const char *name, EVP_PKEY *key, X509 *cert)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", scratch_dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    if (cert)
        PEM_write_X509(f, cert);
    else
        PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
}

/* NAME.crt and NAME.key in the scratch directory. */
static void make_certificate(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    char file[64];

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    snprintf(file, sizeof(file), "%s.crt", name);
    write_pem(file, NULL, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    write_pem(file, key, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static struct tls *load(const char *name, const char *key_name, struct text keys, const char **why)
{
    char certificate[128], key[128];

    snprintf(certificate, sizeof(certificate), "%s/%s.crt", scratch_dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", scratch_dir, key_name);
    return tls_new(certificate, key, keys, why);
}

static char ticket_keys[80];
static SSL_CTX *client_ctx;
static SSL_SESSION *session;

static int keep_session(SSL *ssl, SSL_SESSION *s)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = s;
    return 1;
}

static void client_tls(void)
{
    client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_ctx, keep_session);
}

static void client_tls_done(void)
{
    SSL_SESSION_free(session);
    session = NULL;
    SSL_CTX_free(client_ctx);
}

/* Shakes hands, offering the kept session when asked to. */
static int shake(struct stream *s, int version, bool resume)
{
    SSL *ssl = SSL_new(client_ctx);

    SSL_set_connect_state(ssl);
    if (version) {
        SSL_set_min_proto_version(ssl, version);
        SSL_set_max_proto_version(ssl, version);
    }
    if (resume && session)
        SSL_set_session(ssl, session);
    *s = dial(ssl);
    return stream_handshake_until(s, clock_mono_ms() + PATIENCE_MS);
}

static void peer_name(struct stream *s, char *out, int len)
{
    X509 *cert = SSL_get1_peer_certificate(s->ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, len);
    X509_free(cert);
}

static void talk_tls(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct stream s, plain;
    char name[32];

    heard_len = 0;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_int_equal(shake(&s, versions[i], false), 0);
        assert_int_equal(ask(&s, GET("/who")), 200);
        peer_name(&s, name, sizeof(name));
        assert_string_equal(name, "first");
        assert_true(answer_has("\"tls\":true"));
        assert_true(answer_has("\r\nStrict-Transport-Security: max-age="));
        assert_int_equal(ask(&s, GET("/hello")), 200);
        say(&s, GET("/hello") GET("/who"));
        assert_int_equal(next_answer(&s), 200);
        assert_int_equal(next_answer(&s), 200);
        assert_false(SSL_session_reused(s.ssl));
        stream_close(&s);
        assert_non_null(session);
        assert_int_equal(shake(&s, versions[i], true), 0);
        assert_int_equal(ask(&s, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 200);
        assert_true(SSL_session_reused(s.ssl));
        assert_int_equal(hear(&s, never), 0); /* close_notify, not a cut */
        stream_close(&s);
    }
    assert_true(shake(&s, TLS1_1_VERSION, false) < 0);
    stream_close(&s);
    plain = dial(NULL);
    say(&plain, GET("/hello"));
    (void)!hear(&plain, never);
    stream_close(&plain);
    heard_len = 0;
    heard[0] = '\0';
}

static void tls_works(void **state)
{
    const char *why = NULL;
    struct tls *tls;

    (void)state;
    memset(ticket_keys, 7, sizeof(ticket_keys));
    tls = load("first", "first", (struct text){ticket_keys, 80}, &why);
    assert_non_null(tls);
    client_tls();
    begin(HTTP_LIMITS_DEFAULT, tls, NULL);
    run(talk_tls);
    assert_true(stats().tls_failed >= 2);
    client_tls_done();
    tls_free(tls);
}

static void bad_certificates_say_why(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_null(load("none", "none", (struct text){NULL, 0}, &why));
    assert_non_null(why);
    assert_null(load("first", "second", (struct text){NULL, 0}, &why));
    assert_non_null(why);
    assert_null(load("first", "first", (struct text){ticket_keys, 79}, &why));
    assert_non_null(strstr(why, "ticket"));
}

/* --- listening ----------------------------------------------------------------------------------------------- */

static void addresses_are_read(void **state)
{
    static const char *const good[] = {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:8443", "[::]:65535"};
    static const char *const bad[] = {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1",
        "localhost:80", "::1:80", "[127.0.0.1]:80", "[::1]", "[::1:80", "1.2.3.4.5:80"};
    struct listen_address a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(listen_parse(text_of(good[i]), &a), 0);
        assert_string_equal(listen_format(&a.addr).s, good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(listen_parse(text_of(bad[i]), &a), -EINVAL);
}

static int make_scratch(void **state)
{
    (void)state;
    snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/juxin-http-XXXXXX");
    assert_non_null(mkdtemp(scratch_dir));
    make_certificate("first");
    make_certificate("second");
    return 0;
}

static int drop_scratch(void **state)
{
    static const char *const files[] = {"first.crt", "first.key", "second.crt", "second.key"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", scratch_dir, files[i]);
        unlink(path);
    }
    return rmdir(scratch_dir);
}

#define SERVED(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(requests_are_answered),
        SERVED(bodies_arrive),
        SERVED(pipelined_requests_keep_their_order),
        SERVED(deadlines_hold),
        SERVED(a_client_that_leaves_cancels),
        SERVED(limits_are_counted),
        SERVED(buffered_bodies_are_bounded),
        SERVED(slow_readers_get_everything),
        SERVED(answers_waiting_are_bounded),
        SERVED(a_trusted_proxy_is_believed),
        SERVED(draining_answers_and_closes),
        SERVED(the_grace_ends),
        SERVED(descriptors_may_run_out),
        SERVED(tls_works),
        cmocka_unit_test(bad_certificates_say_why),
        cmocka_unit_test(addresses_are_read),
    };

    return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
