/* What bodies tell of papers and of records about persons. */
#pragma once

#include "api/dispatch.h"
#include "resource/declare/resource.h"
#include "resource/own/consent_ledger.h"

/* A signed paper: "filed" and "signed_on". */
MUSTCHECK int api_paper(struct call *c, const json_t *body, struct consent_paper *ret);
/* "resource" and "record": both or neither. What is not about persons is not there. */
MUSTCHECK int api_about_record(
    struct call *c, const json_t *body, bool required, const struct resource **ret, struct uuid *ret_id);
