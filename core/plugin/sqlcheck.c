/* One pass over the tokens. Accepted: one SELECT, INSERT, UPDATE or DELETE on tables px_PLUGIN.name, each with the
 * tenant's predicate, calling functions of the list below only. */
#include "plugin/sqlcheck.h"

#include <stdarg.h>

#include "base/mem.h"
#include "plugin/sqltoken.h"

#define TABLES_MAX 16
#define DEPTH_MAX 16
#define TOKENS_MAX 2000

enum clause { CLAUSE_NONE, CLAUSE_FROM, CLAUSE_SET, CLAUSE_WHERE };

struct table {
    struct text name, alias;
    bool is_bound; /* has its tenant_id = … */
};

/* One query: the statement itself or a subquery in parentheses. */
struct scope {
    enum clause clause;
    uint32_t first_table;
    bool is_query;
};

struct check {
    const char *plugin;
    struct sql_token tokens[TOKENS_MAX + 3];
    uint32_t count;
    struct table tables[TABLES_MAX];
    uint32_t table_count;
    struct scope scopes[DEPTH_MAX];
    uint32_t depth;
    bool is_insert;
    struct sql_verdict *v;
};

static const char *const functions[] = {"count", "sum", "min", "max", "avg", "coalesce", "nullif", "greatest",
    "least", "lower", "upper", "length", "char_length", "left", "right", "replace", "concat", "starts_with",
    "abs", "round", "floor", "ceil", "mod", "date_trunc", "date_part", "to_char", "now", "row_number", "rank",
    "array_agg", "string_agg", "bool_or", "bool_and", "json_build_object", "json_agg", "to_json", "btrim",
    "position", "any", "all", NULL};
/* Words that may stand before a parenthesis without being functions. */
static const char *const before_parenthesis[] = {"in", "values", "exists", "and", "or", "not", "over",
    "filter", "on", "using", "where", "select", "as", "from", "join", "conflict", "by", "when", "then",
    "else", "case", "returning", "having", "between", "is", "like", "set", "partition", "distinct", "union",
    "except", "intersect", "limit", "offset", "numeric", "varchar", "key", NULL};
static const char *const banned_words[] = {"copy", "call", "execute", "prepare", "listen", "notify",
    "truncate", "alter", "create", "drop", "grant", "revoke", "with", "operator", "lateral", "tablesample",
    "only", "current_setting", "set_config", "xmltable", "rows", "table", "cursor", "declare", "fetch",
    "lock", "vacuum", "analyze", "explain", NULL};

static bool is_one_of(const struct sql_token *t, const char *const *words)
{
    for (; *words; words++)
        if (sql_is(t, *words))
            return true;
    return false;
}

static PRINTF_LIKE(3, 4) bool fault(struct check *c, const struct sql_token *t, const char *format, ...)
{
    va_list args;

    c->v->line = t->line;
    va_start(args, format);
    vsnprintf(c->v->why, sizeof(c->v->why), format, args);
    va_end(args);
    return false;
}

static bool read_tokens(struct check *c, struct text in)
{
    struct sql_reader r = {in, 0, 1};

    for (;;) {
        struct sql_token t = sql_next(&r);

        if (t.kind == SQL_BAD)
            return fault(c, &t, "%s", t.why);
        if (sql_is(&t, ";")) {
            t = sql_next(&r);
            if (t.kind != SQL_END)
                return fault(c, &t, "more than one statement under one name");
        }
        if (t.kind == SQL_END)
            break;
        if (c->count == TOKENS_MAX)
            return fault(c, &t, "the statement is too long");
        if (t.kind == SQL_PARAM) {
            c->v->highest_param = MAX(c->v->highest_param, t.param);
            c->v->params_used |= 1ull << (t.param - 1);
        }
        c->tokens[c->count++] = t;
    }
    /* Three end tokens so that looking ahead needs no test. */
    for (uint32_t i = 0; i < 3; i++)
        c->tokens[c->count + i] = (struct sql_token){.kind = SQL_END, .line = r.line};
    return true;
}

static bool is_clause_word(const struct sql_token *t)
{
    static const char *const words[] = {"where", "join", "left", "right", "inner", "full", "cross", "on",
        "using", "set", "group", "order", "limit", "returning", "values", "select", "for", "having", "offset",
        "natural", "union", "default", "except", "intersect", NULL};

    return is_one_of(t, words);
}

