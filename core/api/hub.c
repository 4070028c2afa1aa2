/* Who listens: the tenants' channels, and the streams of each. */
#include "api/hub.h"

#include "api/hub_parts.h"
#include "base/mem.h"
#include "loop/fiber.h"

struct hub hub;

void hub_init(const struct hub_config *config)
{
    hub = (struct hub){.config = *config};
}

bool hub_is_running(void)
{
    return hub.fiber != NULL;
}

void hub_stop(void)
{
    hub.is_stopping = true;
    if (hub.fiber)
        fiber_cancel(hub.fiber);
}

struct hub_channel *hub_channel(int32_t tenant)
{
    struct hub_channel **bucket = &hub.channels[(uint32_t)tenant % HUB_BUCKETS], *ch = *bucket;

    while (ch && ch->tenant != tenant)
        ch = ch->next;
    if (ch)
        return ch;
    ch = mem_zalloc(sizeof(*ch));
    ch->tenant = tenant;
    ch->next = *bucket;
    *bucket = ch;
    return ch;
}

void hub_add(struct hub_channel *ch, struct hub_stream *s)
{
    s->channel = ch;
    s->prev = ch->last;
    *(ch->last ? &ch->last->next : &ch->first) = s;
    ch->last = s;
    hub.count++;
}

void hub_remove(struct hub_stream *s)
{
    struct hub_channel *ch = s->channel;

    if (ch->cursor == s)
        ch->cursor = s->next;
    *(s->prev ? &s->prev->next : &ch->first) = s->next;
    *(s->next ? &s->next->prev : &ch->last) = s->prev;
    hub.count--;
    free(s);
}

void hub_sweep(void)
{
    for (uint32_t i = 0; i < HUB_BUCKETS; i++) {
        for (struct hub_channel **at = &hub.channels[i]; *at;) {
            struct hub_channel *ch = *at;

            if (ch->first) {
                at = &ch->next;
                continue;
            }
            *at = ch->next;
            free(ch);
        }
    }
}

void hub_done(void)
{
    for (uint32_t i = 0; i < HUB_BUCKETS; i++)
        for (struct hub_channel *ch = hub.channels[i]; ch; ch = ch->next)
            while (ch->first)
                hub_remove(ch->first);
    hub_sweep();
    db_close(hub.dispatch);
    hub = (struct hub){.is_stopping = true};
}
