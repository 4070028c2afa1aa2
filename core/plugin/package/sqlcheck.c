/* One pass over the tokens. Accepted: one SELECT, INSERT, UPDATE or DELETE on tables px_PLUGIN.name, each with the
 * tenant's predicate, calling functions of the list below only. */
#include "plugin/package/sqlcheck.h"

#include <stdarg.h>

#include "base/mem.h"
#include "plugin/package/sqltoken.h"
#include "plugin/package/sqlwords.h"

#define TABLES_MAX 16
#define DEPTH_MAX 16
#define TOKENS_MAX 2000

enum clause { CLAUSE_NONE, CLAUSE_SELECT, CLAUSE_FROM, CLAUSE_SET, CLAUSE_ON, CLAUSE_WHERE };

struct table {
    struct text name, alias;
    uint32_t depth;
    uint32_t ties;  /* bit n: tenant_id = that of table n */
    bool is_direct; /* tenant_id = $1 */
    bool is_closed; /* its query has ended: the alias means something else now */
};

/* One query: the statement itself or a subquery in parentheses; or other parentheses within one. */
struct scope {
    enum clause clause;
    uint32_t first_table;
    bool is_query;
    bool is_between, is_between_and; /* the next AND belongs to a BETWEEN; the last one did */
    bool is_kept;                    /* what this ON says keeps no row of the newest table away */
    uint32_t cases;                  /* CASE without its END */
};

struct check {
    const char *plugin;
    struct sql_token tokens[TOKENS_MAX + 3];
    uint32_t count;
    struct table tables[TABLES_MAX];
    uint32_t table_count;
    struct scope scopes[DEPTH_MAX];
    uint32_t depth;
    bool is_insert, has_lock;
    struct sql_verdict *v;
};

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
    *table = (struct table){.name = t[2].text, .alias = t[2].text, .depth = c->depth};
    i += 3;
    if (sql_is(&c->tokens[i], "as"))
        i++;
    if (c->tokens[i].kind != SQL_WORD || sql_begins_clause(&c->tokens[i]))
        return i;
    /* Taken for a name here and for what it says by PostgreSQL, such a word would hide what follows. */
    if (sql_is_reserved(&c->tokens[i]) || sql_is_banned(&c->tokens[i])) {
        fault(c, &c->tokens[i], "%.*s cannot be the alias of a table", (int)MIN(c->tokens[i].text.len, 60),
            c->tokens[i].text.ptr);
        return 0;
    }
    table->alias = c->tokens[i].text;
    return i + 1;
}

/* The table that an alias means here, or with an empty alias the only one of this query; TABLES_MAX: none. */
static uint32_t find_table(const struct check *c, struct text alias)
{
    uint32_t found = TABLES_MAX;

    for (uint32_t n = c->table_count; n-- > 0;) {
        const struct table *table = &c->tables[n];

        if (table->is_closed || (alias.ptr ? !text_eq(table->alias, alias) : table->depth != c->depth))
            continue;
        if (alias.ptr)
            return n;
        if (found != TABLES_MAX)
            return TABLES_MAX;
        found = n;
    }
    return found;
}

/* Nothing hangs on to a condition that would change what it means: no operator, no cast, no OR. */
static bool ends_condition(const struct sql_token *t)
{
    static const char *const words[] = {"and", "where", "group", "order", "limit", "offset", "having", "for",
        "returning", "union", "except", "intersect", "join", "left", "right", "inner", "full", "cross", ")",
        NULL};

    return t->kind == SQL_END || sql_is_one_of(t, words);
}

static void tie(struct check *c, uint32_t a, uint32_t b)
{
    struct table *x = &c->tables[a], *y = &c->tables[b];
    bool is_on = c->scopes[c->depth].clause == CLAUSE_ON;

    /* What a subquery says of an outer table need not hold for that table's rows. */
    if (x->depth >= y->depth && !(is_on && a + 1 != c->table_count))
        x->ties |= 1u << b;
    if (y->depth >= x->depth && !(is_on && b + 1 != c->table_count))
        y->ties |= 1u << a;
}

/* [alias.]tenant_id = $1 or alias.tenant_id = alias.tenant_id, as a condition of its own that all rows of the query have
 * to meet: in WHERE, or in ON about the table that is being joined. */