/* At the first token of a table's place. Returns the index behind it and its alias; 0 on a fault. */
static uint32_t take_table(struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];
    struct table *table;
    char schema[64];

    snprintf(schema, sizeof(schema), "px_%s", c->plugin);
    if (t->kind != SQL_WORD || !text_is(t->text, schema) || !sql_is(t + 1, ".") || t[2].kind != SQL_WORD) {
        fault(c, t, "a table has to be written %s.NAME; found \"%.*s\"", schema, (int)MIN(t->text.len, 60),
            t->text.ptr);
        return 0;
    }
    if (c->table_count == TABLES_MAX) {
        fault(c, t, "more than %d tables", TABLES_MAX);
        return 0;
    }
    if (sql_is(&t[3], "(") && !(c->is_insert && c->table_count == 0)) {
        fault(c, t, "a qualified name before a parenthesis: functions are called without their schema");
        return 0;
    }
    table = &c->tables[c->table_count++];
    *table = (struct table){.name = t[2].text, .alias = t[2].text};
    i += 3;
    if (sql_is(&c->tokens[i], "as"))
        i++;
    if (c->tokens[i].kind == SQL_WORD && !is_clause_word(&c->tokens[i]))
        table->alias = c->tokens[i++].text;
    return i;
}

/* tenant_id = $1 or alias.tenant_id = …: marks the table it is about. */
static void note_predicate(struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];
    struct scope *s = &c->scopes[c->depth];
    bool qualified = i >= 2 && sql_is(t - 1, ".");
    bool is_tenant = sql_is(t + 1, "=") && t[2].kind == SQL_PARAM && t[2].param == 1;
    bool is_joined =
        sql_is(t + 1, "=") && t[2].kind == SQL_WORD && sql_is(t + 3 < c->tokens + c->count ? t + 3 : t, ".");

    if (s->clause != CLAUSE_WHERE || !(is_tenant || (is_joined && qualified)))
        return;
    for (uint32_t n = c->table_count; n-- > 0;) {
        if (qualified ? text_eq(c->tables[n].alias, t[-2].text)
                      : n == s->first_table && c->table_count == n + 1) {
            c->tables[n].is_bound = true;
            return;
        }
    }
}

static bool check_call(struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];
    bool qualified = i > 0 && sql_is(t - 1, ".");

    if (!sql_is(t + 1, "("))
        return true;
    if (qualified)
        return fault(
            c, t, "a qualified name before a parenthesis: functions are called without their schema");
    if (!is_one_of(t, functions) && !is_one_of(t, before_parenthesis))
        return fault(c, t, "the function %.*s is not in the list of those that plugins may call",
            (int)MIN(t->text.len, 60), t->text.ptr);
    return true;
}

/* INSERT INTO px.t (tenant_id, …) VALUES ($1, …)[, ($1, …)] or SELECT $1, … */
static bool check_insert(struct check *c)
{
    uint32_t i = 3;
    bool bound = false;

    if (!sql_is(&c->tokens[1], "into"))
        return fault(c, &c->tokens[1], "expected INTO after INSERT");
    i = take_table(c, 2);
    if (i == 0)
        return false;
    if (!sql_is(&c->tokens[i], "(") || !sql_is(&c->tokens[i + 1], "tenant_id"))
        return fault(
            c, &c->tokens[i], "the first column of an INSERT has to be tenant_id, with the value $1");
    for (; i < c->count; i++) {
        const struct sql_token *t = &c->tokens[i];

        if (sql_is(t, "values") && sql_is(t + 1, "(") && t[2].kind == SQL_PARAM && t[2].param == 1)
            bound = true;
        else if (sql_is(t, "select") && t[1].kind == SQL_PARAM && t[1].param == 1)
            bound = true;
        else if (sql_is(t, "values"))
            break;
        else if (bound && sql_is(t, ")") && sql_is(t + 1, ",") && sql_is(t + 2, "(") &&
                 c->scopes[0].clause == CLAUSE_NONE && !(t[3].kind == SQL_PARAM && t[3].param == 1))
            return fault(c, t + 2, "each row of VALUES begins with $1");
    }
    if (!bound)
        return fault(c, &c->tokens[0], "the first value of an INSERT has to be $1, the tenant");
    c->tables[0].is_bound = true;
    return true;
}

static bool open_scope(struct check *c, uint32_t i)
{
    if (c->depth + 1 == DEPTH_MAX)
        return fault(c, &c->tokens[i], "nested too deeply");
    c->depth++;
    c->scopes[c->depth] = c->scopes[c->depth - 1];
    c->scopes[c->depth].is_query = sql_is(&c->tokens[i + 1], "select");
    if (c->scopes[c->depth].is_query) {
        c->scopes[c->depth].clause = CLAUSE_NONE;
        c->scopes[c->depth].first_table = c->table_count;
    }
    return true;
}

