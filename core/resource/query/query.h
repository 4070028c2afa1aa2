/* Lists: the one query builder. A list is a union of branches that come off an index in order, each limited: one per
 * kind of reach the subject has, one for what it takes part in. Identifiers come from declarations only; everything
 * else is a parameter. */
#pragma once

#include "resource/declare/choice.h"
#include "resource/record/record.h"

#define QUERY_FILTERS_MAX 20   /* conditions, wherever they stand */
#define QUERY_GROUPS_MAX 8     /* and(…) and or(…), the whole being the first */
#define QUERY_DEPTH_MAX 3      /* … inside one another */
#define QUERY_REFERENCES_MAX 4 /* conditions on what a record refers to */
#define QUERY_LIST_MAX 100     /* values of in.(…) */
#define QUERY_LIMIT_MAX 200
#define QUERY_COUNT_MAX 1000 /* a capped count stops here */

struct query_param { /* one of the URL, decoded */
    struct text name, value;
};

struct query_column {
    const char *sql; /* r."due_at"; of a tenant's own field the record's id: r.id */
    const char *name;
    const struct field *field; /* describes type and values; of standard columns too */
    bool is_nullable;
};

enum query_op { OP_EQ, OP_NEQ, OP_GT, OP_GTE, OP_LT, OP_LTE, OP_IN, OP_NULL, OP_NOT_NULL };
struct query_filter {
    struct query_column column;
    const char *via;               /* NULL, or the column that refers to what is asked about: r."employer" */
    const struct resource *target; /* which it is a column of */
    enum query_op op;
    const char *value;        /* OP_IN: an array literal */
    const struct text *items; /* the same one by one */
    uint32_t item_count;
    uint32_t group;
};
struct query_group {
    uint32_t parent;
    bool is_any; /* or(…) */
};

enum query_count { COUNT_NO, COUNT_CAPPED, COUNT_EXACT };

/* How records are found that have all of some tokens: each record of the list is looked at for them; or the first token has
 * so few that all of its are fetched; or they are fetched newest first until the page is full. */
enum query_words { WORDS_LOOKED_AT, WORDS_FEW, WORDS_NEWEST };
#define QUERY_WORDS_FEW 2000
#define QUERY_WORDS_SORTED 20000 /* few enough to be sorted by something else than the id */

struct query {
    const struct resource *res;
    struct query_filter filters[QUERY_FILTERS_MAX];
    uint32_t filter_count, reference_count;
    struct query_group groups[QUERY_GROUPS_MAX]; /* the first holds all others */
    uint32_t group_count;
    const char **tokens; /* of q, all of which a record must have: resource/record/search.h */
    uint32_t token_count;
    enum query_words words;   /* chosen by query_run */
    struct query_column sort; /* the id by default */
    bool sort_desc, sort_is_id;
    struct choice *choice; /* NULL: all of each record */
    uint32_t limit;
    uint32_t unit;    /* only its subtree; TREE_NONE: all that is visible */
    bool unit_only;   /* not what is below it */
    bool own_parts;   /* where the asker, or a department of theirs, has an open part */
    bool counts_only; /* what its asker may count, not read: statistics.h */
    enum query_count count;
    bool has_cursor, cursor_in_nulls;
    const char *cursor_value;
    struct uuid cursor_id;
    const char
        *frozen; /* NULL; or units, as an array literal: only what lies there, though the plugin is off */
};

/* -EINVAL with a 400 fault naming the parameter and what is accepted. */
MUSTCHECK int query_parse(struct call *c, const struct resource *res, const struct query_param *params,
    size_t count, struct query *ret);
/* What is wrong with a parameter; returns -EINVAL. */
int query_bad(struct call *c, struct text name, const char *code, const char *en, const char *zh);
/* A parameter that is a condition: FIELD=op.value, FIELD.MEMBER=op.value, and=(…), or=(…). */
MUSTCHECK int query_take_filter(struct call *c, struct query *q, struct text name, struct text value);
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
/* Over all records of the list, each once, as the alias r, in one or more branches. The parts may name parameters that
 * stand in ret->args already, behind the tenant. */
struct query_select {
    const char *before;  /* the whole */
    const char *columns; /* of each branch, behind SELECT */
    const char *join;    /* behind FROM … r */
    const char *groups;  /* GROUP BY … */
    const char *after;   /* the whole */
};
void query_build_select(struct call *c, const struct query *q, const struct query_select *select,
    struct query_sql *ret, bool *ret_empty);

/* The conditions, each with " AND " before it, over the alias r; $1 is the tenant. Tokens only where records are looked at
 * for them. */
const char *query_where(struct call *c, const struct query *q, struct db_args *args);
/* One look at the key of juxin.search for each record. OFFSET 0 keeps it one: joined, a planner that does not know how common
 * a token is would compare every record with every token. */
const char *query_has_token(
    struct call *c, const struct query *q, uint32_t i, const char *id, struct db_args *args);
/* What the reader may see of records under an alias, as one predicate with " AND " before it; "" for everything. */
const char *query_sight(struct call *c, const struct resource *res, char alias, struct db_args *args);
/* The next parameter as it stands in the text: $7::date. */
const char *query_arg(struct arena *a, struct db_args *args, const char *value, const char *type);
const char *query_type(const struct field *f); /* ::date */

/* 404 for who reads nothing in q->unit, then the policy gate; without a unit the plugin has to run somewhere. Of frozen
 * records the gate is not asked. */
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
