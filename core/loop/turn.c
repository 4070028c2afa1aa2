/* Turns: byte n of the shared file, locked, is turn n. */
#include "loop/turn.h"

#include <errno.h>
#include <fcntl.h>

static struct {
    int fd;
    uint32_t turns, process, held;
} self = {.fd = -1};

void turn_init(int fd, uint32_t turns, uint32_t process)
{
    self.fd = fd;
    self.turns = turns;
    self.process = process;
}

static int lock(int command, short type, uint32_t turn)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = turn, .l_len = 1};
    int r;

    do
        r = fcntl(self.fd, command, &l);
    while (r < 0 && errno == EINTR);
    return r;
}

void turn_take(void)
{
    if (self.fd < 0)
        return;
    for (uint32_t i = 0; i < self.turns; i++) {
        self.held = (self.process + i) % self.turns;
        if (lock(F_SETLK, F_WRLCK, self.held) == 0)
            return;
    }
    self.held = self.process % self.turns;
    lock(F_SETLKW, F_WRLCK,
        self.held); /* fails only when a deadlock was seen: then it is done without a turn */
}

void turn_give(void)
{
    if (self.fd >= 0)
        lock(F_SETLK, F_UNLCK, self.held);
}
