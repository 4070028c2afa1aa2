/* Running a list: the page in one round trip, hidden submitters, serialise filters, counts. */
#include "resource/query/query.h"
#include "resource/record/reader.h"
#include "resource/record/search.h"
#include "tenant/tree.h"

static void fill_page(struct call *c, const struct query *q, const struct query_sql *sql,
    struct db_rows *rows, struct query_page *ret)
{
    uint32_t n = (uint32_t)db_rows_count(rows), count = MIN(n, q->limit);
    int full_column = row_column_count(q->res, q->choice);

    ret->records = arena_array(c->arena, count + 1, sizeof(*ret->records));
    for (uint32_t i = 0; i < count; i++) {
        struct record *rec = record_new(c->arena, q->res);

        rec->choice = q->choice;
        record_fill(rec, c->arena, c->tenant, rows, (int)i);
        if (sql->has_full && !db_get_bool(rows, (int)i, full_column) && !reader_reaches(c, rec))
            record_hide_submitter(rec);
        ret->records[ret->count++] = rec;
    }
    if (n > q->limit)
        ret->next = cursor_make(c->arena, q, ret->records[count - 1]);
}

static void free_rows(void *rows)
{
    db_rows_free(rows);
}

/* Counting all may take long: not on the lane of fast reads. */
static int count_exactly(struct call *c, struct query_sql *sql, int64_t *ret)
{
    struct db_rows *rows = NULL;
    struct db_tx *tx = NULL;
    int r = db_begin(c->db, c->tenant->id, DB_READ_SLOW, NULL, &tx, NULL);

    if (r < 0)
        return r;
    r = db_exec(tx, sql->stmt, &sql->args, &rows);
    db_rollback(tx);
    if (r < 0)
        return r;
    *ret = db_get_int(rows, 0, 0);
    free_rows(rows);
    return 0;
}

/* ---- words ---- */

/* How many records have a token, as far as it matters. */
static const struct db_stmt token_count = {"search.count",
    "SELECT count(*) FROM (SELECT 1 FROM juxin.search s WHERE s.tenant_id = $1 AND s.resource = $2 AND "
    "s.token = $3"
    " ORDER BY s.record_id DESC LIMIT $4::bigint) x"};

static int count_tokens(struct call *c, const struct query *q, int64_t limit, struct db_call *calls)
{
    for (uint32_t i = 0; i < q->token_count; i++) {
        struct db_args *a = arena_alloc(c->arena, sizeof(*a));

        db_args_reset(a);
        db_arg_int(a, c->tenant->id);
        db_arg_str(a, q->res->full_name);
        db_arg_str(a, q->tokens[i]);
        db_arg_int(a, limit);
        calls[i] = (struct db_call){.stmt = token_count, .args = a};
    }
    return call_read(c, calls, q->token_count);
}

/* Would a page of those who have a common token be full before long, newest first? Where the reader sees a fiftieth of the
 * units or more: otherwise there are few enough records to look at. */
static bool sees_much(struct call *c, const struct query *q)
{
    const struct tree *t = c->tenant->tree;
    uint32_t units = 0;
    struct scope scope;

    reader_scope(c, q->res, &scope);
    if (q->unit != TREE_NONE)
        units = q->unit_only ? 1 : tree_end(t, q->unit) - q->unit;
    for (uint32_t i = 0; q->unit == TREE_NONE && i < scope.count; i++)
        units += scope.entries[i].reach == REACH_SELF
                     ? 1
                     : tree_end(t, scope.entries[i].unit) - scope.entries[i].unit;
    return units >= tree_count(t) / 50 + 1;
}

/* The rarest token leads, and how rare it is decides how records are found: of all the tokens there are, the statistics of
 * the database know nothing. */
static int choose_words(struct call *c, struct query *q, bool *ret_none)
{
    int64_t limit = q->sort_is_id ? QUERY_WORDS_FEW : QUERY_WORDS_SORTED, few = limit + 1;
    struct db_call calls[SEARCH_CHARS_MAX];
    uint32_t rarest = 0;
    const char *token;
    int r = count_tokens(c, q, few, calls);

    if (r < 0)
        return r;
    for (uint32_t i = 0; i < q->token_count; i++) {
        if (db_get_int(calls[i].rows, 0, 0) >= few)
            continue;
        few = db_get_int(calls[i].rows, 0, 0);
        rarest = i;
    }
    token = q->tokens[0];
    q->tokens[0] = q->tokens[rarest];
    q->tokens[rarest] = token;
    *ret_none = few == 0;
    if (few <= limit)
        q->words = WORDS_FEW;
    else if (q->sort_is_id && sees_much(c, q))
        q->words = WORDS_NEWEST;
    return 0;
}

int query_run(struct call *c, const struct query *asked, struct query_page *ret)
{
    struct query_sql *page = arena_alloc(c->arena, sizeof(*page)),
                     *count = arena_alloc(c->arena, sizeof(*count));
    struct query own = *asked, *q = &own;
    struct query_page out = {.total = -1};
    struct db_call calls[2];
    bool empty, none = false;
    int r = query_check_unit(c, q);

    if (r == 0 && q->token_count)
        r = choose_words(c, q, &none);
    if (r < 0)
        return r;
    query_build(c, q, page, &empty);
    if (empty || none) {
        out.total = q->count == COUNT_NO ? -1 : 0;
        *ret = out;
        return call_read(c, NULL, 0); /* the fence all the same: rights may just have been granted */
    }
    if (q->count != COUNT_NO)
        query_build_count(c, q, count);
    calls[0] = (struct db_call){page->stmt, &page->args, NULL};
    calls[1] = (struct db_call){count->stmt, &count->args, NULL};
    r = call_read(c, calls, q->count == COUNT_CAPPED ? 2 : 1);
    if (r == 0 && q->count == COUNT_EXACT)
        r = count_exactly(c, count, &out.total);
    if (r < 0)
        return r;
    if (q->count == COUNT_CAPPED) {
        out.total = MIN(db_get_int(calls[1].rows, 0, 0), QUERY_COUNT_MAX);
        out.total_capped = db_get_int(calls[1].rows, 0, 0) > QUERY_COUNT_MAX;
    }
    fill_page(c, q, page, calls[0].rows, &out);
    r = records_serialise(c, out.records, out.count);
    if (r == 0)
        *ret = out;
    return r;
}
