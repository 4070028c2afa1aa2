/* Lists: the one query builder. A list is a union of branches that come off an index in order, each limited: one per
 * kind of reach the subject has, one for what it takes part in. Identifiers come from declarations only; everything
 * else is a parameter. */
#pragma once

#include "resource/record.h"

#define QUERY_FILTERS_MAX 12
#define QUERY_LIMIT_MAX 200
#define QUERY_COUNT_MAX 1000 /* a capped count stops here */

struct query_param { /* one of the URL, decoded */
    struct text name, value;
};

struct query_column {
    const char *sql; /* r."due_at" */
    const char *name;
    const struct field *field; /* describes type and values; of standard columns too */
    bool is_nullable;
};

enum query_op { OP_EQ, OP_NEQ, OP_GT, OP_GTE, OP_LT, OP_LTE, OP_IN, OP_NULL, OP_NOT_NULL };
struct query_filter {
    struct query_column column;
    enum query_op op;
    const char *value; /* OP_IN: an array literal */
};

enum query_count { COUNT_NO, COUNT_CAPPED, COUNT_EXACT };

struct query {
    const struct resource *res;
    struct query_filter filters[QUERY_FILTERS_MAX];
    uint32_t filter_count;
    struct query_column sort; /* the id by default */
    bool sort_desc, sort_is_id;
    uint32_t limit;
    uint32_t unit;  /* only its subtree; TREE_NONE: all that is visible */
    bool unit_only; /* not what is below it */
    enum query_count count;
    bool has_cursor, cursor_in_nulls;
    const char *cursor_value;
    struct uuid cursor_id;
};

/* -EINVAL with a 400 fault naming the parameter and what is accepted. */
MUSTCHECK int query_parse(struct call *c, const struct resource *res, const struct query_param *params,
    size_t count, struct query *ret);
/* Columns by the name of a field or standard member; -ENOENT. */
MUSTCHECK int query_column(
    struct arena *a, const struct resource *res, struct text name, struct query_column *ret);

/* The SQL of a page and its parameters. *ret_empty: the subject can see nothing, there is no query to run. */
struct query_sql {
    struct db_stmt stmt;
    struct db_args args;
    bool has_full; /* the last column says whether access is by more than a department */
};
void query_build(struct call *c, const struct query *q, struct query_sql *ret, bool *ret_empty);
void query_build_count(struct call *c, const struct query *q, struct query_sql *ret);

/* 404 for who reads nothing in q->unit, then the policy gate; without a unit the plugin has to run somewhere. */
MUSTCHECK int query_check_unit(struct call *c, const struct query *q);

/* The page: records as their reader may see them (serialise filters have run), and the cursor of the next page. */
struct query_page {
    struct record **records;
    uint32_t count;
    const char *next;  /* NULL at the end */
    int64_t total;     /* -1: not asked for */
    bool total_capped; /* there are more than total */
};
MUSTCHECK int query_run(struct call *c, const struct query *q, struct query_page *ret);

/* Opaque to clients: order, position. */
const char *cursor_make(struct arena *a, const struct query *q, const struct record *last);
MUSTCHECK int cursor_parse(struct arena *a, struct text t, struct query *q); /* -EINVAL: not of this order */
/* A PostgreSQL array literal of texts, or of ids. */
const char *array_literal(struct arena *a, const struct text *items, size_t count);
const char *array_of_ids(struct arena *a, const struct uuid *ids, size_t count);
