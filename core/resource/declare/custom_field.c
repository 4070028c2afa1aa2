/* Tenants' own fields as fields. */
#include "resource/declare/custom_field.h"

static int word_of(const char *word, const char *const *known)
{
    for (int i = 0; known[i]; i++)
        if (strcmp(known[i], word) == 0)
            return i;
    return 0;
}

void custom_field_take(struct arena *a, const struct db_rows *rows, int row, struct field *ret)
{
    bool is_long;
    struct field *f = ret;

    *f = (struct field){.name = arena_dup(a, db_get(rows, row, CUSTOM_NAME)),
        .label = {arena_dup(a, db_get(rows, row, CUSTOM_ZH)), arena_dup(a, db_get(rows, row, CUSTOM_EN))},
        .type = (enum field_type)word_of(db_get(rows, row, CUSTOM_TYPE), field_type_names),
        .id = db_get_uuid(rows, row, CUSTOM_ID),
        .is_custom = true,
        .is_retired = strcmp(db_get(rows, row, CUSTOM_STATE), "retired") == 0,
        .is_required = db_get_bool(rows, row, CUSTOM_REQUIRED),
        .is_filterable = db_get_bool(rows, row, CUSTOM_FILTERABLE),
        .has_min = db_get(rows, row, CUSTOM_MIN) != NULL,
        .has_max = db_get(rows, row, CUSTOM_MAX) != NULL,
        .dictionary = arena_dup(a, db_get(rows, row, CUSTOM_DICTIONARY)),
        .mask = (enum field_mask)word_of(db_get(rows, row, CUSTOM_MASK), field_mask_names),
        .sensitivity = db_get_bool(rows, row, CUSTOM_PERSON) ? "personal" : "none",
        .purpose = arena_dup(a, db_get(rows, row, CUSTOM_PURPOSE)),
        .retention = arena_dup(a, db_get(rows, row, CUSTOM_RETENTION))};
    is_long = f->type == FIELD_LONGTEXT;
    f->json_key = text_of(arena_printf(a, "\"%s\":", f->name));
    f->min = f->has_min ? db_get_int(rows, row, CUSTOM_MIN) : INT64_MIN;
    f->max = f->has_max ? db_get_int(rows, row, CUSTOM_MAX) : INT64_MAX;
    f->max_length = db_get(rows, row, CUSTOM_MAX_LENGTH) ? (uint32_t)db_get_int(rows, row, CUSTOM_MAX_LENGTH)
                    : is_long                            ? 5000
                                                         : 200;
    if (f->is_retired) /* still read, and found by; nobody gives it a value any more */
        f->set_by = SET_BY_PLUGIN, f->is_required = false;
}

const char *custom_value_column(enum field_type t)
{
    switch (t) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        return "number_value";
    case FIELD_DATE:
        return "date_value";
    case FIELD_LONGTEXT:
        return "long_value";
    default:
        return "text_value";
    }
}

bool custom_field_is_findable(enum field_type t)
{
    return t != FIELD_LONGTEXT;
}
