/* Dictionaries of the deployment. One loop thread: what was looked up before a query is looked up again behind it. */
#include "resource/declare/dictionary.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "tenant/tenant.h"

static const struct db_stmt all_dictionaries = {
    "dictionary.all", "SELECT name, zh, en, source FROM juxin.dictionary ORDER BY name"};
static const struct db_stmt all_entries = {"dictionary.entries",
    "SELECT dictionary, code, zh, en, parent, position, valid_from, valid_until FROM juxin.dictionary_entry"
    " ORDER BY dictionary, position, code"};

static struct shelf *newest;

void shelf_unref(struct shelf *s)
{
    if (s && --s->refs == 0) {
        arena_free(s->arena);
        free(s);
    }
}

const struct dictionary *dictionary_find(const struct dictionary *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

struct enum_value *dictionary_value(struct enum_value *values, uint32_t count, struct text code)
{
    for (uint32_t i = 0; i < count; i++)
        if (text_is(code, values[i].value))
            return &values[i];
    return NULL;
}

static int32_t day_of(const struct db_rows *rows, int row, int column)
{
    int32_t day = 0;

    if (db_get(rows, row, column) && date_parse(db_get_text(rows, row, column), &day) < 0)
        day = 0;
    return day;
}

void dictionary_fill(struct arena *a, struct enum_value *v, const struct db_rows *rows, int row)
{
    *v = (struct enum_value){.value = arena_dup(a, db_get(rows, row, 1)),
        .label = {arena_dup(a, db_get(rows, row, 2)), arena_dup(a, db_get(rows, row, 3))},
        .parent = arena_dup(a, db_get(rows, row, 4) ? db_get(rows, row, 4) : ""),
        .position = (int32_t)db_get_int(rows, row, 5),
        .valid_from = day_of(rows, row, 6),
        .valid_until = day_of(rows, row, 7)};
}

static int by_position(const void *a, const void *b)
{
    const struct enum_value *x = a, *y = b;

    return x->position != y->position ? (x->position > y->position) - (x->position < y->position)
                                      : strcmp(x->value, y->value);
}

void dictionary_sort(struct enum_value *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), by_position);
}

bool enum_value_is_current(const struct enum_value *v, int32_t day)
{
    return (!v->valid_from || day >= v->valid_from) && (!v->valid_until || day <= v->valid_until);
}

bool dictionary_is_code(struct text t)
{
    bool good = t.len > 0 && t.len <= 40;

    for (size_t i = 0; i < t.len && good; i++)
        good = (t.ptr[i] >= 'a' && t.ptr[i] <= 'z') || (t.ptr[i] >= 'A' && t.ptr[i] <= 'Z') ||
               (t.ptr[i] >= '0' && t.ptr[i] <= '9') || strchr("._-", t.ptr[i]);
    return good;
}

/* ---- reading ---- */

static void take_rows(struct shelf *s, const struct db_rows *names, const struct db_rows *entries)
{
    int n = db_rows_count(names), at = 0, all = db_rows_count(entries);

    s->items = arena_array(s->arena, (size_t)n + 1, sizeof(*s->items));
    for (int i = 0; i < n; i++) {
        struct dictionary *d = &s->items[s->count++];
        int end = at;

        *d = (struct dictionary){.name = arena_dup(s->arena, db_get(names, i, 0)),
            .label = {arena_dup(s->arena, db_get(names, i, 1)), arena_dup(s->arena, db_get(names, i, 2))},
            .source = arena_dup(s->arena, db_get(names, i, 3))};
        while (end < all && strcmp(db_get(entries, end, 0), d->name) == 0)
            end++;
        d->values = arena_array(s->arena, (size_t)(end - at) + 1, sizeof(*d->values));
        for (; at < end; at++)
            dictionary_fill(s->arena, &d->values[d->count++], entries, at);
    }
}

int shelf_read(struct db_tx *tx, int64_t epoch, struct shelf **ret)
{
    struct db_args none;
    struct db_call calls[2] = {
        {.stmt = all_dictionaries, .args = &none}, {.stmt = all_entries, .args = &none}};
    struct shelf *s;
    int r;

    if (newest && newest->epoch == epoch) {
        newest->refs++;
        *ret = newest;
        return 0;
    }
    db_args_reset(&none);
    r = db_exec_many(tx, calls, 2);
    if (r < 0)
        return r;
    s = mem_zalloc(sizeof(*s));
    *s = (struct shelf){.arena = arena_new(), .epoch = epoch, .refs = 1};
    take_rows(s, calls[0].rows, calls[1].rows);
    db_calls_done(calls, 2);
    if (!newest || newest->epoch < epoch) {
        shelf_unref(newest);
        newest = s;
        s->refs++;
    }
    *ret = s;
    return 0;
}

/* ---- importing ---- */

