/* Records in memory: filling from a row, reading members, masks, hidden submitters, JSON. */
#include "resource/record/record.h"

#include <errno.h>

#include "access/subject.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/declare/value.h"
#include "tenant/calendar.h"

struct record *record_new(struct arena *a, const struct resource *res)
{
    struct record *rec = arena_alloc(a, sizeof(*rec));

    rec->res = res;
    rec->unit = TREE_NONE;
    rec->values = arena_array(a, res->field_count, sizeof(*rec->values));
    rec->old = arena_array(a, res->field_count, sizeof(*rec->old));
    rec->hidden = arena_array(a, res->field_count, sizeof(*rec->hidden));
    return rec;
}

/* "2026-11-23 02:24:58.123456+00" to RFC 3339. */
static const char *moment(struct arena *a, const struct db_rows *rows, int row, int column)
{
    struct text t = db_get_text(rows, row, column);
    char *s;

    if (!t.ptr)
        return NULL;
    if (t.len < 22 || t.ptr[10] != ' ' || memcmp(t.ptr + t.len - 3, "+00", 3) != 0)
        return arena_dup(a, clock_format(db_get_time(rows, row, column)).s);
    s = arena_ndup(a, t.ptr, t.len - 2);
    s[10] = 'T';
    s[t.len - 3] = 'Z';
    return s;
}

static const char *field_value(
    struct arena *a, const struct field *f, const struct db_rows *rows, int row, int column)
{
    const char *v = db_get(rows, row, column);

    if (!v)
        return NULL;
    if (f->type == FIELD_BOOLEAN)
        return v[0] == 't' ? "true" : "false";
    return f->type == FIELD_DATETIME ? arena_dup(a, clock_format(db_get_time(rows, row, column)).s) : v;
}

/* No state is ever taken out of a declaration that has records. */
static uint32_t state_of(const struct resource *res, struct text name)
{
    uint32_t i = resource_state(res, name);

    return i == STATE_NONE ? res->initial_state : i;
}

static void fill_custom(struct record *rec, struct arena *a, struct text json)
{
    json_t *values = NULL;

    if (!json.ptr || json_parse(json, JSON_LIMITS, &values, NULL) < 0)
        return;
    for (uint32_t i = rec->res->column_count; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];
        const char *v = json_str(values, uuid_format(f->id).s);

        if (v && choice_fetches(rec->choice, f))
            rec->values[i] = rec->old[i] = arena_dup(a, v);
    }
    json_decref(values);
}

void record_fill(
    struct record *rec, struct arena *a, const struct tenant *t, const struct db_rows *rows, int row)
{
    int column = COL_FIELDS;

    rec->id = db_get_uuid(rows, row, COL_ID);
    rec->unit_id = db_get_uuid(rows, row, COL_UNIT);
    rec->unit = tree_find(t->tree, rec->unit_id);
    rec->origin_unit_id = db_get_uuid(rows, row, COL_ORIGIN);
    rec->version = db_get_int(rows, row, COL_VERSION);
    rec->state = state_of(rec->res, db_get_text(rows, row, COL_STATE));
    rec->state_since = moment(a, rows, row, COL_STATE_SINCE);
    rec->due = db_get(rows, row, COL_DUE);
    rec->number = db_get(rows, row, COL_NUMBER);
    rec->created_at = moment(a, rows, row, COL_CREATED_AT);
    rec->created_by = db_get_uuid(rows, row, COL_CREATED_BY);
    rec->updated_at = moment(a, rows, row, COL_UPDATED_AT);
    rec->updated_by = db_get_uuid(rows, row, COL_UPDATED_BY);
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];

        rec->values[i] = rec->old[i] =
            !f->is_custom && choice_fetches(rec->choice, f) ? field_value(a, f, rows, row, column++) : NULL;
        rec->hidden[i] = false;
    }
    if (row_has_custom(rec->res, rec->choice))
        fill_custom(rec, a, db_get_text(rows, row, column));
    rec->hides_submitter = rec->is_own = rec->is_open = false;
    rec->is_new = false;
    rec->follows = NULL;
}

const char *record_value(const struct record *rec, const char *name)
{
    const struct field *f = resource_field(rec->res, text_of(name));

    if (f)
        return rec->values[f->index];
    if (strcmp(name, "state") == 0)
        return rec->res->states[rec->state].name;
    if (strcmp(name, "due_at") == 0 || strcmp(name, "due") == 0)
        return rec->due;
    return strcmp(name, "number") == 0 ? rec->number : NULL;
}

