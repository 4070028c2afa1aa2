/* The engine's ends in the floors below it. */
#include "resource/engine.h"

#include "resource/batch/batch.h"
#include "resource/beside/attachment_collect.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"
#include "resource/flow/recount.h"
#include "resource/flow/remind.h"
#include "resource/flow/reorganise.h"
#include "resource/own/invitation.h"
#include "resource/own/own_export.h"
#include "resource/own/own_remind.h"
#include "resource/own/reseal.h"
#include "resource/own/retain.h"
#include "resource/record/record.h"
#include "resource/record/search_build.h"
#include "resource/report/report.h"
#include "resource/transfer/export.h"
#include "resource/transfer/import.h"
#include "tenant/calendar.h"
#include "tenant/units.h"

/* Of every resource that has a table: those of plugins that are out of order just now, or gone for a while, too. */
static const struct db_stmt declared = {
    "engine.declared", "SELECT plugin, resource FROM juxin.declaration ORDER BY plugin, resource"};

/* Rows of the units that moved carry their new ancestors; their versions stay, nobody's ETag goes stale. */
static int rows_follow(
    struct db_tx *tx, const struct tenant *t, const struct unit_place *places, size_t count)
{
    struct arena *arena = arena_new();
    struct db_rows *tables CLEANUP(db_rows_freep) = NULL;
    struct unit_place_arrays arrays;
    struct db_args args;
    int r = db_exec(tx, declared, NULL, &tables);

    unit_place_arrays(arena, places, count, &arrays);
    db_args_reset(&args);
    db_arg_int(&args, t->id);
    db_arg_str(&args, arrays.id);
    for (int d = 0; d < TREE_DEPTH_MAX; d++)
        db_arg_str(&args, arrays.a[d]);
    for (int i = 0; r == 0 && i < db_rows_count(tables); i++)
        r = db_exec(tx,
            db_stmt_built(
                arena, arena_printf(arena,
                           "UPDATE px_%s.\"%s\" AS r SET a1 = u.a1, a2 = u.a2, a3 = u.a3, a4 = u.a4 FROM "
                           "unnest($2::uuid[], $3::uuid[],"
                           " $4::uuid[], $5::uuid[], $6::uuid[]) AS u(id, a1, a2, a3, a4)"
                           " WHERE r.tenant_id = $1 AND r.unit_id = u.id",
                           db_get(tables, i, 0), db_get(tables, i, 1))),
            &args, NULL);
    arena_free(arena);
    return r;
}

void engine_init(void)
{
    resource_load_all();
    indicators_load_all();
    record_engine_init();
    calendar_part_register();
    edition_register();
    unit_move_hook(rows_follow);
    search_build_register();
    job_kind_register(&attachment_collect);
    job_kind_register(&remind_kind);
    job_kind_register(&recount_kind);
    export_register();
    batch_register();
    report_register();
    import_register();
    own_export_register();
    job_kind_register(&retain_job);
    job_kind_register(&own_remind_job);
    job_kind_register(&reseal_job);
    invitation_register();
    job_kind_register(&reorg_carry_job);
}
