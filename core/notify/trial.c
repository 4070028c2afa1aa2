/* Trying a channel. */
#include <errno.h>

#include "notify/message.h"

#define LATER_US (INT64_C(120) * 1000000) /* than it takes: it is not the carrier's */

static int find(struct call *c, const struct trial *in, struct message *m, struct uuid *ret_unit)
{
    const struct db_rows *rows;
    struct channel ch;
    int r = channel_find(c, in->channel, &rows);

    if (r == 0)
        r = channel_of(c, rows, 0, &ch);
    if (r < 0)
        return r;
    *ret_unit = ch.unit;
    if (!ch.kind->address)
        return in->to ? call_fail_at(
                            c, "/to", "robot", "A robot speaks to its group.", "机器人只能发送到所在群。")
                      : 0;
    if (!in->to)
        return call_fail_at(c, "/to", "required", "To whom?", "请填写接收地址。");
    r = ch.kind->address(c->arena, in->to, &m->to, &m->masked);
    return r < 0 ? call_fail_at(c, "/to", "address", "Not an address of this kind of channel.",
                       "不是此类通道的有效地址。")
                 : 0;
}

int message_try(struct call *c, const struct trial *in, struct outcome *ret)
{
    struct message m = {.channel = in->channel, .what = in->what, .params = in->params};
    bool is_sent = false;
    int64_t wait_s = 0;
    struct uuid id, unit;
    int r = find(c, in, &m, &unit);

    if (r == 0)
        r = call_begin(c);
    if (r < 0)
        return r;
    m.due_us = c->now_us + LATER_US;
    m.until_us = m.due_us + LATER_US;
    r = message_add(c, &m, &id);
    if (r == 0)
        r = call_audit(c, "channel.test", "channel", in->channel, unit, NULL);
    if (r == 0)
        r = call_commit(c);
    if (r == 0)
        r = message_carry(c, id, true, ret, &is_sent, &wait_s);
    if (r == 0 && !is_sent) {
        r = call_fail(c, 429, "rate", "Too many messages at the moment; try again later.",
            "发送过于频繁，请稍后再试。");
        c->fault.retry_after_s = MAX(wait_s, 1);
    }
    return r;
}
