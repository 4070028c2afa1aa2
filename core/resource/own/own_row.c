/* Requests about own data as JSON. */
#include "resource/own/own_row.h"

#include "base/clock.h"
#include "tenant/calendar.h"

static void write_json(struct jsonw *w, const char *key, const char *json)
{
    jsonw_key(w, key);
    if (json)
        jsonw_raw(w, text_of(json));
    else
        jsonw_null(w);
}

static void write_time(struct jsonw *w, const char *key, const struct db_rows *rows, int i, int column)
{
    jsonw_kstr(w, key, db_get(rows, i, column) ? clock_format(db_get_time(rows, i, column)).s : NULL);
}

static void write_names(struct jsonw *w, const char *names)
{
    struct text rest = text_of(*names ? names : NULL);

    jsonw_key(w, "fields");
    jsonw_array(w);
    while (rest.ptr)
        jsonw_text(w, text_split(&rest, ','));
    jsonw_array_end(w);
}

static void write_deadline(struct call *c, struct jsonw *w, const char *due, bool is_open)
{
    int32_t today = calendar_today(c->now_us), day;

    jsonw_kstr(w, "due_on", due);
    if (!is_open || date_parse(text_of(due), &day) < 0)
        return;
    jsonw_kint(w, "days_left", calendar_between(tenant_calendar(c->tenant), today, day));
    jsonw_kbool(w, "is_overdue", day < today);
}

void own_row_write(struct call *c, struct jsonw *w, const struct db_rows *rows, int i)
{
    const char *state = db_get(rows, i, 10);

    jsonw_object(w);
    jsonw_kstr(w, "id", db_get(rows, i, 0));
    jsonw_kstr(w, "what", db_get(rows, i, 1));
    jsonw_kstr(w, "resource", db_get(rows, i, 2));
    jsonw_kstr(w, "record", db_get(rows, i, 3));
    jsonw_kstr(w, "account", db_get(rows, i, 4));
    jsonw_kstr(w, "account_name", db_get(rows, i, 5));
    jsonw_kstr(w, "unit", db_get(rows, i, 6));
    write_names(w, db_get(rows, i, 7));
    write_json(w, "changes", db_get(rows, i, 8));
    jsonw_kstr(w, "reason", db_get(rows, i, 9));
    jsonw_kstr(w, "state", state);
    write_deadline(c, w, db_get(rows, i, 11), strcmp(state, "open") == 0);
    jsonw_kstr(w, "answer", db_get(rows, i, 12));
    write_json(w, "kept", db_get(rows, i, 13));
    jsonw_key(w, "erased");
    if (db_get(rows, i, 14))
        jsonw_int(w, db_get_int(rows, i, 14));
    else
        jsonw_null(w);
    write_time(w, "created_at", rows, i, 15);
    write_time(w, "decided_at", rows, i, 16);
    jsonw_object_end(w);
}
