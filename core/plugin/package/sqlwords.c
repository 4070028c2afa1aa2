/* Lists of words. PostgreSQL compares without regard to case, as sql_is does. */
#include "plugin/package/sqlwords.h"

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
/* What PostgreSQL 15 and 16 take for no name (pg_get_keywords, catcode R and T): behind a dot each may stand. */
static const char *const reserved_words[] = {"all", "analyse", "analyze", "and", "any", "array", "as", "asc",
    "asymmetric", "authorization", "binary", "both", "case", "cast", "check", "collate", "collation",
    "column", "concurrently", "constraint", "create", "cross", "current_catalog", "current_date",
    "current_role", "current_schema", "current_time", "current_timestamp", "current_user", "default",
    "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign",
    "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer",
    "overlaps", "placing", "primary", "references", "returning", "right", "select", "session_user", "similar",
    "some", "symmetric", "system_user", "table", "tablesample", "then", "to", "trailing", "true", "union",
    "unique", "user", "using", "variadic", "verbose", "when", "where", "window", "with", NULL};

bool sql_may_precede_parenthesis(const struct sql_token *t)
{
    return sql_is_one_of(t, functions) || sql_is_one_of(t, before_parenthesis);
}

bool sql_is_banned(const struct sql_token *t)
{
    return t->kind == SQL_WORD &&
           (sql_is_one_of(t, banned_words) ||
               (t->text.len > 3 && text_is_nocase((struct text){t->text.ptr, 3}, "pg_")));
}

bool sql_is_reserved(const struct sql_token *t)
{
    return sql_is_one_of(t, reserved_words);
}

bool sql_begins_clause(const struct sql_token *t)
{
    static const char *const words[] = {"where", "join", "left", "right", "inner", "full", "cross", "on",
        "using", "set", "group", "order", "limit", "returning", "values", "select", "for", "having", "offset",
        "natural", "union", "default", "except", "intersect", NULL};

    return sql_is_one_of(t, words);
}
