/* The body of a request as JSON, and what is wrong with one that is not. */
#include <errno.h>

#include "base/json.h"
#include "http/request.h"
#include "http/response.h"

/* application/json or application/merge-patch+json, with at most charset=utf-8 behind it. */
static bool is_json_type(struct text type)
{
    struct text media = text_trim(text_split(&type, ';'), " \t");

    if (!text_is_nocase(media, "application/json") && !text_is_nocase(media, "application/merge-patch+json"))
        return false;
    type = text_trim(type, " \t");
    return !type.len || text_is_nocase(type, "charset=utf-8") || text_is_nocase(type, "charset=\"utf-8\"");
}

static void drop_json(void *arg)
{
    json_decref(arg);
}

/* What the JSON reader says, for Chinese readers; unknown sentences stay as they are. */
static const char *in_chinese(const char *message)
{
    static const char *const pairs[][2] = {
        {"nested too deeply", "嵌套层数过多"},
        {"too many values", "值的数量过多"},
        {"not well-formed UTF-8", "不是合法的 UTF-8"},
        {"not well-formed JSON", "不是合法的 JSON"},
        {"a key occurs twice in one object", "同一对象中出现重复的键"},
        {"a string contains U+0000", "字符串中含有 U+0000"},
        {"a number is out of range", "数字超出范围"},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(pairs[i][0], message) == 0)
            return pairs[i][1];
    return message;
}

int request_json(struct request *r, json_t **ret)
{
    struct json_fault fault = {0};
    json_t *value;
    int error;

    if (!is_json_type(request_header(r, "Content-Type")))
        return request_fail(r, 415, "unsupported_media_type", "Send the body as application/json in UTF-8.",
            "请以 UTF-8 编码的 application/json 发送内容。");
    if (request_header(r, "Content-Encoding").len)
        return request_fail(r, 415, "unsupported_content_encoding", "Send the body without content coding.",
            "请勿压缩请求内容。");
    if (!r->body.len)
        return request_fail(r, 400, "body_required", "A JSON body is required.", "缺少 JSON 内容。");
    error = json_parse(r->body, JSON_LIMITS, &value, &fault);
    if (error < 0) {
        char *en = arena_printf(r->arena, "The body is not acceptable JSON: %s (line %u, column %u).",
            fault.message, fault.line, fault.column);
        char *zh = arena_printf(r->arena, "JSON 内容无法接受（第 %u 行第 %u 列）：%s。", fault.line,
            fault.column, in_chinese(fault.message));

        return error == -E2BIG  ? request_fail(r, 400, "json_too_complex", en, zh)
               : error == -EDOM ? request_fail(r, 422, "json_unacceptable", en, zh)
                                : request_fail(r, 400, "malformed_json", en, zh);
    }
    arena_defer(r->arena, drop_json, value);
    *ret = value;
    return 0;
}

static bool is_known(const char *const *known, const char *key)
{
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

static const char *known_list(struct request *r, const char *const *known)
{
    struct buf list = BUF_INIT;
    const char *out;

    for (; *known; known++)
        buf_addf(&list, "%s%s", list.len ? ", " : "", *known);
    out = arena_dup(r->arena, buf_str(&list));
    buf_done(&list);
    return out;
}

int request_object(struct request *r, const char *const *known, json_t **ret)
{
    json_t *object, *member;
    const char *key, *accepted;
    int error = request_json(r, &object), bad = 0;

    if (error < 0)
        return error;
    if (!json_is_object(object)) {
        request_fail_at(r, (struct problem_error){"", "type", "a JSON object", "应为 JSON 对象"});
        return -EINVAL;
    }
    accepted = known_list(r, known);
    json_object_foreach(object, key, member)
    {
        if (is_known(known, key))
            continue;
        if (bad++ < 20)
            request_fail_at(r, (struct problem_error){json_pointer(r->arena, key), "unknown_field",
                                   arena_printf(r->arena, "accepted here: %s", accepted),
                                   arena_printf(r->arena, "可用字段：%s", accepted)});
    }
    if (bad)
        return -EINVAL;
    *ret = object;
    return 0;
}
