/* The SQL tokenizer. */
#include "plugin/package/sqltoken.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip(struct sql_reader *r)
{
    while (r->at < r->in.len) {
        char c = r->in.ptr[r->at];

        if (c == '\n')
            r->line++;
        if (c == '-' && r->at + 1 < r->in.len && r->in.ptr[r->at + 1] == '-') {
            while (r->at < r->in.len && r->in.ptr[r->at] != '\n' && r->in.ptr[r->at] != '\r')
                r->at++; /* PostgreSQL takes either for the end */
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            r->at++;
        } else {
            return;
        }
    }
}

static struct sql_token bad(struct sql_reader *r, const char *why)
{
    r->at = r->in.len;
    return (struct sql_token){.kind = SQL_BAD, .why = why, .line = r->line};
}

/* A string in apostrophes, doubled inside; standard_conforming_strings is on. */
static struct sql_token string(struct sql_reader *r)
{
    size_t begin = r->at++;
    uint32_t line = r->line;

    for (;;) {
        if (r->at >= r->in.len)
            return bad(r, "a string does not end");
        if (r->in.ptr[r->at] == '\n')
            r->line++;
        if (r->in.ptr[r->at++] != '\'')
            continue;
        if (r->at < r->in.len && r->in.ptr[r->at] == '\'') {
            r->at++;
            continue;
        }
        return (struct sql_token){
            .kind = SQL_STRING, .text = {r->in.ptr + begin, r->at - begin}, .line = line};
    }
}

static struct sql_token word(struct sql_reader *r)
{
    size_t begin = r->at;

    while (r->at < r->in.len && (is_letter(r->in.ptr[r->at]) || is_digit(r->in.ptr[r->at])))
        r->at++;
    if (r->at < r->in.len && (r->in.ptr[r->at] == '\'' || r->in.ptr[r->at] == '&' || r->in.ptr[r->at] == '$'))
        return bad(r, "strings with a prefix and names with $ or & are not accepted");
    return (struct sql_token){.kind = SQL_WORD, .text = {r->in.ptr + begin, r->at - begin}, .line = r->line};
}

static struct sql_token number(struct sql_reader *r, enum sql_token_kind kind)
{
    size_t begin = r->at;
    int64_t n = 0;

    while (
        r->at < r->in.len && (is_digit(r->in.ptr[r->at]) || (kind == SQL_NUMBER && r->in.ptr[r->at] == '.')))
        r->at++;
    if (r->at < r->in.len && is_letter(r->in.ptr[r->at]))
        return bad(r, "a number runs into a name");
    if (kind == SQL_PARAM && text_to_i64((struct text){r->in.ptr + begin, r->at - begin}, 1, 64, &n) < 0)
        return bad(r, "$ is followed by something else than the number of a parameter");
    return (struct sql_token){
        .kind = kind, .text = {r->in.ptr + begin, r->at - begin}, .param = (uint32_t)n, .line = r->line};
}

struct sql_token sql_next(struct sql_reader *r)
{
    char c, next;
    size_t size;

    skip(r);
    if (r->at >= r->in.len)
        return (struct sql_token){.kind = SQL_END, .line = r->line};
    c = r->in.ptr[r->at];
    next = r->at + 1 < r->in.len ? r->in.ptr[r->at + 1] : '\0';
    if (c == '\'')
        return string(r);
    if (c == '"')
        return bad(r, "quoted identifiers are not accepted: use lower-case names");
    if (c == '/' && next == '*')
        return bad(r, "block comments are not accepted: use --");
    if (c == '$') {
        r->at++;
        return number(r, SQL_PARAM);
    }
    if (is_letter(c))
        return word(r);
    if (is_digit(c))
        return number(r, SQL_NUMBER);
    if (c < ' ' || c > '~' || c == '\\')
        return bad(r, "a character outside of strings is not ASCII");
    size = c == ':' && next == ':' ? 2 : 1;
    r->at += size;
    return (struct sql_token){.kind = SQL_SYMBOL, .text = {r->in.ptr + r->at - size, size}, .line = r->line};
}

bool sql_is(const struct sql_token *t, const char *word_or_symbol)
{
    return (t->kind == SQL_WORD || t->kind == SQL_SYMBOL) && text_is_nocase(t->text, word_or_symbol);
}

bool sql_is_one_of(const struct sql_token *t, const char *const *words)
{
    for (; *words; words++)
        if (sql_is(t, *words))
            return true;
    return false;
}
