/* A stack of open brackets, one bit each. After the first fault nothing more is written. */
#include "plugin/host/output.h"

void output_init(struct jx_json *o, struct jsonw *w)
{
    *o = (struct jx_json){.w = w};
}

const char *output_fault(const struct jx_json *o)
{
    if (o->fault)
        return o->fault;
    if (!o->has_value)
        return "nothing was written";
    return o->depth > 0 ? "an object or array is not closed" : NULL;
}

static bool fail(struct jx_json *o, const char *fault)
{
    if (!o->fault)
        o->fault = fault;
    return false;
}

static bool is_in_array(const struct jx_json *o)
{
    return o->depth > 0 && (o->arrays >> (o->depth - 1) & 1);
}

static bool has_room(struct jx_json *o, uint64_t more)
{
    return more <= OUTPUT_MAX && o->w->out->len <= OUTPUT_MAX - more ? true : fail(o, "more than 8 MB");
}

static bool before_value(struct jx_json *o, uint64_t size)
{
    if (o->fault || !has_room(o, size))
        return false;
    if (o->depth == 0 && o->has_value)
        return fail(o, "a second value");
    if (o->depth > 0 && !is_in_array(o) && !o->has_key)
        return fail(o, "a value without a key");
    o->has_value = true;
    o->has_key = false;
    return true;
}

void output_open(struct jx_json *o, bool is_array)
{
    if (!before_value(o, 1))
        return;
    if (o->depth == OUTPUT_DEPTH) {
        fail(o, "nested too deeply");
        return;
    }
    o->arrays = (o->arrays & ~(1u << o->depth)) | (uint32_t)is_array << o->depth;
    o->depth++;
    if (is_array)
        jsonw_array(o->w);
    else
        jsonw_object(o->w);
}

void output_close(struct jx_json *o, bool is_array)
{
    if (o->fault)
        return;
    if (o->depth == 0 || is_in_array(o) != is_array || o->has_key) {
        fail(o, "an end that has no beginning");
        return;
    }
    o->depth--;
    if (is_array)
        jsonw_array_end(o->w);
    else
        jsonw_object_end(o->w);
}

/* Malformed bytes become U+FFFD. */
static void write_text(struct jx_json *o, struct text t, bool is_key)
{
    struct buf repaired = BUF_INIT;

    if (!text_is_utf8(t)) {
        buf_add_repaired(&repaired, t);
        t = buf_text(&repaired);
    }
    if (is_key)
        jsonw_key_text(o->w, t);
    else
        jsonw_text(o->w, t);
    buf_done(&repaired);
}

void output_key(struct jx_json *o, struct text key)
{
    if (o->fault || !has_room(o, key.len))
        return;
    if (o->depth == 0 || is_in_array(o) || o->has_key) {
        fail(o, "a key outside of an object");
        return;
    }
    o->has_key = true;
    write_text(o, key, true);
}

void output_text(struct jx_json *o, struct text value)
{
    if (!before_value(o, value.ptr ? value.len : 4))
        return;
    if (value.ptr)
        write_text(o, value, false);
    else
        jsonw_null(o->w);
}

void output_int(struct jx_json *o, int64_t value)
{
    if (before_value(o, 20))
        jsonw_int(o->w, value);
}

void output_bool(struct jx_json *o, bool value)
{
    if (before_value(o, 5))
        jsonw_bool(o->w, value);
}
