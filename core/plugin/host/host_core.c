/* The table of basic functions: log, clock, ids, memory, text, settings. Nothing here suspends. */
#include <stdarg.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"

#define ALLOC_MAX (1u << 20)
#define EVENT_MAX 200
#define DETAIL_MAX 4000
#define FORMAT_MAX (64u << 10)

static void core_log(struct jx_call *call, uint32_t level, const char *event, const char *detail)
{
    const struct plugin_frame *frame = frame_current();
    const char *plugin = call ? call->plugin->id : frame ? frame->plugin->id : "unknown";
    struct arena *words = arena_new(); /* there may be no call, and a line is not kept */

    log_event(level <= JX_LOG_ERROR ? (enum log_level)level : LOG_ERROR, "plugin.log",
        LF_STR("plugin", plugin), LF_STR("what", host_words(words, event, EVENT_MAX)),
        LF_STR("detail", host_words(words, detail, DETAIL_MAX)));
    arena_free(words);
}

static int64_t core_now(struct jx_call *call)
{
    return call ? call->c->now_us : clock_wall_us();
}

static struct jx_id core_id_new(void)
{
    return host_id(uuid_new());
}

static struct jx_text core_id_text(struct jx_call *call, struct jx_id id)
{
    return (struct jx_text){arena_dup(call->c->arena, uuid_format(host_unid(id)).s), UUID_TEXT_LEN};
}

static int32_t core_id_parse(struct jx_text text, struct jx_id *ret)
{
    struct uuid id;

    if (uuid_parse(host_untext(text), &id) < 0)
        return JX_EINVAL;
    *ret = host_id(id);
    return 0;
}

static void *core_alloc(struct jx_call *call, uint64_t size)
{
    return size > ALLOC_MAX ? NULL : arena_alloc(call->c->arena, size);
}

static PRINTF_LIKE(2, 3) struct jx_text core_format(struct jx_call *call, const char *format, ...)
{
    va_list args, again;
    char *out;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    len = len < 0 ? 0 : MIN(len, (int)FORMAT_MAX);
    out = arena_alloc(call->c->arena, (size_t)len + 1);
    vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return (struct jx_text){out, (uint64_t)len};
}

static struct jx_text core_json_quote(struct jx_call *call, struct jx_text text)
{
    struct buf b = BUF_INIT;
    struct jx_text out;

    if (!text.ptr)
        return (struct jx_text)JX_LITERAL("null");
    jsonw_quote(&b, host_untext(text));
    out = (struct jx_text){arena_ndup(call->c->arena, buf_str(&b), b.len), b.len};
    buf_done(&b);
    return out;
}

static struct jx_text core_setting(struct jx_call *call, jx_unit unit, const char *key)
{
    return host_text(text_of(policy_setting(call->c, call->plugin->id, unit, key)));
}

const struct jx_core_api host_core = {
    .size = sizeof(host_core),
    .log = core_log,
    .now = core_now,
    .id_new = core_id_new,
    .id_text = core_id_text,
    .id_parse = core_id_parse,
    .alloc = core_alloc,
    .format = core_format,
    .json_quote = core_json_quote,
    .setting = core_setting,
};
