/* P/R/{id}/reveal: sensitive values of one record, with a reason. */
#include "api/reveal.h"

#include <errno.h>

#include "api/resource_routes.h"
#include "resource/declare/resource.h"
#include "resource/declare/value.h"
#include "resource/record/reader.h"
#include "resource/record/secret.h"

static int take_fields(struct call *c, const json_t *body, const char **ret)
{
    const json_t *list = json_object_get(body, "fields"), *v;
    const char *names = NULL;
    size_t i;

    *ret = NULL;
    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > RESOURCE_FIELDS_MAX)
        return call_fail_at(c, "/fields", "type", "A list of names of fields.", "应为字段名称的列表。");
    json_array_foreach(list, i, v)
    {
        const char *name = json_is_string(v) ? json_string_value(v) : "";

        if (!*name || strchr(name, ','))
            return call_fail_at(c, "/fields", "unknown_field", "Names of fields.", "应为字段名称。");
        if (names && strstr(arena_printf(c->arena, ",%s,", names), arena_printf(c->arena, ",%s,", name)))
            return call_fail_at(c, "/fields", "twice", "Each name once.", "字段名称不得重复。");
        names = names ? arena_printf(c->arena, "%s,%s", names, name) : name;
    }
    *ret = names;
    return 0;
}

static void write_values(struct jsonw *w, const struct record *rec, const char *names)
{
    struct text rest = text_of(*names ? names : NULL);

    jsonw_object(w);
    jsonw_kuuid(w, "id", rec->id);
    jsonw_key(w, "values");
    jsonw_object(w);
    while (rest.ptr) {
        const struct field *f = resource_field(rec->res, text_split(&rest, ','));

        jsonw_quoted_key(w, f->json_key);
        value_write(w, f, rec->values[f->index]);
    }
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static int reveal(struct call *c, struct request *r)
{
    static const char *const known[] = {"reason", "fields", NULL};
    struct secret_reveal in;
    struct record *rec;
    const char *names;
    struct uuid id;
    json_t *body;
    int e = api_id(c, r, "id", &id);

    if (e == 0)
        e = request_object(r, known, &body);
    if (e == 0)
        e = api_str(c, body, "reason", true, &in.reason);
    if (e == 0)
        e = take_fields(c, body, &in.fields);
    if (e == 0)
        e = call_begin(c);
    if (e == 0)
        e = record_fetch(c, api_resource(c, r), id, false, &rec);
    if (e == 0)
        e = secret_reveal(c, rec, &in, &names);
    if (e == 0)
        e = call_commit(c); /* nothing is shown that is not noted */
    if (e < 0)
        return e;
    write_values(response_json(r, 200), rec, names);
    return 0;
}

static const struct api_route templates[] = {
    {.method = HTTP_POST,
        .path = "/reveal",
        .flags = API_NO_REPLAY,
        .handle = reveal,
        .request_schema =
            "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"reason\"],\"properties\":{"
            "\"reason\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":500,\"description\":\"The person "
            "reads it\"},\"fields\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}",
        .response_schema = "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\",\"format\":"
                           "\"uuid\"},\"values\":{\"type\":\"object\"}}}",
        .summary_en = "Show what is masked of one record, with a reason",
        .summary_zh = "查看单条记录的敏感信息（须说明用途，留痕）"},
};

int api_reveal_routes(struct router *rt)
{
    int e = 0;

    for (uint32_t i = 0; i < resource_count() && e == 0; i++)
        if (secret_has_any(resource_at(i)))
            e = api_add_all(rt, resource_routes(resource_at(i), "/{id}", templates, ARRAY_LEN(templates)),
                ARRAY_LEN(templates));
    return e;
}