static void note_predicate(struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];
    const struct scope *s = &c->scopes[c->depth];
    bool qualified = i >= 2 && sql_is(t - 1, ".");
    uint32_t begin = qualified ? i - 2 : i, at, other;
    const struct sql_token *before = begin > 0 ? &c->tokens[begin - 1] : t;

    if (!s->is_query || s->is_kept || s->cases || (s->clause != CLAUSE_WHERE && s->clause != CLAUSE_ON))
        return;
    if (s->is_between_and && sql_is(before, "and"))
        return;
    if (!(sql_is(before, "where") || sql_is(before, "on") || sql_is(before, "and")) || !sql_is(t + 1, "="))
        return;
    at = find_table(c, qualified ? t[-2].text : (struct text){NULL, 0});
    if (at == TABLES_MAX || (s->clause == CLAUSE_ON && !qualified))
        return;
    if (t[2].kind == SQL_PARAM && t[2].param == 1 && ends_condition(&t[3])) {
        c->tables[at].is_direct |= s->clause == CLAUSE_WHERE || at + 1 == c->table_count;
    } else if (i + 5 <= c->count && t[2].kind == SQL_WORD && sql_is(&t[3], ".") &&
               sql_is(&t[4], "tenant_id") && ends_condition(&t[5])) {
        other = find_table(c, t[2].text);
        if (other != TABLES_MAX)
            tie(c, at, other);
    }
}

/* Through ties, too. A row is locked on the node that has it: there the tenant has to be a value. */
static bool check_bound(struct check *c)
{
    uint32_t bound = 0, before;

    do {
        before = bound;
        for (uint32_t n = 0; n < c->table_count; n++)
            if (c->tables[n].is_direct || (c->tables[n].ties & bound))
                bound |= 1u << n;
    } while (bound != before);
    for (uint32_t n = 0; n < c->table_count; n++) {
        const struct table *table = &c->tables[n];

        if (!(bound & 1u << n) || (c->has_lock && !table->is_direct))
            return fault(c, &c->tokens[0], "the table %.*s has no predicate %.*s.tenant_id = $1%s",
                (int)table->name.len, table->name.ptr, (int)table->alias.len, table->alias.ptr,
                bound & 1u << n ? ", which FOR UPDATE and FOR SHARE need" : "");
    }
    return true;
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
    if (!sql_may_precede_parenthesis(t))
        return fault(c, t, "the function %.*s is not in the list of those that plugins may call",
            (int)MIN(t->text.len, 60), t->text.ptr);
    return true;
}

/* ON CONFLICT (tenant_id, …): any other key would tell of another tenant's rows. */
static bool check_conflict(struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];

    if (!sql_is(t + 1, "(") || !sql_is(t + 2, "tenant_id"))
        return fault(c, t, "ON CONFLICT has to name the columns of a key, tenant_id first");
    return true;
}

/* The rows of VALUES: each begins with the tenant, and holds no subquery. */
static bool check_rows(struct check *c, uint32_t i)
{
    uint32_t depth = 0;

    for (; i < c->count && (depth > 0 || sql_is(&c->tokens[i], "(") || sql_is(&c->tokens[i], ",")); i++) {
        const struct sql_token *t = &c->tokens[i];

        if (sql_is(t, "(") && depth++ == 0 && !(t[1].kind == SQL_PARAM && t[1].param == 1))
            return fault(c, t, "each row of VALUES begins with $1");
        if (sql_is(t, "select"))
            return fault(c, t, "a subquery inside VALUES is not accepted: use INSERT … SELECT");
        if (sql_is(t, ")"))
            depth--;
    }
    return true;
}

/* INSERT INTO px.t (tenant_id, …) VALUES ($1, …)[, ($1, …)] or SELECT $1, … */
static bool check_insert(struct check *c)
{
    uint32_t i, from;
    bool may_return = false;

    if (!sql_is(&c->tokens[1], "into"))
        return fault(c, &c->tokens[1], "expected INTO after INSERT");
    i = take_table(c, 2);
    if (i == 0)
        return false;
    if (!sql_is(&c->tokens[i], "(") || !sql_is(&c->tokens[i + 1], "tenant_id"))
        return fault(
            c, &c->tokens[i], "the first column of an INSERT has to be tenant_id, with the value $1");
    while (i < c->count && !sql_is(&c->tokens[i], "values") && !sql_is(&c->tokens[i], "select"))
        i++;
    from = i + 1 + (sql_is(&c->tokens[i], "values") ? 1 : 0);
    if (from >= c->count || c->tokens[from].kind != SQL_PARAM || c->tokens[from].param != 1)
        return fault(c, &c->tokens[0], "the first value of an INSERT has to be $1, the tenant");
    c->tables[0].is_direct = true;
    c->tables[0].is_closed = true;
    if (sql_is(&c->tokens[i], "values"))
        return check_rows(c, i + 1);
    for (; i < c->count; i++)
        may_return |= sql_is(&c->tokens[i], "returning") || sql_is(&c->tokens[i], "conflict");
    return may_return ||
           fault(c, &c->tokens[0], "INSERT … SELECT needs RETURNING or ON CONFLICT (tenant_id, …)");
}