static int why(char out[200], const char *format, size_t i)
{
    snprintf(out, 200, format, i);
    return -EINVAL;
}

static bool is_label(const json_t *v)
{
    const char *zh = json_str(v, "zh-CN"), *en = json_str(v, "en");

    return zh && *zh && en && *en && text_chars(text_of(zh)) <= 100 && text_chars(text_of(en)) <= 200;
}

static bool is_day_or_none(const json_t *entry, const char *key)
{
    const json_t *v = json_object_get(entry, key);
    int32_t day;

    return !v || (json_is_string(v) && date_parse(text_of(json_string_value(v)), &day) == 0);
}

static bool is_entry(const json_t *list, size_t i)
{
    const json_t *e = json_array_get(list, i);
    const char *code = json_str(e, "code"), *parent = json_str(e, "parent");
    bool good = code && dictionary_is_code(text_of(code)) && is_label(json_object_get(e, "label")) &&
                is_day_or_none(e, "valid_from") && is_day_or_none(e, "valid_until"),
         found = !parent;

    for (size_t k = 0; good && k < i; k++) {
        const char *other = json_str(json_array_get(list, k), "code");

        good = strcmp(code, other) != 0;
        found |= parent && strcmp(parent, other) == 0;
    }
    return good && found;
}

int dictionary_check(const json_t *file, char ret_why[200])
{
    const json_t *list = json_object_get(file, "entries");
    const char *name = json_str(file, "dictionary");
    size_t len = name ? strlen(name) : 0;

    if (len == 0 || len > 40 || name[0] < 'a' || name[0] > 'z' || strncmp(name, "x_", 2) == 0 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
        return why(ret_why, "\"dictionary\" is a name of a-z, 0-9 and _; x_ begins those of tenants", 0);
    if (!is_label(json_object_get(file, "label")))
        return why(ret_why, "\"label\" is {\"zh-CN\": \"…\", \"en\": \"…\"}", 0);
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > DICTIONARY_ENTRIES_MAX)
        return why(ret_why, "\"entries\" is a list of 1 to 2000", 0);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!is_entry(list, i))
            return why(ret_why,
                "entries[%zu]: \"code\" that occurs once, \"label\", a \"parent\" that stands before it, "
                "\"valid_from\", \"valid_until\"",
                i);
    return 0;
}

static const struct db_stmt put_dictionary = {"dictionary.put",
    "INSERT INTO juxin.dictionary (name, zh, en, source) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO "
    "UPDATE SET "
    "zh = EXCLUDED.zh, en = EXCLUDED.en, source = EXCLUDED.source"};
static const struct db_stmt end_entries = {"dictionary.end",
    "UPDATE juxin.dictionary_entry SET valid_until = least(valid_until, $2::date - 1) WHERE dictionary = $1"};
static const struct db_stmt put_entry = {"dictionary.put_entry",
    "INSERT INTO juxin.dictionary_entry (dictionary, code, zh, en, parent, position, valid_from, "
    "valid_until) VALUES "
    "($1, $2, $3, $4, $5, $6, $7::date, $8::date) ON CONFLICT (dictionary, code) DO UPDATE SET zh = "
    "EXCLUDED.zh, en = "
    "EXCLUDED.en, parent = EXCLUDED.parent, position = EXCLUDED.position, valid_from = EXCLUDED.valid_from, "
    "valid_until = EXCLUDED.valid_until"};

int dictionary_store(struct db_tx *tx, const json_t *file, int32_t today)
{
    const json_t *list = json_object_get(file, "entries"), *label = json_object_get(file, "label"), *e;
    const char *name = json_str(file, "dictionary");
    struct db_args a;
    size_t i;
    int r = epoch_bump_deployment(tx);

    db_args_reset(&a);
    db_arg_str(&a, name);
    db_arg_str(&a, json_str(label, "zh-CN"));
    db_arg_str(&a, json_str(label, "en"));
    db_arg_str(&a, json_str_or(file, "source", ""));
    if (r == 0)
        r = db_exec(tx, put_dictionary, &a, NULL);
    db_args_reset(&a);
    db_arg_str(&a, name);
    db_arg_date(&a, today);
    if (r == 0)
        r = db_exec(tx, end_entries, &a, NULL);
    json_array_foreach(list, i, e)
    {
        label = json_object_get(e, "label");
        db_args_reset(&a);
        db_arg_str(&a, name);
        db_arg_str(&a, json_str(e, "code"));
        db_arg_str(&a, json_str(label, "zh-CN"));
        db_arg_str(&a, json_str(label, "en"));
        db_arg_str(&a, json_str_or(e, "parent", ""));
        db_arg_int(&a, (int64_t)i + 1);
        db_arg_str(&a, json_str(e, "valid_from"));
        db_arg_str(&a, json_str(e, "valid_until"));
        if (r == 0)
            r = db_exec(tx, put_entry, &a, NULL);
    }
    return r;
}
