/* A tenant's own field: from its row to a field as declarations have them. */
#pragma once

#include "base/arena.h"
#include "db/db.h"
#include "resource/declare/declaration.h"

/* Of the alias f. */
#define CUSTOM_FIELD_COLUMNS                                                                                 \
    "f.resource, f.id, f.name, f.type, f.zh, f.en, f.is_required, f.is_filterable, f.max_length, f.min, "    \
    "f.max, f.dictionary, f.mask, f.is_about_person, f.purpose, f.retention, f.state"
enum custom_field_column {
    CUSTOM_RESOURCE,
    CUSTOM_ID,
    CUSTOM_NAME,
    CUSTOM_TYPE,
    CUSTOM_ZH,
    CUSTOM_EN,
    CUSTOM_REQUIRED,
    CUSTOM_FILTERABLE,
    CUSTOM_MAX_LENGTH,
    CUSTOM_MIN,
    CUSTOM_MAX,
    CUSTOM_DICTIONARY,
    CUSTOM_MASK,
    CUSTOM_PERSON,
    CUSTOM_PURPOSE,
    CUSTOM_RETENTION,
    CUSTOM_STATE,
    CUSTOM_COLUMNS
};
void custom_field_take(struct arena *a, const struct db_rows *rows, int row, struct field *ret);

/* "text_value": where the values of such a field are. */
const char *custom_value_column(enum field_type t);
/* Can lists be filtered by it? */
bool custom_field_is_findable(enum field_type t);
#define CUSTOM_TEXT_MAX 500 /* characters: as much as an index holds */
