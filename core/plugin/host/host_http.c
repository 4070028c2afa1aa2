/* The request and the answer of a plugin's route; JSON writing for providers too. */
#include "base/jsonw.h"
#include "http/request.h"
#include "http/response.h"
#include "plugin/host/host.h"

static const struct jx_text no_value = {NULL, 0};

static struct jx_text http_param(struct jx_call *call, const char *name)
{
    return call->request ? host_text(request_param(call->request, name)) : no_value;
}

static struct jx_text http_query(struct jx_call *call, const char *name)
{
    return call->request ? host_text(request_query(call->request, name)) : no_value;
}

static struct jx_text value_text(struct call *c, const json_t *v)
{
    struct buf b = BUF_INIT;
    struct jsonw w;
    struct jx_text out;

    if (!v || json_is_null(v))
        return no_value;
    if (json_is_string(v))
        return (struct jx_text){json_string_value(v), json_string_length(v)};
    jsonw_init(&w, &b);
    jsonw_value(&w, v);
    out = (struct jx_text){arena_ndup(c->arena, buf_str(&b), b.len), b.len};
    buf_done(&b);
    return out;
}

static struct jx_text http_body(struct jx_call *call, const char *member)
{
    return call->body ? value_text(call->c, json_object_get(call->body, member)) : no_value;
}

static struct jx_json *http_respond(struct jx_call *call, int32_t status)
{
    if (!call->request || status < 200 || status > 299)
        return NULL;
    response_reset(call->request->response);
    output_init(&call->output, response_json(call->request, status));
    call->has_answer = true;
    return &call->output;
}

static void w_object(struct jx_json *out)
{
    output_open(out, false);
}

static void w_object_end(struct jx_json *out)
{
    output_close(out, false);
}

static void w_array(struct jx_json *out)
{
    output_open(out, true);
}

static void w_array_end(struct jx_json *out)
{
    output_close(out, true);
}

static void w_key(struct jx_json *out, const char *key)
{
    output_key(out, text_of(key));
}

static void w_text(struct jx_json *out, struct jx_text value)
{
    output_text(out, host_untext(value));
}

static void w_int(struct jx_json *out, int64_t value)
{
    output_int(out, value);
}

static void w_bool(struct jx_json *out, bool value)
{
    output_bool(out, value);
}

static void http_veto_status(struct jx_call *call, int32_t status)
{
    if (status >= 400 && status <= 499)
        call->veto_status = status;
}

const struct jx_http_api host_http = {
    .size = sizeof(host_http),
    .param = http_param,
    .query = http_query,
    .body = http_body,
    .respond = http_respond,
    .json_object = w_object,
    .json_object_end = w_object_end,
    .json_array = w_array,
    .json_array_end = w_array_end,
    .json_key = w_key,
    .json_text = w_text,
    .json_int = w_int,
    .json_bool = w_bool,
    .veto_status = http_veto_status,
};