static bool open_scope(struct check *c, uint32_t i)
{
    struct scope *s;

    if (c->depth + 1 == DEPTH_MAX)
        return fault(c, &c->tokens[i], "nested too deeply");
    c->depth++;
    s = &c->scopes[c->depth];
    *s = c->scopes[c->depth - 1];
    s->is_query = sql_is(&c->tokens[i + 1], "select");
    s->is_between = s->is_between_and = false;
    if (s->is_query)
        *s = (struct scope){.is_query = true, .first_table = c->table_count};
    return true;
}

static void close_tables(struct check *c)
{
    for (uint32_t n = c->scopes[c->depth].first_table; n < c->table_count; n++)
        c->tables[n].is_closed |= c->tables[n].depth >= c->depth;
}

static bool close_scope(struct check *c, const struct sql_token *t)
{
    if (c->depth == 0)
        return fault(c, t, "a parenthesis closes that was not opened");
    if (c->scopes[c->depth].is_query)
        close_tables(c);
    else /* tables of a join in parentheses belong to the query around it */
        for (uint32_t n = 0; n < c->table_count; n++)
            c->tables[n].depth = MIN(c->tables[n].depth, c->tables[n].is_closed ? UINT32_MAX : c->depth - 1);
    c->depth--;
    return true;
}

/* A condition that only some rows have to meet says nothing about the others. */
static bool check_logic(struct check *c, const struct sql_token *t)
{
    struct scope *s = &c->scopes[c->depth];

    if (sql_is(t, "or") && s->is_query && (s->clause == CLAUSE_WHERE || s->clause == CLAUSE_ON))
        return fault(c, t, "OR has to stand in parentheses, so that tenant_id = $1 holds for every row");
    if (sql_is(t, "between"))
        s->is_between = true;
    if (sql_is(t, "and")) {
        s->is_between_and = s->is_between;
        s->is_between = false;
    }
    s->cases += sql_is(t, "case");
    s->cases -= s->cases > 0 && sql_is(t, "end");
    return true;
}

/* RIGHT and FULL JOIN keep rows of the new table whatever ON says; joined with a subquery, the newest table is no new one. */
static bool keeps_newest_table(const struct check *c, uint32_t i)
{
    if (sql_is(&c->tokens[i + 1], "("))
        return true;
    while (i > 0 && sql_is(&c->tokens[i - 1], "outer"))
        i--;
    return i > 0 && (sql_is(&c->tokens[i - 1], "right") || sql_is(&c->tokens[i - 1], "full"));
}

static enum clause clause_of(const struct sql_token *t, enum clause now)
{
    static const char *const others[] = {"group", "order", "returning", "having", "limit", "for", NULL};

    if (sql_is(t, "select"))
        return CLAUSE_SELECT;
    if (sql_is(t, "where"))
        return CLAUSE_WHERE;
    if (sql_is(t, "on"))
        return CLAUSE_ON;
    if (sql_is(t, "set"))
        return CLAUSE_SET;
    return sql_is_one_of(t, others) ? CLAUSE_NONE : now;
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
    if (sql_is(t, "conflict") && i > 0 && sql_is(t - 1, "on")) {
        s->clause = CLAUSE_NONE;
        return check_conflict(c, i);
    }
    if (names_table) {
        s->clause = CLAUSE_FROM;
        s->is_kept = keeps_newest_table(c, i);
        if (sql_is(t + 1, "("))
            return true; /* a subquery: its own FROM is checked */
        *ret_next = take_table(c, i + 1);
        return *ret_next != 0;
    }
    if (sql_is(t, "union") || sql_is(t, "except") || sql_is(t, "intersect")) {
        close_tables(c);
        s->clause = CLAUSE_NONE;
    }
    if (sql_is(t, "where"))
        s->is_kept = false;
    c->has_lock |= sql_is(t, "for");
    s->clause = clause_of(t, s->clause);
    return check_logic(c, t);
}

/* A column that is added to a table later would come along. */
static bool is_all_columns(const struct check *c, uint32_t i)
{
    const struct sql_token *t = &c->tokens[i];
    static const char *const before[] = {"select", "returning", "distinct", "all", ",", ".", NULL};

    return sql_is(t, "*") && i > 0 && sql_is_one_of(t - 1, before);
}

static bool check_token(struct check *c, uint32_t i, uint32_t *ret_next)
{
    const struct sql_token *t = &c->tokens[i];

    *ret_next = i + 1;
    if (sql_is(t, "("))
        return open_scope(c, i);
    if (sql_is(t, ")"))
        return close_scope(c, t);
    if (is_all_columns(c, i))
        return fault(c, t, "* is not accepted: name the columns");
    if (sql_is(t, ",") && c->scopes[c->depth].clause == CLAUSE_FROM && c->scopes[c->depth].is_query)
        return fault(c, t, "a comma between tables is not accepted: use JOIN … ON");
    if (t->kind != SQL_WORD)
        return true;
    if (sql_is_banned(t))
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
    return check_bound(c);
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
