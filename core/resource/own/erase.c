/* Erasing: every place that holds a record's values. */
#include "resource/own/erase.h"

#include "plugin/hook/hook.h"
#include "resource/own/own.h"
#include "resource/record/change.h"
#include "resource/record/search.h"
#include "resource/record/store.h"

/* Of the record $1 to $3 (record_key_args). */
static const struct db_stmt empty_history = {"erase.history",
    "UPDATE juxin.history SET changes = NULL, note = NULL WHERE tenant_id = $1 AND resource "
    "= $2 AND record_id = $3"};
static const struct db_stmt cut_history = {"erase.history_fields",
    "UPDATE juxin.history SET changes = (changes::jsonb - $4::text[])::text WHERE tenant_id = $1 AND "
    "resource = $2 AND "
    "record_id = $3 AND changes IS NOT NULL"};
static const struct db_stmt drop_mentions = {"erase.mentions",
    "DELETE FROM juxin.mention WHERE tenant_id = $1 AND comment_id IN (SELECT id FROM juxin.comment WHERE "
    "tenant_id = $1 "
    "AND resource = $2 AND record_id = $3)"};
static const struct db_stmt empty_comments = {"erase.comments",
    "UPDATE juxin.comment SET body = NULL, deleted_at = $4 WHERE tenant_id = $1 AND resource = $2 AND "
    "record_id = $3 AND "
    "deleted_at IS NULL"};
static const struct db_stmt drop_files = {"erase.files",
    "UPDATE juxin.attachment SET sha256 = NULL, thumbnail = NULL, deleted_at = $4, deleted_by = $5 WHERE "
    "tenant_id = $1 AND "
    "resource = $2 AND record_id = $3 AND deleted_at IS NULL"};
/* A file's name may name the person. */
static const struct db_stmt empty_names = {"erase.file_names",
    "UPDATE juxin.attachment SET name = '' WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"};
static const struct db_stmt drop_participants = {"erase.participants",
    "DELETE FROM juxin.participant WHERE tenant_id = $1 AND resource = $2 AND record_id = $3"};
/* What was asked to be put right in it. */
static const struct db_stmt drop_corrections = {"erase.corrections",
    "UPDATE juxin.own_request SET state = 'cancelled', changes = NULL, decided_at = $4, decided_by = $5 "
    "WHERE "
    "tenant_id = $1 AND state = 'open' AND what = 'correct' AND resource = $2 AND record_id = $3"};
/* Tables on their way out, and sheets the record came in by: their contents go with their rows. */
static const struct db_stmt drop_exports = {"erase.exports",
    "DELETE FROM juxin.export WHERE tenant_id = $1 AND resource IN ($2, '" OWN_EXPORT_RESOURCE
    "') AND $3::uuid IS NOT NULL"};
static const struct db_stmt expire_imports = {"erase.imports",
    "UPDATE juxin.import SET expires_at = $4 WHERE tenant_id = $1 AND resource = $2 AND expires_at > $4 AND "
    "id IN (SELECT "
    "import_id FROM juxin.import_row WHERE tenant_id = $1 AND record_id = $3)"};

static int run(
    struct call *c, const struct record *rec, struct db_stmt stmt, bool takes_time, bool takes_account)
{
    struct db_args a;

    record_key_args(&a, c, rec->res, rec->id);
    if (takes_time)
        db_arg_time(&a, c->now_us);
    if (takes_account)
        db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, stmt, &a, NULL);
}

static int copies(struct call *c, const struct record *rec)
{
    int r = run(c, rec, drop_exports, false, false);

    return r < 0 ? r : run(c, rec, expire_imports, true, false);
}

/* Without what it took away. */
static int note(struct call *c, struct record *rec)
{
    struct history_entry entry = {.action = "erase", .redirected_from = TREE_NONE};

    for (uint32_t i = 0; i < rec->res->field_count; i++)
        rec->old[i] = rec->values[i];
    return history_add(c, rec, &entry);
}

/* Nobody who follows records knows a deleted one any more. */
static int finish(struct call *c, struct record *rec, enum hook_point point, bool is_deleted)
{
    const struct resource *res = rec->res;
    int r;

    if (is_deleted)
        r = call_audit(c, arena_printf(c->arena, "%s.erase", res->full_name), res->full_name, rec->id,
            rec->unit_id, record_changed_names(c->arena, rec));
    else
        r = change_finish(c, point, NULL, rec, 200);
    return r < 0 ? r : note(c, rec);
}

int erase_record(struct call *c, struct record *rec, bool is_deleted)
{
    struct change_extra extra = {.set = ", deleted_at = $4::timestamptz"};
    int r;

    for (uint32_t i = 0; i < rec->res->field_count; i++)
        rec->values[i] = NULL;
    r = change_write(c, rec, is_deleted ? NULL : &extra);
    if (r == 0)
        r = search_write(c, rec, true);
    if (r == 0)
        r = run(c, rec, empty_history, false, false);
    if (r == 0)
        r = run(c, rec, drop_mentions, false, false);
    if (r == 0)
        r = run(c, rec, empty_comments, true, false);
    if (r == 0)
        r = run(c, rec, drop_files, true, true);
    if (r == 0)
        r = run(c, rec, empty_names, false, false);
    if (r == 0)
        r = run(c, rec, drop_participants, false, false);
    if (r == 0)
        r = run(c, rec, drop_corrections, true, true);
    if (r == 0)
        r = copies(c, rec);
    return r < 0 ? r : finish(c, rec, HOOK_AFTER_DELETE, is_deleted);
}

static const char *names_of(struct call *c, const struct resource *res, const bool *fields)
{
    const char *s = "{";

    for (uint32_t i = 0; i < res->field_count; i++)
        if (fields[i])
            s = arena_printf(c->arena, "%s%s%s", s, s[1] ? "," : "", res->fields[i].name);
    return arena_printf(c->arena, "%s}", s);
}

int erase_fields(struct call *c, struct record *rec, const bool *fields, bool is_deleted)
{
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < rec->res->field_count; i++)
        if (fields[i])
            rec->values[i] = NULL;
    r = change_write(c, rec, NULL);
    if (r == 0)
        r = search_write(c, rec, is_deleted);
    if (r == 0) {
        record_key_args(&a, c, rec->res, rec->id);
        db_arg_str(&a, names_of(c, rec->res, fields));
        r = db_exec(c->tx, cut_history, &a, NULL);
    }
    if (r == 0)
        r = copies(c, rec);
    return r < 0 ? r : finish(c, rec, HOOK_AFTER_UPDATE, is_deleted);
}
