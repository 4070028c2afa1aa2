/* Who wants an SMS sent. */
#include "notify/sms.h"

#include <errno.h>

static const struct db_stmt find_gateway = {"sms.gateway",
    "SELECT " CHANNEL_COLUMNS
    " FROM juxin.channel h WHERE h.tenant_id = $1 AND h.kind = 'sms' AND h.state = 'on'"};

static int find(struct call *c, const char *what, struct uuid *ret)
{
    struct db_args *a = arena_alloc(c->arena, sizeof(*a));
    struct db_call call = {.stmt = find_gateway, .args = a};
    struct channel ch;
    int r;

    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    *ret = UUID_NIL;
    r = call_read(c, &call, 1);
    if (r < 0 || db_rows_count(call.rows) == 0)
        return r;
    r = channel_of(c, call.rows, 0, &ch);
    if (r == 0 && json_object_get(json_object_get(ch.config, "templates"), what))
        *ret = ch.id;
    return r;
}

int sms_is_ready(struct call *c, const char *what, bool *ret)
{
    struct uuid id;
    int r = find(c, what, &id);

    *ret = r == 0 && !uuid_is_nil(id);
    return r;
}

static int add(struct call *c, const struct sms *m, int64_t due_us, struct uuid *ret_id)
{
    struct message message = {.what = m->what,
        .account = m->account,
        .to = m->number,
        .masked = sms_mask(c->arena, m->number),
        .params = m->params,
        .due_us = due_us,
        .until_us = m->until_us};
    int r = find(c, m->what, &message.channel);

    if (r == 0 && uuid_is_nil(message.channel))
        r = call_fail(c, 503, "no_sms", "No SMS gateway is set up for this.", "尚未配置可用的短信通道。");
    return r < 0 ? r : message_add(c, &message, ret_id);
}

int sms_add(struct call *c, const struct sms *m, struct uuid *ret_id)
{
    return add(c, m, 0, ret_id);
}

int sms_send(struct call *c, const struct sms *m, struct outcome *ret)
{
    bool is_sent = false;
    int64_t wait_s = 0;
    struct uuid id;
    int r = call_begin(c);

    if (r == 0) /* due later than it takes: it is not the carrier's */
        r = add(c, m, c->now_us + 60 * INT64_C(1000000), &id);
    if (r == 0)
        r = call_commit(c);
    if (r == 0)
        r = message_carry(c, id, true, ret, &is_sent, &wait_s);
    if (r == 0 && !is_sent) {
        r = call_fail(c, 429, "rate", "Too many messages at the moment; try again later.",
            "短信发送过于频繁，请稍后再试。");
        c->fault.retry_after_s = MAX(wait_s, 1);
    }
    return r;
}
