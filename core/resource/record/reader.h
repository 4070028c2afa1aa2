/* Who may read a record: the units its reader has `read` at, and what the reader takes part in. */
#pragma once

#include "resource/record/record.h"

struct db_call;

#define RECORD_ALONG_MAX 2

enum access_by { ACCESS_NONE, ACCESS_DEPARTMENT, ACCESS_FULL };

/* The units the reader has `read` at; a plugin has it everywhere for its own resources. */
void reader_scope(struct call *c, const struct resource *res, struct scope *ret);
/* Does the subject hold any permission of the resource's anywhere? */
bool reader_has_business(const struct subject *who, const struct resource *res);
/* Is the record's handling unit within the reader's `read`? */
bool reader_reaches(const struct call *c, const struct record *rec);
/* The holders through which the reader takes part, as an array literal: the account, the units it reads at and, unless
 * full_only, its departments. Full means: not only as a department. NULL when there is none. */
const char *reader_holders(struct call *c, const struct resource *res, bool full_only);
/* How the reader gets at a record with these participants (column 0: holder). */
enum access_by reader_access(
    const struct call *c, const struct record *rec, const struct db_rows *participants);
/* Is the reader somebody who handles the record, or has come to it otherwise than as its submitter alone? */
bool reader_handles(const struct call *c, const struct record *rec, const struct db_rows *participants);
/* As record_read without serialise filters; lock: FOR UPDATE, in the call's open unit of work. */
MUSTCHECK int record_fetch(
    struct call *c, const struct resource *res, struct uuid id, bool lock, struct record **ret);
/* The same without a lock, and what else is asked of the record by its key ($1 tenant, $2 resource, $3 id) in the same
 * round trip: at most RECORD_ALONG_MAX statements, whose rows are set. */
MUSTCHECK int record_fetch_along(struct call *c, const struct resource *res, struct uuid id,
    struct db_call *along, size_t count, struct record **ret);
/* Whoever may or may not read it, and wherever the plugin runs, locked: for who has made sure of the right otherwise. NULL when
 * there is none any more. */
MUSTCHECK int record_find_any(
    struct call *c, const struct resource *res, struct uuid id, struct record **ret);
