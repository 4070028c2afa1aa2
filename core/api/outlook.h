/* What would happen, as JSON. */
#pragma once

#include "base/jsonw.h"
#include "plugin/outlook/outlook.h"

/* Lists are cut at so many; the numbers beside them are whole. */
#define OUTLOOK_LISTED_MAX 1000

/* {"at", "turned_on", "turned_off", "plugins": […], "flips": […], "people", "gaining", "losing", "who": […], "stranded": […]}.
 * Units and names that the asker may not see are counted and not listed. May suspend. */
MUSTCHECK int outlook_write(struct call *c, const struct outlook *o, struct jsonw *w);
