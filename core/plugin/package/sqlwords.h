/* What words of SQL mean to the checking of a plugin's statements. */
#pragma once

#include "plugin/package/sqltoken.h"

/* A function that plugins may call, or a word that may stand before a parenthesis without being one. */
bool sql_may_precede_parenthesis(const struct sql_token *t);
bool sql_is_banned(
    const struct sql_token *t); /* nowhere in a statement but behind a dot; pg_ and what follows, too */
bool sql_is_reserved(const struct sql_token *t);   /* no name to PostgreSQL, but behind a dot */
bool sql_begins_clause(const struct sql_token *t); /* ends what a table's place may hold */
