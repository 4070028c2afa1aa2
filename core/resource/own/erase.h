/* Taking out what records say, wherever it stands: the row, its history, search, comments, files, exports and imports that hold
 * it. What stays: that there was a record, its number, states and times, and the audit trail, which holds no values. */
#pragma once

#include "resource/record/record.h"

/* All of the record, which is deleted, unless it was already. In the call's unit of work, with the record locked. */
MUSTCHECK int erase_record(struct call *c, struct record *rec, bool is_deleted);
/* The values of these fields (one flag per field); the record stays, or stays deleted. */
MUSTCHECK int erase_fields(struct call *c, struct record *rec, const bool *fields, bool is_deleted);