/* Words that begin a clause or name a table. *ret_next: where to go on. */
static bool check_clause(struct check *c, uint32_t i, uint32_t *ret_next)
{
    const struct sql_token *t = &c->tokens[i];
    struct scope *s = &c->scopes[c->depth];
    bool names_table =
        sql_is(t, "join") || (sql_is(t, "using") && !sql_is(t + 1, "(")) || (sql_is(t, "update") && i == 0);

    if (sql_is(t, "from") && !(i > 0 && sql_is(t - 1, "distinct"))) {
        if (!s->is_query)
            return fault(c, t, "FROM inside a function call is not accepted: use date_part or left/right");
        names_table = true;
    }
    if (sql_is(t, "into"))
        return i == 1 && c->is_insert ? true : fault(c, t, "SELECT INTO is not accepted");
    if (names_table) {
        s->clause = CLAUSE_FROM;
        if (sql_is(t + 1, "("))
            return true; /* a subquery: its own FROM is checked */
        *ret_next = take_table(c, i + 1);
        return *ret_next != 0;
    }
    if (sql_is(t, "where") || sql_is(t, "on"))
        s->clause = CLAUSE_WHERE;
    else if (sql_is(t, "set"))
        s->clause = CLAUSE_SET;
    else if (sql_is(t, "group") || sql_is(t, "order") || sql_is(t, "returning") || sql_is(t, "union"))
        s->clause = CLAUSE_NONE;
    return true;
}

static bool check_token(struct check *c, uint32_t i, uint32_t *ret_next)
{
    const struct sql_token *t = &c->tokens[i];

    *ret_next = i + 1;
    if (sql_is(t, "("))
        return open_scope(c, i);
    if (sql_is(t, ")"))
        return c->depth > 0 ? (c->depth--, true) : fault(c, t, "a parenthesis closes that was not opened");
    if (sql_is(t, ",") && c->scopes[c->depth].clause == CLAUSE_FROM && c->scopes[c->depth].is_query)
        return fault(c, t, "a comma between tables is not accepted: use JOIN … ON");
    if (t->kind != SQL_WORD)
        return true;
    if (is_one_of(t, banned_words) ||
        (t->text.len > 3 && text_is_nocase((struct text){t->text.ptr, 3}, "pg_")))
        return fault(c, t, "%.*s is not accepted", (int)MIN(t->text.len, 60), t->text.ptr);
    if (sql_is(t, "tenant_id")) {
        if (c->scopes[c->depth].clause == CLAUSE_SET && sql_is(t + 1, "="))
            return fault(c, t, "tenant_id cannot be set");
        note_predicate(c, i);
    }
    return check_call(c, i) && check_clause(c, i, ret_next);
}

static bool run(struct check *c)
{
    const struct sql_token *first = &c->tokens[0];
    uint32_t i = 0, next;

    if (c->count == 0)
        return fault(c, first, "the statement is empty");
    if (!sql_is(first, "select") && !sql_is(first, "insert") && !sql_is(first, "update") &&
        !sql_is(first, "delete"))
        return fault(c, first, "found %.*s, expected SELECT, INSERT, UPDATE or DELETE",
            (int)MIN(first->text.len, 40), first->text.ptr);
    c->v->is_write = !sql_is(first, "select");
    c->is_insert = sql_is(first, "insert");
    c->scopes[0].is_query = true;
    if (c->is_insert) {
        if (!check_insert(c))
            return false;
        i = 5;
    }
    for (; i < c->count; i = next)
        if (!check_token(c, i, &next))
            return false;
    if (c->depth != 0)
        return fault(c, &c->tokens[c->count], "a parenthesis is not closed");
    for (uint32_t n = 0; n < c->table_count; n++)
        if (!c->tables[n].is_bound)
            return fault(c, first, "the table %.*s has no predicate %.*s.tenant_id = $1",
                (int)c->tables[n].name.len, c->tables[n].name.ptr, (int)c->tables[n].alias.len,
                c->tables[n].alias.ptr);
    return true;
}

void sql_check(struct text statement, const char *plugin, struct sql_verdict *ret)
{
    struct check *c = mem_zalloc(sizeof(*c));

    *ret = (struct sql_verdict){.line = 1};
    c->plugin = plugin;
    c->v = ret;
    if (read_tokens(c, statement))
        (void)run(c);
    free(c);
}
