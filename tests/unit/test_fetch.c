/* Outgoing requests against a server of bad manners: TLS and plain, over loopback, on the same loop. */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "fetch/allow.h"
#include "fetch/fetch.h"
#include "loop/fiber.h"
#include "loop/loop.h"
#include "net/listen.h"
#include "net/stream.h"
#include "net/tls.h"
#include "notify/answer.h"

/* Long for a loaded machine; a test that waits this long has failed. */
#define PATIENCE_MS 20000

static char scratch_dir[64], ca_file[128];
static struct tls *tls;
static struct acceptor *acceptors[2];
static int ports[2]; /* TLS, plain */
static uint64_t served_bytes;
static uint32_t requests;
static bool is_over;
static struct arena *arena;
static struct fetch_answer answer;

/* ---- the server ---- */

struct served {
    int fd;
    bool is_tls;
};

static int say(struct stream *s, const char *text)
{
    int r = stream_write_until(s, text_of(text), clock_mono_ms() + PATIENCE_MS);

    served_bytes += r == 0 ? strlen(text) : 0;
    return r;
}

/* Until nobody takes it any more. */
static void pour(struct stream *s)
{
    CLEANUP(buf_done) struct buf piece = BUF_INIT;

    for (int i = 0; i < 64; i++)
        buf_addf(&piece, "400\r\n%01024d\r\n", i);
    while (say(s, buf_str(&piece)) == 0)
        ;
}

