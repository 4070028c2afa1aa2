/* A record as a row of a result: which column stands where. */
#pragma once

#include "resource/declare/choice.h"

/* The standard columns every SELECT of records begins with; the fields follow in order. */
enum row_column {
    COL_ID,
    COL_UNIT,
    COL_ORIGIN,
    COL_VERSION,
    COL_STATE,
    COL_STATE_SINCE,
    COL_DUE,
    COL_NUMBER,
    COL_CREATED_AT,
    COL_CREATED_BY,
    COL_UPDATED_AT,
    COL_UPDATED_BY,
    COL_FIELDS
};
/* Of the alias r, with the tenant as $1; choice may be NULL. */
const char *row_columns(struct arena *a, const struct resource *res, const struct choice *choice);
/* Those of its table alone; and what row_columns has behind them where there is something. */
const char *row_own_columns(struct arena *a, const struct resource *res, const struct choice *choice);
/* Is there, behind the fields' columns, one with the values of the tenant's own: {"field's id": "text form"}? */
bool row_has_custom(const struct resource *res, const struct choice *choice);
extern const char row_custom_values[];
int row_column_count(const struct resource *res, const struct choice *choice);
