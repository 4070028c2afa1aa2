/* A minimal client for the admin listener on this machine. */
#include "ctl/ask.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/listen.h"

static int split(const struct buf *answer, int *ret_status, struct buf *body)
{
    CLEANUP(mem_freep) char *text = str_ndup(buf_str(answer), answer->len);
    const char *at = strstr(text, "\r\n\r\n");
    int64_t status;

    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || !at ||
        text_to_i64((struct text){text + 9, 3}, 100, 599, &status) < 0)
        return -EPROTO;
    *ret_status = (int)status;
    buf_adds(body, at + 4);
    return 0;
}

int ask_server(const struct config *config, const char *path, int *ret_status, struct buf *body)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT;
    CLEANUP(mem_freep) char *name = NULL;
    CLEANUP(mem_freep) char *request = NULL;
    struct timeval patience = {.tv_sec = 5};
    struct listen_address at;
    int fd, r;

    if (!config->admin.address)
        return -EDESTADDRREQ;
    name = str_printf(strchr(config->admin.address, ':') ? "[%s]:%d" : "%s:%d", config->admin.address,
        (int)config->admin.port);
    r = listen_parse(text_of(name), &at);
    if (r < 0)
        return r;
    fd = socket(at.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    request = str_printf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, name);
    if (connect(fd, (const struct sockaddr *)&at.addr, at.len) < 0 ||
        write(fd, request, strlen(request)) != (ssize_t)strlen(request))
        r = -errno;
    if (r == 0)
        r = file_take(fd, 1u << 24, &answer);
    close(fd);
    return r == 0 ? split(&answer, ret_status, body) : r;
}