bool record_is_changed(const struct record *rec, const struct field *f)
{
    const char *now = rec->values[f->index], *old = rec->old[f->index];

    return now != old && (!now || !old || strcmp(now, old) != 0);
}

const char *record_changed_names(struct arena *a, const struct record *rec)
{
    const char *names = "";

    for (uint32_t i = 0; i < rec->res->field_count; i++)
        if (record_is_changed(rec, &rec->res->fields[i]))
            names = arena_printf(a, "%s%s%s", names, *names ? "," : "", rec->res->fields[i].name);
    return names;
}

/* ---- what a reader may see ---- */

void record_hide_submitter(struct record *rec)
{
    const struct resource *res = rec->res;
    const char *agreed = res->anonymity.unless ? rec->values[res->anonymity.unless->index] : NULL;

    if (!res->anonymity.is_on || (agreed && strcmp(agreed, "true") == 0))
        return;
    rec->hides_submitter = true;
    for (uint32_t i = 0; i < res->field_count; i++)
        rec->hidden[i] |= res->fields[i].is_hidden_submitter;
}

bool record_may_unmask(const struct call *c, const struct record *rec)
{
    if (!c->who || c->who->kind == SUBJECT_PLUGIN)
        return true;
    if (c->who->kind == SUBJECT_ACCOUNT && uuid_eq(c->who->account, rec->created_by))
        return true; /* one's own words */
    if (rec->is_own)
        return true;
    return rec->unit != TREE_NONE &&
           subject_may(c->who, c->tenant, rec->res->permissions[ACTION_UNMASK], rec->unit);
}

bool record_masks(const struct record *rec, const struct field *f, bool may_unmask)
{
    return f->is_sensitive ? !rec->is_open : f->mask != MASK_NONE && !may_unmask;
}

/* Number of bytes of the first n characters. */
static size_t chars(const char *s, size_t n)
{
    const char *p = s;

    while (*p && n > 0) {
        p++;
        while ((*p & 0xc0) == 0x80)
            p++;
        n--;
    }
    return (size_t)(p - s);
}

void record_mask(enum field_mask mask, const char *v, char *out, size_t size)
{
    size_t n = text_chars(text_of(v)), len = strlen(v);
    const char *at = strchr(v, '@');

    if (mask == MASK_PHONE && n >= 11 && n == len)
        snprintf(out, size, "%.3s****%s", v, v + len - 4);
    else if (mask == MASK_PHONE && n >= 7 && n == len) /* three and four of a landline's would be all of it */
        snprintf(out, size, "****%s", v + len - 2);
    else if (mask == MASK_ID_NUMBER && n >= 10 && n == len)
        snprintf(out, size, "%.1s****************%s", v, v + len - 1);
    else if (mask == MASK_NAME && n > 0)
        snprintf(out, size, "%.*s**", (int)chars(v, 1), v);
    else if (mask == MASK_EMAIL && at && at > v && strlen(at) < 50)
        snprintf(out, size, "%.*s***%s", (int)chars(v, 1), v, at);
    else
        snprintf(out, size, "****");
}

void record_write_masked(struct jsonw *w, enum field_mask mask, const char *v)
{
    char out[64];

    record_mask(mask, v, out, sizeof(out));
    jsonw_str(w, out);
}

/* Members that every record has: their names need no quoting at run time. */
#define KEY(w, name) jsonw_quoted_key(w, TEXT("\"" name "\":"))

/* A deadline in a year whose holidays are not published was counted by weekends alone. */
static void write_provisional(struct jsonw *w, const struct record *rec, const struct tenant *t)
{
    int32_t day;

    if (!rec->due || date_parse(text_of(rec->due), &day) < 0 || calendar_covers(tenant_calendar(t), day))
        return;
    KEY(w, "due_is_provisional");
    jsonw_bool(w, true);
}

static void write_id(struct jsonw *w, struct uuid id)
{
    struct uuid_text t = uuid_format(id);

    if (uuid_is_nil(id))
        jsonw_null(w);
    else
        jsonw_text(w, (struct text){t.s, UUID_TEXT_LEN});
}