static void reply(struct stream *s, const char *request)
{
    CLEANUP(mem_freep) char *redirect = NULL;

    if (strstr(request, " /hang ")) {
        while (!is_over && fiber_sleep(10) == 0)
            ;
    } else if (strstr(request, " /large ")) {
        (void)say(s, "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n");
        pour(s);
    } else if (strstr(request, " /endless ")) {
        (void)say(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        pour(s);
    } else if (strstr(request, " /drip ")) {
        (void)say(s, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (!is_over && say(s, "x") == 0 && fiber_sleep(10) == 0)
            ;
    } else if (strstr(request, " /cut ")) {
        (void)say(s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    } else if (strstr(request, " /garbage ")) {
        (void)say(s, "\x16\x03nonsense\r\n\r\n");
    } else if (strstr(request, " /busy ")) {
        (void)say(s, "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno");
    } else if (strstr(request, " /to-address ")) {
        redirect = str_printf(
            "HTTP/1.1 302 F\r\nLocation: https://127.0.0.1:%d/ok\r\nContent-Length: 0\r\n\r\n", ports[0]);
    } else if (strstr(request, " /to-plain ")) {
        redirect = str_printf(
            "HTTP/1.1 302 F\r\nLocation: http://localhost:%d/ok\r\nContent-Length: 0\r\n\r\n", ports[1]);
    } else if (strstr(request, " /to-tls ")) {
        redirect = str_printf(
            "HTTP/1.1 302 F\r\nLocation: https://localhost:%d/ok\r\nContent-Length: 0\r\n\r\n", ports[0]);
    } else if (strstr(request, " /again ")) {
        redirect = str_dup("HTTP/1.1 307 F\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
    } else if (strstr(request, " /round ")) {
        redirect = str_dup("HTTP/1.1 302 F\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
    } else {
        redirect = str_printf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
            strlen(request), request);
    }
    if (redirect)
        (void)say(s, redirect);
}

static bool is_whole(const struct buf *b)
{
    const char *end = strstr(buf_str(b), "\r\n\r\n"), *length = strstr(buf_str(b), "\r\nContent-Length: ");

    return end && (!length || strlen(end + 4) >= strtoul(length + 18, NULL, 10));
}

static void serve(void *arg)
{
    struct served *v = arg;
    CLEANUP(buf_done) struct buf request = BUF_INIT;
    struct stream s;
    char piece[4096];
    ssize_t n = 1;

    stream_init(&s, v->fd, v->is_tls ? tls_accept(tls, v->fd) : NULL);
    free(v);
    if (stream_handshake_until(&s, clock_mono_ms() + PATIENCE_MS) < 0)
        n = 0;
    while (n > 0 && !is_whole(&request)) {
        n = stream_read_until(&s, piece, sizeof(piece), clock_mono_ms() + PATIENCE_MS);
        buf_add(&request, piece, n > 0 ? (size_t)n : 0);
    }
    if (n > 0) {
        requests++;
        reply(&s, buf_str(&request));
    }
    stream_close(&s);
}

static void accepted(int fd, const struct sockaddr_storage *peer, void *arg)
{
    struct served *v = mem_zalloc(sizeof(*v));

    (void)peer;
    *v = (struct served){fd, arg == &ports[0]};
    assert_int_equal(fiber_spawn(serve, v, "server", NULL), 0);
}

static void open_server(int i)
{
    struct listen_address a;
    int fd;

    assert_int_equal(listen_parse(TEXT("127.0.0.1:0"), &a), 0);
    assert_int_equal(listen_open(&a, &fd), 0);
    assert_int_equal(listen_parse(text_of(listen_name(fd).s), &a), 0);
    ports[i] = ntohs(((struct sockaddr_in *)(void *)&a.addr)->sin_port);
    acceptors[i] = acceptor_new(fd, accepted, &ports[i]);
    assert_non_null(acceptors[i]);
}

/* ---- the frame ---- */

static void (*script)(void);

static void client(void *arg)
{
    (void)arg;
    script();
    is_over = true;
    while (fiber_count() > 1) /* who was served learns that nobody listens */
        assert_int_equal(fiber_sleep(1), 0);
    loop_stop();
}

static void run(const char *allow, void (*fn)(void))
{
    struct fetch_config config = {.allow = allow, .ca_file = ca_file, .side_by_side = 4};

    assert_int_equal(loop_init(), 0);
    fiber_system_init((struct fiber_limits){64, 8});
    assert_int_equal(fetch_init(&config), 0);
    arena = arena_new();
    served_bytes = requests = 0;
    is_over = false;
    open_server(0);
    open_server(1);
    script = fn;
    assert_int_equal(fiber_spawn_system(client, NULL, "client", NULL), 0);
    loop_run();
    acceptor_free(acceptors[0]);
    acceptor_free(acceptors[1]);
    arena_free(arena);
    fetch_done();
    fiber_system_done();
    loop_done();
}

/* path is what stands behind the port. */
static struct fetch request_to(const char *scheme, const char *host, const char *path)
{
    return (struct fetch){.method = "GET",
        .url = arena_printf(arena, "%s://%s:%d%s", scheme, host, ports[strcmp(scheme, "http") == 0], path),
        .timeout_ms = PATIENCE_MS,
        .answer_max = 100000};
}

static int get(const char *scheme, const char *host, const char *path)
{
    struct fetch f = request_to(scheme, host, path);

    return fetch_run(arena, &f, &answer);
}

/* ---- what answers well ---- */

static void ask_well(void)
{
    static const char *const headers[] = {"X-Own: 一", NULL};
    struct fetch f = request_to("https", "localhost", "/echo?a=b");

    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "text/plain");
    assert_true(answer.is_sent);
    assert_non_null(strstr(answer.body.ptr, "GET /echo?a=b HTTP/1.1\r\n"));
    f.method = "POST";
    f.headers = headers;
    f.body = TEXT("{\"a\":1}");
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_non_null(strstr(answer.body.ptr, "POST /echo?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(answer.body.ptr, "\r\nX-Own: 一\r\n"));
    assert_non_null(strstr(answer.body.ptr, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(answer.body.ptr, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(answer.body.ptr, "Expect"));
    f.method = "DELETE";
    f.body = (struct text){NULL, 0};
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_non_null(strstr(answer.body.ptr, "DELETE /echo?a=b HTTP/1.1\r\n"));
    assert_int_equal(get("https", "localhost", "/busy"), 0);
    assert_int_equal(answer.status, 503);
    assert_int_equal(answer.retry_after_s, 7);
    assert_int_equal(get("http", "localhost", "/ok"), 0); /* allowed by name, so plain too */
    assert_int_equal(answer.status, 200);
}

static void requests_are_made(void **state)
{
    (void)state;
    run("localhost", ask_well);
}

/* ---- what is refused ---- */

static void ask_forbidden(void)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433",
        "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]"};

    for (size_t i = 0; i < ARRAY_LEN(loopback); i++) {
        assert_int_equal(get("https", loopback[i], "/ok"), -EACCES);
        assert_false(answer.is_sent);
        assert_string_equal(answer.why, "the address is not allowed");
        assert_int_equal(get("http", loopback[i], "/ok"), -EACCES);
    }
    assert_int_equal(requests, 0);
}

static void nothing_private_is_reached(void **state)
{
    (void)state;
    run(NULL, ask_forbidden);
    run("127.0.0.2, 10.0.0.0/8, example.com", ask_forbidden);
}

static void ask_in_range(void)
{
    assert_int_equal(get("https", "127.0.0.1", "/ok"), 0);
    assert_int_equal(get("https", "localhost", "/ok"), 0);
    assert_int_equal(get("http", "localhost", "/ok"), 0);
    assert_int_equal(requests, 3);
}

static void a_range_allows(void **state)
{
    (void)state;
    run("127.0.0.0/30", ask_in_range);
}

static bool only_localhost(const void *arg, struct text host)
{
    (void)arg;
    return text_is(host, "localhost");
}

static void follow(void)
{
    static const char *const headers[] = {"Authorization: secret", NULL};
    struct fetch f = request_to("https", "localhost", "/again");

    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 307); /* as it is */
    assert_int_equal(requests, 1);
    f.redirects_max = 2;
    f.headers = headers;
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.ptr, "secret"));
    f.method = "POST";
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 307); /* what changes something is sent once */
    f.method = "GET";
    f.url = request_to("https", "localhost", "/round").url;
    requests = 0;
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 302);
    assert_int_equal(requests, 3);
    requests = 0;
    f.url = request_to("https", "localhost", "/to-address").url;
    assert_int_equal(fetch_run(arena, &f, &answer), -EACCES); /* loopback by its address is not on the list */
    assert_int_equal(requests, 1);
    f.url = request_to("https", "localhost", "/to-plain").url;
    assert_int_equal(fetch_run(arena, &f, &answer), -EACCES); /* never down from TLS */
    assert_int_equal(requests, 2);
}

