/* Columns and cells. */
#include "resource/transfer/columns.h"

#include <errno.h>

#include "base/clock.h"
#include "tenant/calendar.h"

static const struct column standard[] = {
    {"number", NULL, {"编号", "Number"}},
    {"unit", NULL, {"组织机构", "Unit"}},
    {"state", NULL, {"状态", "State"}},
    {"due_at", NULL, {"办理期限", "Due"}},
    {"created_at", NULL, {"创建时间", "Created"}},
    {"updated_at", NULL, {"更新时间", "Updated"}},
    {"unit_code", NULL, {"机构代码", "Unit code"}},
    {"id", NULL, {"记录标识", "Id"}},
};

static struct column of_field(const struct field *f)
{
    return (struct column){f->name, f, {f->label.zh, f->label.en}};
}

uint32_t columns_of(const struct resource *res, struct column out[COLUMNS_MAX])
{
    uint32_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(standard); i++)
        if (strcmp(standard[i].name, "number") != 0 || res->number_prefix)
            out[n++] = standard[i];
    for (uint32_t i = 0; i < res->field_count; i++)
        out[n++] = of_field(&res->fields[i]);
    return n;
}

int column_find(const struct resource *res, struct text name, struct column *ret)
{
    const struct field *f = resource_field(res, name);

    if (f) {
        *ret = of_field(f);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(standard); i++) {
        if (text_is(name, standard[i].name) && (i > 0 || res->number_prefix)) {
            *ret = standard[i];
            return 0;
        }
    }
    return -ENOENT;
}

static struct sheet_cell cell(enum sheet_kind kind, const char *s)
{
    return (struct sheet_cell){s && *s ? kind : SHEET_EMPTY, text_of(s ? s : "")};
}

/* RFC 3339 as the clocks on the wall show it: 2026-11-25T08:30:00. */
static struct sheet_cell moment(struct arena *a, const char *v)
{
    int64_t us;
    struct clock_text t;

    if (!v || clock_parse(text_of(v), &us) < 0)
        return cell(SHEET_EMPTY, NULL);
    t = clock_format(us + (int64_t)CALENDAR_OFFSET_MINUTES * 60 * 1000000);
    return cell(SHEET_DATE, arena_ndup(a, t.s, 19));
}

/* Cents, which an int64 holds, as yuan. */
static struct sheet_cell money(struct arena *a, const char *v)
{
    bool is_negative = *v == '-';
    size_t len;

    v += is_negative;
    len = strlen(v);
    if (len < 3)
        return cell(
            SHEET_NUMBER, arena_printf(a, "%s0.%s%s", is_negative ? "-" : "", len == 1 ? "0" : "", v));
    return cell(
        SHEET_NUMBER, arena_printf(a, "%s%.*s.%s", is_negative ? "-" : "", (int)len - 2, v, v + len - 2));
}

static const char *label_of(const struct label *l, bool is_english)
{
    return is_english ? l->en : l->zh;
}

static const char *choice(const struct field *f, const char *v, bool is_english)
{
    for (uint32_t i = 0; i < f->value_count; i++)
        if (strcmp(f->values[i].value, v) == 0)
            return label_of(&f->values[i].label, is_english);
    return v;
}

static const char *unit_name(const struct call *c, const char *id)
{
    struct uuid uuid;
    uint32_t unit = uuid_parse(text_of(id), &uuid) == 0 ? tree_find(c->tenant->tree, uuid) : TREE_NONE;

    return unit == TREE_NONE ? id : tree_unit(c->tenant->tree, unit).name;
}

static struct sheet_cell value_cell(struct call *c, const struct field *f, const char *v, bool is_english)
{
    switch (f->type) {
    case FIELD_INTEGER:
        return cell(SHEET_NUMBER, v);
    case FIELD_MONEY:
        return money(c->arena, v);
    case FIELD_BOOLEAN:
        return cell(
            SHEET_TEXT, strcmp(v, "true") == 0 ? (is_english ? "Yes" : "是") : (is_english ? "No" : "否"));
    case FIELD_DATE:
        return cell(SHEET_DATE, v);
    case FIELD_DATETIME:
        return moment(c->arena, v);
    case FIELD_ENUM:
        return cell(SHEET_TEXT, choice(f, v, is_english));
    case FIELD_UNIT:
        return cell(SHEET_TEXT, unit_name(c, v));
    default:
        return cell(SHEET_TEXT, v);
    }
}

static struct sheet_cell standard_cell(
    struct call *c, const struct record *rec, const char *name, bool is_english)
{
    if (strcmp(name, "number") == 0)
        return cell(SHEET_TEXT, rec->number);
    if (strcmp(name, "unit") == 0)
        return cell(SHEET_TEXT, rec->unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, rec->unit).name);
    if (strcmp(name, "unit_code") == 0)
        return cell(SHEET_TEXT, rec->unit == TREE_NONE ? NULL : tree_unit(c->tenant->tree, rec->unit).code);
    if (strcmp(name, "state") == 0)
        return cell(SHEET_TEXT, label_of(&rec->res->states[rec->state].label, is_english));
    if (strcmp(name, "due_at") == 0)
        return cell(SHEET_DATE, rec->due);
    if (strcmp(name, "id") == 0)
        return cell(SHEET_TEXT, arena_dup(c->arena, uuid_format(rec->id).s));
    return moment(c->arena, strcmp(name, "created_at") == 0 ? rec->created_at : rec->updated_at);
}

struct sheet_cell column_cell(
    struct call *c, const struct record *rec, const struct column *column, bool is_english)
{
    const struct field *f = column->field;
    const char *v = f ? rec->values[f->index] : NULL;
    char masked[64];

    if (!f)
        return standard_cell(c, rec, column->name, is_english);
    if (!v || rec->hidden[f->index])
        return cell(SHEET_EMPTY, NULL);
    if (record_masks(rec, f, record_may_unmask(c, rec))) {
        record_mask(f->mask, v, masked, sizeof(masked));
        return cell(SHEET_TEXT, arena_dup(c->arena, masked));
    }
    return value_cell(c, f, v, is_english);
}
