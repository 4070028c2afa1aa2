/* GET /P/R/statistics, one of the routes of declared resources. */
#pragma once

#include "api/dispatch.h"

MUSTCHECK int api_record_statistics(struct call *c, struct request *r);
/* What it answers, as JSON Schema. */
extern const char api_statistics_schema[];
