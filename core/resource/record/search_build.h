/* Full text of records that were there before what is searched, or how, was as it is now: after an upgrade or another
 * declaration a job brings juxin.search to it. juxin.search_state says per tenant and resource what it was built by. */
#pragma once

#include "access/call.h"
#include "resource/declare/declaration.h"

/* Do the tokens of all records of the resource stand there, by the rules of now? In the call's unit of work. */
MUSTCHECK int search_is_built(struct call *c, const struct resource *res, bool *ret);
void search_build_register(void); /* the kind of job, at start */
/* In the tenant's unit of work: asks for the job where something is to be done; a resource without records is done. */
MUSTCHECK int search_build_schedule(struct db_tx *tx, int64_t now_us);