static void redirects_are_judged(void **state)
{
    (void)state;
    run("localhost", follow);
}

static void follow_elsewhere(void)
{
    static const char *const headers[] = {"Authorization: secret", NULL};
    struct fetch f = request_to("https", "localhost", "/to-address");

    f.redirects_max = 1;
    f.headers = headers;
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body.ptr, "secret")); /* meant for the first host */
    f.url = request_to("http", "localhost", "/to-tls").url;
    assert_int_equal(fetch_run(arena, &f, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(answer.body.ptr, "secret")); /* and for nobody at another port of it */
    f.url = request_to("https", "localhost", "/to-address").url;
    f.may_reach = only_localhost;
    assert_int_equal(fetch_run(arena, &f, &answer), -EACCES);
}

static void headers_stay_with_their_host(void **state)
{
    (void)state;
    run("localhost, 127.0.0.1", follow_elsewhere);
}

static void ask_nonsense(void)
{
    static const char *const urls[] = {"", "localhost", "ftp://localhost/", "file:///etc/passwd",
        "gopher://localhost/", "https://", "https://a b/", "https://u:p@localhost/", "https://u@localhost/",
        "https://localhost/\r\nX: y", "https://localhost:99999/", "smtp://localhost/"};
    static const char *const lines[] = {
        "X", ": y", "A b: c", "A: b\r\nC: d", "Host: x", "Content-Length: 1", "Transfer-Encoding: chunked"};
    const char *headers[] = {NULL, NULL};
    struct fetch f = request_to("https", "localhost", "/ok");

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        headers[0] = lines[i];
        f.headers = headers;
        assert_int_equal(fetch_run(arena, &f, &answer), -EINVAL);
    }
    f.headers = NULL;
    f.method = "CONNECT";
    assert_int_equal(fetch_run(arena, &f, &answer), -EINVAL);
    f.method = "GET";
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        f.url = urls[i];
        assert_int_equal(fetch_run(arena, &f, &answer), -EINVAL);
    }
    assert_int_equal(requests, 0);
}

static void nonsense_is_not_sent(void **state)
{
    (void)state;
    run("localhost", ask_nonsense);
}

/* ---- who answers badly ---- */

