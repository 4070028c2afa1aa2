/* Cells to JSON. */
#include "resource/transfer/import_cell.h"

#include <ctype.h>
#include <errno.h>

#include "access/core_permissions.h"
#include "access/permission.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/transfer/import_names.h"
#include "resource/transfer/import_text.h"
#include "sheet/writer.h"
#include "tenant/tree.h"

#define CODES_MAX 5

static int wrong(struct value_fault *f, const char *code, const char *en, const char *zh)
{
    *f = (struct value_fault){code, en, zh};
    return -EINVAL;
}

static int lost(struct value_fault *f)
{
    return wrong(f, "digits_lost",
        "A number of more than 15 digits, whose last digits the spreadsheet has dropped. Format the column "
        "as text "
        "and enter it again.",
        "该单元格为超过 15 位的数值，末尾数字已丢失，请将该列设为文本格式后重新填写。");
}

static int text_cell(
    struct call *c, const struct sheet_cell *cell, struct text t, json_t **ret, struct value_fault *f)
{
    struct sheet_digits digits;

    if (cell->kind == SHEET_NUMBER) {
        if (!sheet_digits(t, &digits))
            return lost(f);
        t = text_of(arena_dup(c->arena, digits.s));
    }
    *ret = json_stringn_nocheck(t.ptr, t.len);
    return 0;
}

/* 1,234.5 and ￥12 without what only helps the eye. */
static struct text plain_number(struct call *c, struct text t)
{
    char *out = arena_ndup(c->arena, t.ptr, t.len), *to = out;

    if (text_has_prefix(t, "¥") || text_has_prefix(t, "￥"))
        t = text_skip(t, text_has_prefix(t, "¥") ? 2 : 3);
    for (size_t i = 0; i < t.len; i++)
        if (t.ptr[i] != ',')
            *to++ = t.ptr[i];
    *to = '\0';
    return (struct text){out, (size_t)(to - out)};
}

static int number_cell(
    struct call *c, const struct field *field, struct text t, json_t **ret, struct value_fault *f)
{
    struct text number = plain_number(c, t);
    struct sheet_digits digits;
    int64_t n;

    if (field->type == FIELD_MONEY) {
        if (sheet_hundredths(number, &n) < 0)
            return wrong(
                f, "type", "An amount in yuan, with at most two decimals.", "应为金额（元），最多两位小数。");
    } else if (!sheet_digits(number, &digits) ||
               text_to_i64(text_of(digits.s), INT64_MIN, INT64_MAX, &n) < 0) {
        return wrong(f, "type", "A whole number.", "应为整数。");
    }
    *ret = json_integer(n);
    return 0;
}

static int boolean_cell(struct text t, json_t **ret, struct value_fault *f)
{
    static const char *const yes[] = {"是", "有", "对", "真", "√", "yes", "y", "true", "1"};
    static const char *const no[] = {"否", "无", "错", "假", "×", "no", "n", "false", "0"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (text_is_nocase(t, yes[i]) || text_is_nocase(t, no[i])) {
            *ret = json_boolean(text_is_nocase(t, yes[i]));
            return 0;
        }
    }
    return wrong(f, "type", "Yes or no.", "应为“是”或“否”。");
}

/* 2026-11-25, 2026/1/5, 2026.1.5, 2026年1月5日, 20261125. Returns what is behind it, NULL when it is none. */
static const char *day_of(const char *p, char out[11])
{
    int part[3] = {0}, digits[3] = {0};

    for (int i = 0; i < 3; i++) {
        int most = i == 0 ? 4 : 2;

        for (; isdigit((unsigned char)*p) && digits[i] < most; p++, digits[i]++)
            part[i] = part[i] * 10 + (*p - '0');
        if (digits[i] == 0 || (i == 0 && digits[0] != 4))
            return NULL;
        if (i < 2 && strchr("-/.", *p) && *p)
            p++;
        else if (strncmp(p, i == 0 ? "年" : i == 1 ? "月" : "日", 3) == 0)
            p += 3;
        else if (i < 2 && (!isdigit((unsigned char)*p) || digits[i] != most))
            return NULL;
    }
    if (part[1] > 99 || part[2] > 99)
        return NULL;
    snprintf(out, 11, "%04d-%02d-%02d", part[0] % 10000, part[1] % 100, part[2] % 100);
    return p;
}

static int date_cell(struct call *c, struct text t, json_t **ret, struct value_fault *f)
{
    const char *rest;
    char day[11];

    rest = day_of(arena_ndup(c->arena, t.ptr, t.len), day);
    if (!rest || (*rest && strcmp(rest, "T00:00:00") != 0 && strcmp(rest, " 00:00:00") != 0))
        return wrong(f, "type", "A date: 2026-11-25.", "应为日期，如 2026-11-25。");
    *ret = json_string(day);
    return 0;
}

/* Without an offset it is what the clocks on the wall showed. */
static int moment_cell(struct call *c, struct text t, json_t **ret, struct value_fault *f)
{
    const char *all = arena_ndup(c->arena, t.ptr, t.len), *rest;
    char day[11];
    int64_t us;
    int h = 0, m = 0, s = 0, n = 0;

    if (clock_parse(t, &us) == 0) {
        *ret = json_stringn_nocheck(t.ptr, t.len);
        return 0;
    }
    rest = day_of(all, day);
    if (rest && (*rest == 'T' || *rest == ' '))
        rest++;
    if (!rest || (*rest && (sscanf(rest, "%2d:%2d%n:%2d%n", &h, &m, &n, &s, &n) < 2 || rest[n])) || h < 0 ||
        m < 0 || s < 0)
        return wrong(f, "type", "A moment: 2026-11-25 08:30.", "应为时间，如 2026-11-25 08:30。");
    *ret = json_string(arena_printf(c->arena, "%sT%02d:%02d:%02d+08:00", day, h, m, s));
    return 0;
}

