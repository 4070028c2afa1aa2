/* Whose record it is: of a resource whose declaration says which field leads to the person (about_person.field). */
#pragma once

#include "resource/record/record.h"

/* Records of this resource lead to a person who can sign in? */
bool person_is_known(const struct resource *res);
/* The condition of records of the alias r that are about the account in that parameter ("$2"), with the tenant in $1; NULL
 * when the resource leads to nobody. with_deleted: a deleted record that leads on to the person does so, too. */
const char *person_condition(
    struct arena *a, const struct resource *res, const char *parameter, bool with_deleted);
/* A read that says whose the record $2 of the tenant $1 is (column 0); for resources that lead to somebody. */
struct db_stmt person_query(struct arena *a, const struct resource *res);
/* The account that a record r is about, as an expression, and the join that it may need, with the tenant in $1. */
const char *person_value(struct arena *a, const struct resource *res);
const char *person_join(struct arena *a, const struct resource *res);
/* Of resources that lead on through a record: a read that says whose record $2 of the other resource is. */
struct db_stmt person_through(struct arena *a, const struct resource *res);
/* The record's person; nil: nobody who signs in. One round trip, for resources that lead to somebody. */
MUSTCHECK int person_find(struct call *c, const struct record *rec, struct uuid *ret);
