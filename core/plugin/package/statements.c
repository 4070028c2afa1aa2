/* queries.sql into statements. */
#include "plugin/package/statements.h"

#include <errno.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "plugin/package/sqlcheck.h"

#define STATEMENTS_MAX 256

static const char *const type_names[STATEMENT_TYPES + 1] = {
    "uuid", "text", "int", "bigint", "boolean", "date", "timestamptz", NULL};

struct parsing {
    const struct diag_file *f;
    const char *plugin;
    struct arena *a;
    struct diags *d;
    struct statement *list;
    size_t count;
};

static void read_params(struct parsing *p, struct statement *s, struct text list, uint32_t line)
{
    while (list.ptr && list.len > 0) {
        struct text word = text_trim(text_split(&list, ','), " \t\r");
        const char *name = arena_ndup(p->d->arena, word.ptr, word.len);
        int type = 0;

        while (type < STATEMENT_TYPES && !text_is(word, type_names[type]))
            type++;
        if (type == STATEMENT_TYPES)
            diag_line(p->d, p->f->name, line, diag_closest(name, type_names),
                "unknown parameter type \"%.40s\"; accepted, with commas between: uuid, text, int, bigint, "
                "boolean, date, timestamptz",
                name);
        else if (s->param_count == STATEMENT_PARAMS_MAX)
            diag_line(p->d, p->f->name, line, NULL, "more than %d parameters", STATEMENT_PARAMS_MAX);
        else
            s->params[s->param_count++] = (enum statement_type)type;
    }
}

static void begin(struct parsing *p, struct text name, uint32_t line)
{
    struct statement *s;
    bool valid = name.len > 0 && name.len <= 60;

    for (size_t i = 0; i < name.len; i++)
        valid &= (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || (name.ptr[i] >= '0' && name.ptr[i] <= '9') ||
                 name.ptr[i] == '_';
    if (!valid) {
        diag_line(
            p->d, p->f->name, line, NULL, "a statement's name has 1 to 60 characters of a-z, 0-9 and _");
        name = TEXT("unnamed");
    }
    for (size_t i = 0; i < p->count; i++)
        if (text_is(name, p->list[i].name))
            diag_line(p->d, p->f->name, line, NULL, "the name \"%s\" is taken by line %u", p->list[i].name,
                p->list[i].line);
    if (p->count == STATEMENTS_MAX)
        return;
    s = &p->list[p->count++];
    s->name = arena_ndup(p->a, name.ptr, name.len);
    s->stmt.name = arena_printf(p->a, "px:%s:%s", p->plugin, s->name);
    s->line = line;
}

static void finish(struct parsing *p, struct text body, uint32_t body_line)
{
    struct statement *s = &p->list[p->count - 1];
    struct sql_verdict v;

    body = text_trim(body, " \t\r\n;");
    sql_check(body, p->plugin, &v);
    s->stmt.sql = arena_ndup(p->a, body.ptr ? body.ptr : "", body.len);
    s->is_write = v.is_write;
    if (v.why[0]) {
        diag_line(p->d, p->f->name, body_line + v.line - 1, NULL, "%s: %s", s->name, v.why);
        return;
    }
    if (v.highest_param > s->param_count + 1)
        diag_line(p->d, p->f->name, s->line, NULL,
            "%s uses $%u, but -- params: declares %u (they begin at $2)", s->name, v.highest_param,
            s->param_count);
    for (uint32_t n = 1; n <= s->param_count + 1 && n <= v.highest_param + 1; n++)
        if (!(v.params_used & 1ull << (n - 1)) && (n > 1 ? n <= s->param_count + 1 : true))
            diag_line(p->d, p->f->name, s->line, NULL, "%s does not use $%u", s->name, n);
}

/* "-- key: value" → value; NULL otherwise. */
static struct text directive(struct text line, const char *key)
{
    struct text rest;

    if (!text_has_prefix(line, "--"))
        return (struct text){NULL, 0};
    rest = text_trim(text_skip(line, 2), " \t\r");
    if (!text_has_prefix(rest, key))
        return (struct text){NULL, 0};
    return text_trim(text_skip(rest, strlen(key)), " \t\r");
}

int statements_parse(const struct diag_file *f, const char *plugin, struct arena *a, struct statement **ret,
    size_t *ret_count, struct diags *d)
{
    struct parsing p = {f, plugin, a, d, arena_array(a, STATEMENTS_MAX, sizeof(struct statement)), 0};
    struct text rest = f->source, body = {NULL, 0};
    uint32_t before = d->count, line = 0, body_line = 0;

    *ret = p.list;
    *ret_count = 0;
    if (!text_is_utf8(rest) || (rest.len && memchr(rest.ptr, 0, rest.len))) {
        diag_line(d, f->name, 0, NULL, "the file has to be UTF-8 text without NUL");
        return -EINVAL;
    }
    while (rest.ptr) {
        struct text l = text_split(&rest, '\n'), name = directive(l, "name:"),
                    params = directive(l, "params:");

        line++;
        if (name.ptr) {
            if (body.ptr || (p.count > 0 && body_line))
                finish(&p, body, body_line);
            begin(&p, name, line);
            body = (struct text){NULL, 0};
            body_line = line + 1;
        } else if (params.ptr && p.count > 0 && !body.ptr) {
            read_params(&p, &p.list[p.count - 1], params, line);
            body_line = line + 1;
        } else if (text_trim(l, " \t\r").len > 0 && !(text_has_prefix(l, "--") && !body.ptr)) {
            if (p.count == 0) {
                diag_line(d, f->name, line, NULL, "a statement begins with a line \"-- name: its_name\"");
                break;
            }
            if (!body.ptr) {
                body = l;
                body_line = line;
            }
            body.len = (size_t)(l.ptr + l.len - body.ptr);
        }
        if (d->count - before > DIAGS_MAX)
            break;
    }
    if (p.count > 0)
        finish(&p, body, body_line);
    if (p.count == STATEMENTS_MAX)
        diag_line(d, f->name, line, NULL, "at most %d statements", STATEMENTS_MAX - 1);
    *ret_count = p.count;
    return d->count == before ? 0 : -EINVAL;
}

bool statement_accepts(enum statement_type type, struct text value)
{
    struct uuid id;
    int64_t n;
    int32_t days;

    if (!value.ptr)
        return true;
    switch (type) {
    case STATEMENT_UUID:
        return uuid_parse(value, &id) == 0;
    case STATEMENT_INT:
        return text_to_i64(value, INT32_MIN, INT32_MAX, &n) == 0;
    case STATEMENT_BIGINT:
        return text_to_i64(value, INT64_MIN, INT64_MAX, &n) == 0;
    case STATEMENT_BOOL:
        return text_is(value, "true") || text_is(value, "false");
    case STATEMENT_DATE:
        return date_parse(value, &days) == 0;
    case STATEMENT_TIME:
        return clock_parse(value, &n) == 0;
    case STATEMENT_TEXT:
    case STATEMENT_TYPES:
        break;
    }
    return value.len < 1048576 && text_is_utf8(value) && !memchr(value.ptr, '\0', value.len);
}
