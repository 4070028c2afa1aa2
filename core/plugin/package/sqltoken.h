/* Words of SQL, as far as checking a plugin's statements needs them. */
#pragma once

#include "base/base.h"
#include "base/text.h"

enum sql_token_kind { SQL_END, SQL_WORD, SQL_NUMBER, SQL_STRING, SQL_PARAM, SQL_SYMBOL, SQL_BAD };

struct sql_token {
    enum sql_token_kind kind;
    struct text text;
    uint32_t param;  /* SQL_PARAM: its number */
    uint32_t line;   /* from 1, of the text given */
    const char *why; /* SQL_BAD */
};

struct sql_reader {
    struct text in;
    size_t at;
    uint32_t line;
};

/* Comments of two dashes are skipped; quoted identifiers, dollar quotes, escape strings and block comments are SQL_BAD,
 * since their rules are where a checker and PostgreSQL would come to differ. Symbols are single characters but '::'. */
struct sql_token sql_next(struct sql_reader *r);
bool sql_is(const struct sql_token *t, const char *word);                /* case-insensitive word or symbol */
bool sql_is_one_of(const struct sql_token *t, const char *const *words); /* NULL-terminated */
