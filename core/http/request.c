/* Reading a request: fields, parameters, cookies. */
#include "http/request.h"

#include "base/json.h"
#include "http/response.h"
#include "http/router.h"

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

struct text request_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->field_count; i++)
        if (text_is_nocase(r->fields[i].name, name))
            return r->fields[i].value;
    return (struct text){NULL, 0};
}

struct text request_query(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->query_count; i++)
        if (text_is(r->query[i].name, name))
            return r->query[i].value;
    return (struct text){NULL, 0};
}

/* cookie-octet: visible ASCII but blank, '"', ',', ';', '\'. */
static bool is_cookie_value(struct text v)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = (uint8_t)v.ptr[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

struct text request_cookie(const struct request *r, const char *name)
{
    struct text found = {NULL, 0};

    for (size_t i = 0; i < r->field_count; i++) {
        struct text rest = r->fields[i].value;

        if (!text_is_nocase(r->fields[i].name, "cookie"))
            continue;
        while (rest.ptr) {
            struct text value = text_trim(text_split(&rest, ';'), " \t"), key = text_split(&value, '=');

            if (!text_is(key, name) || !value.ptr)
                continue;
            if (found.ptr)
                return (struct text){NULL, 0};
            if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
                value = (struct text){value.ptr + 1, value.len - 2};
            if (!is_cookie_value(value))
                return (struct text){NULL, 0};
            found = value;
        }
    }
    return found;
}

struct text request_param(const struct request *r, const char *name)
{
    const char *p = r->route ? r->route->pattern : "";
    size_t len = strlen(name);

    for (size_t i = 0; i < HTTP_PATH_PARAMS_MAX; i++) {
        p = strchr(p, '{');
        if (!p)
            break;
        p++;
        if (strncmp(p, name, len) == 0 && (p[len] == '}' || p[len] == '*'))
            return r->path_params[i];
    }
    return (struct text){NULL, 0};
}