static void ask_badly(void)
{
    struct fetch f = request_to("https", "localhost", "/hang");
    int64_t began = clock_mono_ms();

    f.timeout_ms = 200;
    assert_int_equal(fetch_run(arena, &f, &answer), -ETIMEDOUT);
    assert_true(answer.is_sent);
    assert_in_range(clock_mono_ms() - began, 200, PATIENCE_MS / 2);
    f.url = request_to("https", "localhost", "/drip").url;
    assert_int_equal(fetch_run(arena, &f, &answer), -ETIMEDOUT);
    assert_int_equal(get("https", "localhost", "/large"), -EMSGSIZE);
    assert_int_equal(get("https", "localhost", "/endless"), -EMSGSIZE);
    assert_true(answer.body.len <= 100000);
    assert_int_equal(get("https", "localhost", "/cut"), -ECONNRESET);
    assert_int_equal(get("https", "localhost", "/garbage"), -EPROTO);
    ports[0] = 1; /* nobody is there */
    assert_int_equal(get("https", "localhost", "/ok"), -EHOSTUNREACH);
    assert_false(answer.is_sent);
    assert_int_equal(get("https", "nobody.invalid", "/ok"), -EHOSTUNREACH);
    assert_false(answer.is_sent);
}

static void bad_answers_end(void **state)
{
    (void)state;
    run("localhost", ask_badly);
    assert_true(served_bytes < 64u << 20); /* of ten gigabytes */
}

static void ask_unverified(void)
{
    /* Signed by nobody who is believed. */
    assert_int_equal(get("https", "127.0.0.1", "/ok"), -EKEYREJECTED);
    assert_false(answer.is_sent);
    assert_int_equal(requests, 0);
}

static void ask_by_another_name(void)
{
    /* The same server; its certificate does not name it so. */
    assert_int_equal(get("https", "[::ffff:127.0.0.1]", "/ok"), -EKEYREJECTED);
    assert_int_equal(requests, 0);
}

static void certificates_are_verified(void **state)
{
    CLEANUP(mem_freep) char *own = str_dup(ca_file);

    (void)state;
    run("::ffff:127.0.0.1", ask_by_another_name);
    snprintf(ca_file, sizeof(ca_file), "%s/other.crt", scratch_dir);
    run("localhost, 127.0.0.1", ask_unverified);
    snprintf(ca_file, sizeof(ca_file), "%s", own);
}

static int outcome;

static void hang(void *arg)
{
    struct fetch f = request_to("https", "localhost", "/hang");
    struct arena *own = arena_new();
    struct fetch_answer a;

    outcome = fetch_run(own, &f, &a);
    *(bool *)arg = true;
    arena_free(own);
}

static void be_cancelled(void)
{
    bool ended[5] = {false};
    struct fiber *f[5];

    for (int i = 0; i < 5; i++) {
        assert_int_equal(fiber_spawn(hang, &ended[i], "hangs", &f[i]), 0);
        assert_int_equal(fiber_sleep(1), 0);
    }
    while (requests < 4)
        assert_int_equal(fiber_sleep(1), 0);
    assert_true(ended[4]); /* the fifth at once has no place */
    assert_int_equal(outcome, -EBUSY);
    for (int i = 0; i < 4; i++) {
        assert_false(ended[i]);
        fiber_cancel(f[i]);
        while (!ended[i])
            assert_int_equal(fiber_sleep(1), 0);
        assert_int_equal(outcome, -ECANCELED);
    }
    assert_int_equal(get("https", "localhost", "/ok"), 0);
}

static void waits_can_be_cancelled(void **state)
{
    (void)state;
    run("localhost", be_cancelled);
}

/* What others' requests take up speaks against no channel; what the other side does, does. */
static void too_many_at_once_is_nobodys_fault(void **state)
{
    struct fetch_answer none = {0};
    struct outcome o;

    (void)state;
    assert_false(answer_is_good(-EBUSY, &none, &o));
    assert_int_equal(o.fate, FATE_LATER);
    assert_false(o.is_ours);
    assert_false(answer_is_good(-EHOSTUNREACH, &none, &o));
    assert_int_equal(o.fate, FATE_LATER);
    assert_true(o.is_ours);
}

/* ---- addresses ---- */

static struct sockaddr_storage address_of(const char *s)
{
    struct sockaddr_storage a = {.ss_family = strchr(s, ':') ? AF_INET6 : AF_INET};
    void *at = a.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)(void *)&a)->sin_addr
                                      : (void *)&((struct sockaddr_in6 *)(void *)&a)->sin6_addr;

    assert_int_equal(inet_pton(a.ss_family, s, at), 1);
    return a;
}

