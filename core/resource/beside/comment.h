/* What people say beside a record. A comment is for everybody who may read the record, or internal: for those who handle it,
 * not for who is there as its submitter alone. */
#pragma once

#include "base/jsonw.h"
#include "resource/record/record.h"

#define COMMENT_CHARS_MAX 4000
#define COMMENT_MENTIONS_MAX 20

/* Does the caller see internal comments of this record? Suspends. */
MUSTCHECK int comment_sees_internal(struct call *c, const struct record *rec, bool *ret);

struct comment_input {
    const char *body;
    bool is_internal, has_internal; /* said at all */
    struct uuid mentions[COMMENT_MENTIONS_MAX];
    uint32_t mention_count;
};
/* Within call_begin … call_commit. Faults name body, internal, mentions. Who may not see what is said cannot be mentioned,
 * and the answer is the one for nobody. */
MUSTCHECK int comment_add(
    struct call *c, const struct record *rec, const struct comment_input *in, struct uuid *ret_id);
/* Its author, or who may delete the record. Its place in the timeline stays. */
MUSTCHECK int comment_remove(struct call *c, const struct record *rec, struct uuid id);

/* The columns of a comment, of the alias m with its author p; $7 says whether internal ones are seen. */
#define COMMENT_COLUMNS                                                                                      \
    "m.id, m.created_at, m.body, m.is_internal, m.created_by, p.display_name, m.deleted_at, (SELECT "        \
    "string_agg(t.account_id::text, ',' ORDER BY t.account_id) FROM juxin.mention t WHERE t.tenant_id = $1 " \
    "AND t.comment_id = m.id)"
#define COMMENT_FROM                                                                                         \
    " FROM juxin.comment m JOIN juxin.account p ON p.tenant_id = m.tenant_id AND p.id = m.created_by"        \
    " WHERE m.tenant_id = $1 AND m.resource = $2 AND m.record_id = $3 AND ($7::boolean OR NOT "              \
    "m.is_internal)"
/* Its members, into an open object. */
void comment_write_members(
    struct call *c, const struct record *rec, struct jsonw *w, const struct db_rows *rows, int row);
