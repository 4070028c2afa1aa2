/* A signed paper as bodies tell of it: "filed" and "signed_on". */
#pragma once

#include "api/dispatch.h"
#include "resource/own/consent_ledger.h"

MUSTCHECK int api_paper(struct call *c, const json_t *body, struct consent_paper *ret);