static int choice_cell(
    struct call *c, const struct field *field, struct text t, json_t **ret, struct value_fault *f)
{
    const char *en = "", *zh = "";

    for (uint32_t i = 0; i < field->value_count; i++) {
        const struct enum_value *v = &field->values[i];

        if (text_is(t, v->value) || text_is(t, v->label.zh) || text_is_nocase(t, v->label.en)) {
            *ret = json_string(v->value);
            return 0;
        }
    }
    if (field->dictionary)
        return wrong(f, "not_one_of",
            arena_printf(c->arena, "A code or a name of the dictionary %s.", field->dictionary),
            arena_printf(c->arena, "应为字典 %s 中的代码或名称。", field->dictionary));
    for (uint32_t i = 0; i < field->value_count; i++) {
        const struct enum_value *v = &field->values[i];

        en = arena_printf(c->arena, "%s%s%s", en, i ? ", " : "", v->label.en);
        zh = arena_printf(c->arena, "%s%s%s", zh, i ? "、" : "", v->label.zh);
    }
    return wrong(f, "not_one_of", arena_printf(c->arena, "One of: %s.", en),
        arena_printf(c->arena, "可选值：%s。", zh));
}

struct named_units {
    uint32_t count, first; /* that are open, have the name, and may be named to whom asks */
    const char *codes;     /* of the first ones */
};

/* One that is not seen is not there: neither told of, nor in the way of one that is. */
static struct named_units units_named(struct call *c, const struct resource *res, struct text name)
{
    const struct tree *tree = c->tenant->tree;
    struct named_units found = {.first = TREE_NONE, .codes = ""};

    for (uint32_t i = 0; i < tree_count(tree); i++) {
        struct tree_unit u = tree_unit(tree, i);

        if (u.is_closed || !text_is(name, u.name) ||
            (!subject_may(c->who, c->tenant, res->permissions[ACTION_CREATE], i) &&
                !subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), i)))
            continue;
        if (found.count++ == 0)
            found.first = i;
        if (found.count <= CODES_MAX)
            found.codes = arena_printf(c->arena, "%s%s%s", found.codes, found.count > 1 ? ", " : "", u.code);
    }
    return found;
}

uint32_t import_unit(struct call *c, const struct resource *res, struct text t, struct value_fault *fault)
{
    uint32_t unit = tree_find_named(c->tenant->tree, t);
    struct named_units found;

    if (unit != TREE_NONE)
        return unit;
    found = units_named(c, res, t);
    if (found.count == 1)
        return found.first;
    if (found.count == 0)
        (void)wrong(fault, "unknown_unit",
            "The id or code of a unit that is open.", /* as of one that is not seen */
            "应为现有组织机构的编号或代码。");
    else
        (void)wrong(fault, "ambiguous",
            arena_printf(
                c->arena, "%u units have this name: %s. Write the code of one.", found.count, found.codes),
            arena_printf(c->arena, "有 %u 个同名机构：%s。请填写机构代码。", found.count, found.codes));
    return TREE_NONE;
}

static int unit_cell(
    struct call *c, const struct resource *res, struct text t, json_t **ret, struct value_fault *f)
{
    uint32_t unit = import_unit(c, res, t, f);

    if (unit == TREE_NONE)
        return -EINVAL;
    *ret = json_string(uuid_format(tree_unit(c->tenant->tree, unit).id).s);
    return 0;
}

static int json_cell(struct text t, json_t **ret, struct value_fault *f)
{
    return json_parse(t, JSON_LIMITS, ret, NULL) == 0 ? 0 : wrong(f, "type", "JSON.", "应为 JSON。");
}

static int reference_cell(const struct import_names *names, const struct field *field, struct text t,
    json_t **ret, struct value_fault *f)
{
    struct uuid id;

    if (uuid_parse(t, &id) < 0 && import_names_find(names, field, t, &id, f) < 0)
        return -EINVAL;
    *ret = json_string(uuid_format(id).s);
    return 0;
}

int import_cell(struct call *c, const struct resource *res, const struct import_column *to,
    const struct sheet_cell *cell, const struct import_names *names, json_t **ret, struct value_fault *fault)
{
    struct text t = import_text(cell);

    *ret = NULL;
    if (cell->kind == SHEET_EMPTY || t.len == 0 || (!to->field && !to->is_unit))
        return 0;
    if (cell->kind == SHEET_ERROR)
        return wrong(
            fault, "cell_error", "The cell shows an error instead of a value.", "单元格显示为错误值。");
    if (to->is_unit)
        return unit_cell(c, res, t, ret, fault);
    switch (to->field->type) {
    case FIELD_INTEGER:
    case FIELD_MONEY:
        return number_cell(c, to->field, t, ret, fault);
    case FIELD_BOOLEAN:
        return boolean_cell(t, ret, fault);
    case FIELD_DATE:
        return date_cell(c, t, ret, fault);
    case FIELD_DATETIME:
        return moment_cell(c, t, ret, fault);
    case FIELD_ENUM:
        return choice_cell(c, to->field, t, ret, fault);
    case FIELD_UNIT:
        return unit_cell(c, res, t, ret, fault);
    case FIELD_REFERENCE:
    case FIELD_DEPARTMENT:
        return reference_cell(names, to->field, t, ret, fault);
    case FIELD_JSON:
    case FIELD_DEPARTMENTS:
        return json_cell(t, ret, fault);
    default:
        return text_cell(c, cell, t, ret, fault);
    }
}
