/* Notices of plugins, by the templates of their manifests. */
#include "access/notice.h"
#include "base/json.h"
#include "plugin/host/host.h"

#define HOLDERS_MAX 1000
#define PARAMS_MAX 20
#define PARAM_CHARS_MAX 200
#define RESOURCE_MAX 100

static bool is_own_kind(const struct plugin *p, const char *name)
{
    for (size_t i = 0; i < p->notice_count; i++)
        if (strcmp(p->notices[i].name, name) == 0)
            return true;
    return false;
}

/* An object of short texts; NULL for what is none. */
static const char *params_of(struct arena *a, struct text json)
{
    const char *key, *text = NULL;
    json_t *params, *v;
    size_t n = 0;

    if (!json.ptr)
        return "{}";
    if (json.len > PARAMS_MAX * PARAM_CHARS_MAX * 4 || json_parse(json, JSON_LIMITS, &params, NULL) < 0)
        return NULL;
    if (json_is_object(params) && json_object_size(params) <= PARAMS_MAX) {
        json_object_foreach(params, key, v) n +=
            json_is_string(v) && text_chars(text_of(json_string_value(v))) <= PARAM_CHARS_MAX;
        if (n == json_object_size(params))
            text = arena_ndup(a, json.ptr, json.len);
    }
    json_decref(params);
    return text;
}

static int tell(struct call *c, const struct notice *n, const struct uuid *holders, uint32_t count)
{
    struct uuid *people;
    uint32_t all;
    int r = call_begin(c);

    notice_people(c, holders, count, &people, &all);
    return r < 0 ? r : notice_add(c, n, people, all);
}

static int32_t notify_tell(struct jx_call *call, const struct jx_notice *notice)
{
    struct arena *a = call->c->arena;
    struct notice n = {.record = UUID_NIL};
    struct plugin_frame *frame;
    struct uuid *holders;
    const char *name;
    int r;

    if (notice->size < sizeof(*notice) || !notice->kind || notice->holder_count > HOLDERS_MAX ||
        !host_has_unit(call, notice->unit))
        return JX_EINVAL;
    if (call->is_read_only)
        return JX_EACCES;
    name = host_words(a, notice->kind, 100);
    if (!is_own_kind(call->plugin, name))
        return JX_ENOENT;
    n.kind = arena_printf(a, "%s.%s", call->plugin->id, name);
    n.unit = tree_unit(call->c->tenant->tree, notice->unit).id;
    n.params = params_of(a, host_untext(notice->params));
    n.record = host_unid(notice->record);
    n.resource = uuid_is_nil(n.record) ? NULL : host_words(a, notice->resource, RESOURCE_MAX);
    if (!n.params || (!uuid_is_nil(n.record) && !n.resource))
        return JX_EINVAL;
    r = host_go_on(call);
    if (r < 0)
        return r;
    holders = arena_array(a, notice->holder_count + 1u, sizeof(*holders));
    for (uint32_t i = 0; i < notice->holder_count; i++)
        holders[i] = host_unid(notice->holders[i]);
    frame = frame_pause();
    r = host_keep_place(call);
    if (r == 0)
        r = tell(call->c, &n, holders, notice->holder_count);
    frame_resume(frame);
    return host_error(call, r);
}

const struct jx_notify_api host_notify = {
    .size = sizeof(host_notify),
    .tell = notify_tell,
};