static void addresses_are_told_apart(void **state)
{
    static const char *const open[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
        "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.1.1", "172.15.255.255", "172.32.0.0",
        "192.0.1.1", "192.167.1.1", "192.169.1.1", "198.17.1.1", "198.20.0.1", "223.255.255.255",
        "2400:3200::1", "2001:200::1", "2606:4700::1111", "::ffff:1.1.1.1", "2002:101:101::1",
        "64:ff9b::101:101"};
    static const char *const closed[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255",
        "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
        "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1",
        "fd12::1", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "3fff::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::1", "2002:a00:1::1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        struct sockaddr_storage a = address_of(open[i]);

        if (!address_is_public((struct sockaddr *)&a))
            fail_msg("%s is public", open[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        struct sockaddr_storage a = address_of(closed[i]);

        if (address_is_public((struct sockaddr *)&a))
            fail_msg("%s is not public", closed[i]);
    }
}

static void lists_are_read(void **state)
{
    static const char *const bad[] = {
        "10.0.0.0/33", "::1/129", "1.2.3", "10.0.0.0/", "-a.b", "a_b", "a b", "https://a", "a:80", "*.a"};
    struct allow_list *l = NULL;
    struct sockaddr_storage a = address_of("10.1.255.255"), b = address_of("10.2.0.0"),
                            v6 = address_of("fd00:1::5");

    (void)state;
    assert_int_equal(allow_parse("Mail.Example.cn , 10.1.0.0/16,fd00::/8,,", &l, NULL), 0);
    assert_true(allow_has_name(l, TEXT("mail.example.CN")));
    assert_false(allow_has_name(l, TEXT("example.cn")));
    assert_true(allow_has_address(l, (struct sockaddr *)&a));
    assert_false(allow_has_address(l, (struct sockaddr *)&b));
    assert_true(allow_has_address(l, (struct sockaddr *)&v6));
    allow_free(l);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_done) struct buf fault = BUF_INIT;

        assert_int_equal(allow_parse(bad[i], &l, &fault), -EINVAL);
        assert_string_equal(buf_str(&fault), bad[i]);
    }
}

/* ---- certificates ---- */

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

static void make_certificate(const char *name, const char *alternatives)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternatives);
    char file[64];

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_add_ext(cert, names, -1);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    snprintf(file, sizeof(file), "%s.crt", name);
    write_pem(file, NULL, cert);
    snprintf(file, sizeof(file), "%s.key", name);
    write_pem(file, key, NULL);
    X509_EXTENSION_free(names);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int make_scratch(void **state)
{
    char certificate[128], key[128];
    const char *why = NULL;

    (void)state;
    snprintf(scratch_dir, sizeof(scratch_dir), "/tmp/juxin-fetch-XXXXXX");
    assert_non_null(mkdtemp(scratch_dir));
    make_certificate("own", "DNS:localhost,IP:127.0.0.1");
    make_certificate("other", "DNS:localhost,IP:127.0.0.1");
    snprintf(certificate, sizeof(certificate), "%s/own.crt", scratch_dir);
    snprintf(key, sizeof(key), "%s/own.key", scratch_dir);
    snprintf(ca_file, sizeof(ca_file), "%s", certificate);
    tls = tls_new(certificate, key, (struct text){NULL, 0}, &why);
    assert_non_null(tls);
    return 0;
}

static int drop_scratch(void **state)
{
    static const char *const files[] = {"own.crt", "own.key", "other.crt", "other.key"};
    char path[128];

    (void)state;
    tls_free(tls);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", scratch_dir, files[i]);
        unlink(path);
    }
    return rmdir(scratch_dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(requests_are_made),
        cmocka_unit_test(nothing_private_is_reached),
        cmocka_unit_test(a_range_allows),
        cmocka_unit_test(redirects_are_judged),
        cmocka_unit_test(headers_stay_with_their_host),
        cmocka_unit_test(nonsense_is_not_sent),
        cmocka_unit_test(bad_answers_end),
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(waits_can_be_cancelled),
        cmocka_unit_test(too_many_at_once_is_nobodys_fault),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_scratch, drop_scratch);
}