static void write_hidden(struct jsonw *w, const struct record *rec)
{
    bool hides_submitter = rec->hides_submitter && choice_has(rec->choice, MEMBER_CREATED_BY);
    bool any = hides_submitter;

    for (uint32_t i = 0; i < rec->res->field_count && !any; i++)
        any = rec->hidden[i] && choice_shows(rec->choice, &rec->res->fields[i]);
    if (!any)
        return;
    jsonw_key(w, "hidden");
    jsonw_array(w);
    if (hides_submitter)
        jsonw_str(w, "created_by");
    for (uint32_t i = 0; i < rec->res->field_count; i++)
        if (rec->hidden[i] && choice_shows(rec->choice, &rec->res->fields[i]))
            jsonw_str(w, rec->res->fields[i].name);
    jsonw_array_end(w);
}

/* What every record has, as far as it was asked for. */
static void write_standard(struct jsonw *w, const struct record *rec, const struct tenant *t)
{
    bool hides_editor = rec->hides_submitter && uuid_eq(rec->updated_by, rec->created_by);
    const struct choice *c = rec->choice;

    KEY(w, "id");
    write_id(w, rec->id);
    KEY(w, "version");
    jsonw_int(w, rec->version);
    if (choice_has(c, MEMBER_STATE)) {
        KEY(w, "state");
        jsonw_str(w, rec->res->states[rec->state].name);
    }
    if (choice_has(c, MEMBER_STATE_SINCE)) {
        KEY(w, "state_since");
        jsonw_str(w, rec->state_since);
    }
    if (choice_has(c, MEMBER_DUE_AT)) {
        KEY(w, "due_at");
        jsonw_str(w, rec->due);
        write_provisional(w, rec, t);
    }
    if (rec->res->number_prefix && choice_has(c, MEMBER_NUMBER)) {
        KEY(w, "number");
        jsonw_str(w, rec->number);
    }
    if (choice_has(c, MEMBER_UNIT_ID)) {
        KEY(w, "unit_id");
        write_id(w, rec->unit_id);
    }
    if (choice_has(c, MEMBER_UNIT_NAME)) {
        KEY(w, "unit_name");
        jsonw_str(w, rec->unit == TREE_NONE ? NULL : tree_unit(t->tree, rec->unit).name);
    }
    if (choice_has(c, MEMBER_ORIGIN_UNIT_ID)) {
        KEY(w, "origin_unit_id");
        write_id(w, rec->origin_unit_id);
    }
    if (choice_has(c, MEMBER_CREATED_AT)) {
        KEY(w, "created_at");
        jsonw_str(w, rec->created_at);
    }
    if (choice_has(c, MEMBER_CREATED_BY)) {
        KEY(w, "created_by");
        write_id(w, rec->hides_submitter ? UUID_NIL : rec->created_by);
    }
    if (choice_has(c, MEMBER_UPDATED_AT)) {
        KEY(w, "updated_at");
        jsonw_str(w, rec->updated_at);
    }
    if (choice_has(c, MEMBER_UPDATED_BY)) {
        KEY(w, "updated_by");
        write_id(w, hides_editor ? UUID_NIL : rec->updated_by);
    }
}

static void write_fields(struct jsonw *w, const struct record *rec, bool may_unmask)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];

        if (rec->hidden[i] || !choice_shows(rec->choice, f) || (f->is_retired && !rec->values[i]))
            continue;
        jsonw_quoted_key(w, f->json_key);
        if (rec->values[i] && record_masks(rec, f, may_unmask))
            record_write_masked(w, f->mask, rec->values[i]);
        else
            value_write(w, f, rec->values[i]);
    }
}

/* What became of it where it is handled now. */
static void write_follows(struct jsonw *w, const struct record *other)
{
    jsonw_key(w, "follows");
    jsonw_object(w);
    jsonw_kstr(w, "id", uuid_format(other->id).s);
    if (other->res->number_prefix)
        jsonw_kstr(w, "number", other->number);
    jsonw_kstr(w, "state", other->res->states[other->state].name);
    jsonw_kstr(w, "state_since", other->state_since);
    write_fields(w, other, false);
    jsonw_object_end(w);
}

void record_write_members(struct jsonw *w, const struct record *rec, const struct tenant *t, bool may_unmask)
{
    write_standard(w, rec, t);
    write_fields(w, rec, may_unmask);
    if (rec->follows)
        write_follows(w, rec->follows);
    write_hidden(w, rec);
}
