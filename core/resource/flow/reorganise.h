/* Merges and splits of units: units are retired, another takes over their open records, their departments and people, and the
 * units below them stand under it or, of a split, under those that are named. Planned by one function: for the preview, for the
 * deed, for the second person's approval, where the tenant asks for one. What is done is the plan that was seen, or nothing.
 *
 * The tree changes in one unit of work. Open records are carried over behind it by a job, in steps that count once; each keeps
 * its history, has the move in it, and its old unit reads on. Records that are closed stay where they were, under the old name. */
#pragma once

#include "access/grant.h"
#include "plugin/outlook/outlook.h"
#include "resource/declare/declaration.h"

#define REORG_FROM_MAX 20
#define REORG_CHANGES_MAX 300                      /* units that are retired or moved */
#define REORG_TWO_PERSONS "two_person_unit_events" /* key of juxin.tenant_setting; value "on" */

struct reorg_input {
    bool is_split;
    uint32_t from[REORG_FROM_MAX], from_count, into;
    struct reorg_child {
        uint32_t unit, parent;
    } children[REORG_CHANGES_MAX];
    uint32_t child_count;
    bool carry_grants;  /* who was granted something at a retired unit is granted it at the other, too */
    const char *reason; /* never NULL */
    const char *json;   /* the request, to be kept */
};
/* {"kind", "from", "into", "children", "carry_grants", "reason"}. Faults. In the arena. */
MUSTCHECK int reorg_take(struct call *c, const json_t *body, struct reorg_input **ret);

struct reorg_change {
    uint32_t unit, to; /* retired: who takes over; else the new parent */
    bool is_retired;
    int64_t unit_version;
    struct outlook o;
};
struct reorg {
    const struct reorg_input *in;
    struct reorg_change *changes;
    uint32_t count;
    const struct access_grant **grants; /* that are carried over */
    uint32_t grant_count;
    const struct db_rows *tenures; /* that end: id, title, account, name */
    bool takes_two;
    int64_t version;
};
/* Faults: all that would refuse one of its parts. Suspends. */
MUSTCHECK int reorg_plan(struct call *c, const struct reorg_input *in, struct reorg *ret);
bool reorg_retires(const struct reorg_input *in, uint32_t unit);
/* What a grant at a retired unit becomes at the other. */
struct grant_input reorg_grant(const struct call *c, const struct access_grant *g, uint32_t into);
/* Does it, or asks for it where it takes two. -ESTALE when the plan is another one by now. */
MUSTCHECK int reorg_begin(
    struct call *c, const struct reorg_input *in, int64_t version, struct uuid *ret_event, bool *ret_asked);
/* By a second person: approve does what was asked for, as it was previewed. version: the event's. */
MUSTCHECK int reorg_decide(
    struct call *c, struct uuid event, int64_t version, bool approve, int64_t *ret_version);

/* Once more for what was left behind, or where the job was cancelled or gave up. */
MUSTCHECK int reorg_resume(struct call *c, struct uuid event, int64_t version, int64_t *ret_version);
/* The condition on r that it has a value, unique in a unit, which a record of the unit in `unit` (a parameter) has; NULL where the
 * resource has no such field. */
const char *reorg_conflict(struct arena *a, const struct resource *res, const char *unit);
/* Open records of a resource at a unit that cannot go to the other. */
MUSTCHECK int reorg_count_conflicts(
    struct call *c, const struct resource *res, uint32_t unit, uint32_t into, int64_t *ret);

extern const struct job_kind reorg_carry_job;
