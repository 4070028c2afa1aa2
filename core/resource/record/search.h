/* Full text. A record is found by tokens of its searchable fields: every two characters that stand side by side (小区), the
 * same of the initials of their pinyin (xq), every three letters or initials (jzd), and the first character of each run alone.
 * They stand in juxin.search, (tenant_id, resource, token, record_id), which is a list of records per token in the order of
 * lists; written in the unit of work that changes the record. */
#pragma once

#include "db/pgarray.h"
#include "resource/record/record.h"

#define SEARCH_WORDS_MAX 4
#define SEARCH_CHARS_MAX 20    /* of a question */
#define SEARCH_VALUE_MAX 2000  /* characters of a value that are looked at */
#define SEARCH_TOKENS_MAX 8000 /* of a record, doubles included; what comes behind is not found */

struct search_tokens {
    const char **items;
    uint32_t count, capacity;
};

/* By which rules and readings: another text, other tokens. */
extern const char search_rules[];
bool search_is_offered(const struct resource *res);
/* Is there anything to be written of its records: what they are found by, or told again by? */
bool search_has_tokens(const struct resource *res);
bool search_is_told_by(const struct resource *res, uint32_t field); /* do tokens depend on this one? */
/* Adds what the value is found by. with_initials: of names and titles; not of long texts. */
void search_add(struct arena *a, struct search_tokens *t, struct text value, bool with_initials);
void search_add_token(struct arena *a, struct search_tokens *t, const char *token); /* as it is; borrowed */
void search_finish(struct search_tokens *t);                                        /* sorted, each once */
/* Of these values of the record, plain or sealed: of its searchable fields, and its key. -EINVAL with the fault 503. */
MUSTCHECK int search_tokens_of(
    struct call *c, const struct record *rec, const char *const *values, struct search_tokens *ret);
/* What a question's words need all of. -EINVAL: no word; -E2BIG: too many. */
MUSTCHECK int search_parse(struct arena *a, struct text words, struct search_tokens *ret);

/* Brings the record's tokens to its values, in the call's unit of work; gone: the record is being deleted. */
MUSTCHECK int search_write(struct call *c, const struct record *rec, bool gone);
/* Tokens of many records, to be added by one statement. */
struct search_list {
    struct pgarray ids, tokens;
};
#define SEARCH_LIST_INIT ((struct search_list){PGARRAY_INIT, PGARRAY_INIT})
void search_list_done(struct search_list *l);
void search_list_add(struct search_list *l, struct uuid id, const struct search_tokens *t);
/* Those that are there already stay. Frees the list, whatever comes of it. */
MUSTCHECK int search_list_write(struct call *c, const struct resource *res, struct search_list *l);
/* Of many new records. */
MUSTCHECK int search_write_many(struct call *c, struct record *const *records, uint32_t count);
