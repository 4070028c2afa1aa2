/* A server that knows /livez and nothing else, for measuring the HTTP floor: http_hello 127.0.0.1:8090 [WORKERS
 * [CERTIFICATE KEY]]. Not a test. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/response.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "loop/loop.h"
#include "net/listen.h"
#include "net/tls.h"

static int livez(struct request *r)
{
    response_bytes(r, 200, "text/plain", TEXT("ok\n"));
    return 0;
}

static const struct http_route live = {.method = HTTP_GET, .pattern = "/livez", .handle = livez};

static int serve(const struct listen_address *address, struct tls *tls)
{
    struct http_server_config config = {.limits = HTTP_LIMITS_DEFAULT};
    struct router *router = router_new();
    struct http_server *server;
    int fd;

    if (loop_init() < 0 || router_add(router, &live) < 0 || listen_open(address, &fd) < 0)
        return 1;
    fiber_system_init((struct fiber_limits){1024, 64});
    config.router = router;
    if (http_server_new(&config, &server) < 0 || http_server_listen(server, fd, tls) < 0)
        return 1;
    loop_run();
    return 0;
}

int main(int argc, char **argv)
{
    struct listen_address address;
    int64_t workers = 1;
    const char *why;
    struct tls *tls = NULL;

    if (argc < 2 || listen_parse(text_of(argv[1]), &address) < 0 ||
        (argc > 2 && text_to_i64(text_of(argv[2]), 1, 64, &workers) < 0)) {
        fprintf(stderr, "usage: http_hello ADDRESS:PORT [WORKERS [CERTIFICATE KEY]]\n");
        return 2;
    }
    if (argc > 4) {
        tls = tls_new(argv[3], argv[4], (struct text){NULL, 0}, &why);
        if (!tls) {
            fprintf(stderr, "http_hello: %s\n", why);
            return 1;
        }
    }
    while (--workers > 0) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            break;
        }
    }
    return serve(&address, tls);
}
