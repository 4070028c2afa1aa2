/* The shared memory of a server: an anonymous file, so that it can be handed to the next binary. */
#include "loop/slots.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"

static int map(int fd, struct slots **ret)
{
    void *at = mmap(NULL, sizeof(struct slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED)
        return -errno;
    *ret = at;
    return 0;
}

int slots_create(int *ret_fd, struct slots **ret)
{
    int fd = memfd_create("juxin-slots", MFD_CLOEXEC);
    struct slots *s = NULL;
    int r;

    if (fd < 0)
        return -errno;
    r = ftruncate(fd, sizeof(*s)) < 0 ? -errno : map(fd, &s);
    if (r < 0) {
        close(fd);
        return r;
    }
    s->layout = SLOTS_LAYOUT;
    s->size = sizeof(*s);
    s->started_us = clock_wall_us();
    random_bytes(s->ticket_keys, sizeof(s->ticket_keys));
    random_bytes(&s->flood.seed, sizeof(s->flood.seed));
    *ret_fd = fd;
    *ret = s;
    return 0;
}

int slots_attach(int fd, struct slots **ret)
{
    struct slots *s = NULL;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size != sizeof(*s))
        return -EINVAL;
    r = map(fd, &s);
    if (r < 0)
        return r;
    if (s->layout != SLOTS_LAYOUT || s->size != sizeof(*s)) {
        slots_detach(s);
        return -EINVAL;
    }
    *ret = s;
    return 0;
}

void slots_detach(struct slots *s)
{
    if (s)
        munmap(s, sizeof(*s));
}

struct slot *slots_take(struct slots *s, uint32_t index, uint32_t generation)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &s->slot[i];

        if (slot->state != SLOT_FREE)
            continue;
        memset(slot, 0, sizeof(*slot));
        slot->index = index;
        slot->generation = generation;
        slot->state = SLOT_STARTING;
        return slot;
    }
    return NULL;
}

void slots_give_back(struct slots *s, struct slot *slot)
{
    for (int m = 0; m < METRIC_GAUGES; m++)
        atomic_fetch_add(&s->retired[m], atomic_exchange(&slot->metrics[m], 0));
    slot->state = SLOT_FREE;
}

int64_t slots_sum(const struct slots *s, enum slot_metric m)
{
    int64_t sum = s->retired[m];

    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (s->slot[i].state != SLOT_FREE)
            sum += s->slot[i].metrics[m];
    return sum;
}

uint32_t slots_in_state(const struct slots *s, enum slot_state state)
{
    uint32_t n = 0;

    for (size_t i = 0; i < SLOTS_MAX; i++)
        n += s->slot[i].state == (uint32_t)state;
    return n;
}
