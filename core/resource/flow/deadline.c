/* Deadlines in working days. */
#include "resource/flow/deadline.h"

#include "base/clock.h"
#include "tenant/calendar.h"

static const char *day_text(struct call *c, int32_t day)
{
    return arena_dup(c->arena, date_format(day).s);
}

/* As many working days as the field says; false when it says nothing. */
static bool field_days(const struct record *rec, const struct field *f, int64_t *ret)
{
    const char *v = rec->values[f->index];

    return v && text_to_i64(text_of(v), 0, 1000, ret) == 0;
}

/* From where the deadline stands, not from today: what was asked for in time is not eaten up by the wait. */
static void extend_deadline(
    struct call *c, struct record *rec, const struct transition *t, struct deadline *ret)
{
    int32_t from = calendar_today(c->now_us);
    int64_t days;

    if (!field_days(rec, t->deadline_field, &days))
        return;
    if (rec->due && date_parse(text_of(rec->due), &from) < 0)
        return;
    *ret = (struct deadline){true, true, from, (int32_t)days};
    rec->due = day_text(c, calendar_add(tenant_calendar(c->tenant), from, (int32_t)days));
}

/* What is sent back has no deadline of its own where it goes, unless the declaration says so; nor has what was merged. What was
 * left of it is noted, and counts again from the day on which the record is resumed. */
static void pause_deadline(struct call *c, struct record *rec, struct history_entry *entry)
{
    int32_t due;

    if (!rec->due || date_parse(text_of(rec->due), &due) < 0)
        return;
    entry->has_days_left = true;
    entry->days_left = calendar_between(tenant_calendar(c->tenant), calendar_today(c->now_us), due);
    rec->due = NULL;
}

void deadline_set(struct call *c, struct record *rec, const struct transition *t, const struct goal *g,
    struct history_entry *entry, struct deadline *ret)
{
    const struct calendar *calendar = tenant_calendar(c->tenant);
    int32_t today = calendar_today(c->now_us);
    int64_t days = t->deadline_days;
    const char *v;

    *ret = (struct deadline){.is_counted = false};
    if (t->goal == GOAL_BACK || t->merges)
        pause_deadline(c, rec, entry);
    if (g->has_days) {
        *ret = (struct deadline){true, false, today, g->days};
        rec->due = day_text(c, calendar_add(calendar, today, g->days));
    }
    if (t->deadline == DEADLINE_KEEP)
        return;
    if (t->deadline == DEADLINE_EXTEND) {
        extend_deadline(c, rec, t, ret);
        return;
    }
    if (t->deadline == DEADLINE_CLEAR) {
        rec->due = NULL;
        return;
    }
    if (t->deadline == DEADLINE_FIELD) {
        v = rec->values[t->deadline_field->index];
        if (v && t->deadline_field->type == FIELD_DATE)
            rec->due = v;
        if (t->deadline_field->type == FIELD_DATE || !field_days(rec, t->deadline_field, &days))
            return;
    }
    *ret = (struct deadline){true, false, today, (int32_t)days};
    rec->due = day_text(c, calendar_add(calendar, today, (int32_t)days));
}
