/* libcurl on the loop: it names sockets and a time to wait for, and is told when they are ready. */
#include "fetch/multi.h"

#include <errno.h>
#include <event2/event.h>

#include "base/mem.h"
#include "loop/fiber.h"
#include "loop/loop.h"

struct transfer { /* on the stack of the fiber that waits */
    struct fiber_wait wait;
    CURLcode result;
    bool is_over;
};

static struct {
    CURLM *handle;
    struct event *timer;
    uint32_t running, max;
} multi;

/* Curl may not be called from within its own callbacks; these are called by the loop only. */
static void look_for_ended(void)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(multi.handle, &left))) {
        struct transfer *t = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        t->result = m->data.result;
        t->is_over = true;
        fiber_wake(&t->wait);
    }
}

static void act(curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(multi.handle, fd, what, &running);
    look_for_ended();
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)arg;
    act(fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *own)
{
    struct event *e = own;
    short events =
        (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

    (void)easy, (void)arg;
    if (e)
        event_free(e);
    e = what == CURL_POLL_REMOVE ? NULL : event_new(loop_base(), fd, events, socket_ready, NULL);
    if (e)
        event_add(e, NULL);
    curl_multi_assign(multi.handle, fd, e);
    return 0;
}

static int want_timer(CURLM *handle, long ms, void *arg)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    (void)handle, (void)arg;
    if (ms < 0)
        event_del(multi.timer);
    else
        event_add(multi.timer, &tv);
    return 0;
}

int multi_init(uint32_t side_by_side)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    multi.max = side_by_side;
    multi.handle = curl_multi_init();
    multi.timer = event_new(loop_base(), -1, 0, timer_fired, NULL);
    if (!multi.handle || !multi.timer) {
        multi_done();
        return -ENOMEM;
    }
    curl_multi_setopt(multi.handle, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(multi.handle, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(multi.handle, CURLMOPT_MAXCONNECTS, 1L); /* none is kept anyway */
    return 0;
}

void multi_done(void)
{
    if (multi.handle)
        curl_multi_cleanup(multi.handle);
    if (multi.timer)
        event_free(multi.timer);
    multi.handle = NULL;
    multi.timer = NULL;
    curl_global_cleanup();
}

int multi_run(CURL *easy, int64_t deadline_ms, CURLcode *ret)
{
    struct transfer t = {.wait = FIBER_WAIT_INIT};
    int r = 0;

    if (!multi.handle || multi.running >= multi.max)
        return -EBUSY;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)&t);
    if (curl_multi_add_handle(multi.handle, easy) != CURLM_OK)
        return -ENOMEM;
    multi.running++;
    while (r == 0 && !t.is_over)
        r = fiber_park(&t.wait, deadline_ms);
    curl_multi_remove_handle(multi.handle, easy);
    multi.running--;
    *ret = t.result;
    return t.is_over ? 0 : r;
}
