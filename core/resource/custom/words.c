/* Tenants' words in dictionaries. */
#include "resource/custom/words.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "base/clock.h"
#include "base/json.h"
#include "resource/custom/field_check.h"
#include "resource/declare/edition.h"
#include "tenant/calendar.h"

#define DICTIONARIES_MAX 100

static const struct db_stmt add_dictionary = {"own_dictionary.add",
    "INSERT INTO juxin.own_dictionary (tenant_id, name, zh, en, created_at, "
    "created_by) VALUES ($1, $2, $3, $4, $5, $6)"};
static const struct db_stmt rename_dictionary = {"own_dictionary.rename",
    "UPDATE juxin.own_dictionary SET zh = $3, en = $4 WHERE tenant_id = $1 AND name = $2"};
static const struct db_stmt put_entry = {"own_dictionary.put_entry",
    "INSERT INTO juxin.own_dictionary_entry (tenant_id, dictionary, code, zh, en, parent, position, "
    "valid_from, "
    "valid_until, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7::int, $8::date, $9::date, $10, "
    "$11) ON CONFLICT "
    "(tenant_id, dictionary, code) DO UPDATE SET zh = EXCLUDED.zh, en = EXCLUDED.en, parent = "
    "EXCLUDED.parent, position = "
    "EXCLUDED.position, valid_from = EXCLUDED.valid_from, valid_until = EXCLUDED.valid_until, updated_at = "
    "EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by"};

/* ---- reading ---- */

static void write_head(struct jsonw *w, const struct dictionary *d)
{
    jsonw_kstr(w, "name", d->name);
    jsonw_key(w, "label");
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", d->label.zh);
    jsonw_kstr(w, "en", d->label.en);
    jsonw_object_end(w);
    jsonw_kstr(w, "source", d->source);
    jsonw_kbool(w, "own", d->is_own);
    jsonw_kint(w, "count", d->count);
}

int own_dictionary_list_write(struct call *c, struct jsonw *w)
{
    const struct dictionary *d;
    int r = call_fence(c);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_key(w, "items");
    jsonw_array(w);
    for (uint32_t i = 0; (d = edition_dictionary_at(c->tenant, i)); i++) {
        jsonw_object(w);
        write_head(w, d);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

static void write_day(struct jsonw *w, const char *key, int32_t day)
{
    jsonw_kstr(w, key, day ? date_format(day).s : NULL);
}

static void write_entry(struct jsonw *w, const struct enum_value *v, int32_t today)
{
    jsonw_object(w);
    jsonw_kstr(w, "code", v->value);
    jsonw_key(w, "label");
    jsonw_object(w);
    jsonw_kstr(w, "zh-CN", v->label.zh);
    jsonw_kstr(w, "en", v->label.en);
    jsonw_object_end(w);
    jsonw_kstr(w, "parent", *v->parent ? v->parent : NULL);
    write_day(w, "valid_from", v->valid_from);
    write_day(w, "valid_until", v->valid_until);
    jsonw_kbool(w, "current", enum_value_is_current(v, today));
    jsonw_object_end(w);
}

int own_dictionary_write(struct call *c, const char *name, struct jsonw *w)
{
    const struct dictionary *d = edition_dictionary(c->tenant, name);
    int r = call_fence(c);

    if (r == 0 && !d)
        r = call_not_found(c);
    if (r < 0)
        return r;
    jsonw_object(w);
    write_head(w, d);
    jsonw_key(w, "entries");
    jsonw_array(w);
    for (uint32_t i = 0; i < d->count; i++)
        write_entry(w, &d->values[i], calendar_today(c->now_us));
    jsonw_array_end(w);
    jsonw_object_end(w);
    return 0;
}

/* ---- changing ---- */

static int may(struct call *c)
{
    return own_may(c, core_permission(CORE_DICTIONARY_MANAGE))
               ? 0
               : call_forbidden(c, core_permission_name(CORE_DICTIONARY_MANAGE));
}

static void name_args(struct db_args *a, const struct call *c, const char *name)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, name);
}

static bool is_own_name(const char *name)
{
    size_t len = strlen(name);

    return len > 2 && len <= 40 && strncmp(name, "x_", 2) == 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static uint32_t count_own(const struct call *c)
{
    const struct dictionary *d;
    uint32_t n = 0;

    for (uint32_t i = 0; (d = edition_dictionary_at(c->tenant, i)); i++)
        n += d->is_own;
    return n;
}

static int begin(struct call *c)
{
    int r = call_begin(c);

    return r < 0 || c->is_replay ? r : call_bump(c);
}

int own_dictionary_create(struct call *c, const char *name, const json_t *label)
{
    struct label said = {"", ""};
    struct db_args a;
    int r = may(c);

    if (r < 0)
        return r;
    if (!is_own_name(name))
        (void)call_fail_at(c, "/name", "name", "x_ and up to 38 of a-z, 0-9 and _.",
            "应以 x_ 开头，后接不超过 38 个小写字母、数字或下划线。");
    else
        (void)own_words_check(c, "/name", name + 2, false, false);
    (void)own_label_check(c, "/label", label, false, false, &said);
    if (c->fault.status)
        return -EINVAL;
    if (count_own(c) >= DICTIONARIES_MAX)
        return call_fail(
            c, 409, "too_many", "100 dictionaries of one's own are the most.", "自建字典最多 100 个。");
    r = begin(c);
    if (r < 0 || c->is_replay)
        return r;
    name_args(&a, c, name);
    db_arg_str(&a, said.zh);
    db_arg_str(&a, said.en);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    r = db_exec(c->tx, add_dictionary, &a, NULL);
    if (r == -EEXIST)
        return call_fail(c, 409, "conflict", "A dictionary of this name exists already.", "已有同名字典。");
    return r < 0 ? r : call_audit(c, "dictionary.create", "dictionary", UUID_NIL, UUID_NIL, name);
}

int own_dictionary_rename(struct call *c, const char *name, const json_t *label)
{
    const struct dictionary *d = edition_dictionary(c->tenant, name);
    struct label said = {"", ""};
    struct db_args a;
    int r = may(c);

    if (r == 0 && (!d || !d->is_own))
        r = call_not_found(c);
    if (r == 0 && !own_label_check(c, "/label", label, false, false, &said))
        r = -EINVAL;
    if (r == 0)
        r = begin(c);
    if (r < 0 || c->is_replay)
        return r;
    name_args(&a, c, name);
    db_arg_str(&a, said.zh);
    db_arg_str(&a, said.en);
    r = db_exec_expect(c->tx, rename_dictionary, &a, 1);
    return r < 0 ? r : call_audit(c, "dictionary.rename", "dictionary", UUID_NIL, UUID_NIL, name);
}

/* ---- entries ---- */

struct entry {
    const char *code, *parent, *from, *until;
    struct label label;
    bool has_position;
    int64_t position;
};

static const char *at(struct call *c, size_t i, const char *key)
{
    return arena_printf(c->arena, "/entries/%zu/%s", i, key);
}

static const char *take_day(struct call *c, const json_t *e, size_t i, const char *key, int32_t *ret)
{
    const json_t *v = json_object_get(e, key);

    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_string(v) || date_parse(text_of(json_string_value(v)), ret) < 0)
        (void)call_fail_at(c, at(c, i, key), "date", "A day: YYYY-MM-DD.", "应为日期：YYYY-MM-DD。");
    return json_string_value(v);
}

static bool is_known(const json_t *e)
{
    static const char *const known[] = {"code", "label", "parent", "position", "valid_from", "valid_until"};
    size_t n = 0;

    for (size_t k = 0; k < ARRAY_LEN(known); k++)
        n += json_object_get(e, known[k]) != NULL;
    return json_is_object(e) && n == json_object_size(e);
}

/* A parent that is there already, or comes with it. */
static bool is_parent(const struct dictionary *d, const json_t *list, const struct entry *x)
{
    const json_t *e;
    size_t i;

    if (strcmp(x->parent, x->code) == 0)
        return false;
    json_array_foreach(list, i, e)
    {
        if (json_str(e, "code") && strcmp(json_str(e, "code"), x->parent) == 0)
            return true;
    }
    return dictionary_value(d->values, d->count, text_of(x->parent)) != NULL;
}

static void take_entry(
    struct call *c, const struct dictionary *d, const json_t *list, size_t i, struct entry *ret)
{
    const json_t *e = json_array_get(list, i), *position = json_object_get(e, "position");
    int32_t from = INT32_MIN, until = INT32_MAX;

    *ret = (struct entry){.code = json_str(e, "code"), .parent = json_str(e, "parent"), .label = {"", ""}};
    if (!is_known(e))
        (void)call_fail_at(c, arena_printf(c->arena, "/entries/%zu", i), "unknown_field",
            "code, label, parent, position, valid_from, valid_until.",
            "可用成员：code、label、parent、position、valid_from、valid_until。");
    if (!ret->code || !dictionary_is_code(text_of(ret->code))) {
        (void)call_fail_at(c, at(c, i, "code"), "code", "1 to 40 of A-Z, a-z, 0-9 and . _ -",
            "应为 1 到 40 个字母、数字或 . _ -。");
        ret->code = "";
    }
    (void)own_label_check(c, at(c, i, "label"), json_object_get(e, "label"), false, true, &ret->label);
    if (ret->parent && !is_parent(d, list, ret))
        (void)call_fail_at(
            c, at(c, i, "parent"), "unknown", "Another code of the dictionary.", "应为该字典中的其他代码。");
    if (position && (!json_is_integer(position) || json_integer_value(position) < 1 ||
                        json_integer_value(position) > 1000000))
        (void)call_fail_at(c, at(c, i, "position"), "range", "1 to 1000000.", "应为 1 到 1000000。");
    ret->has_position = position != NULL;
    ret->position = json_integer_value(position);
    ret->from = take_day(c, e, i, "valid_from", &from);
    ret->until = take_day(c, e, i, "valid_until", &until);
    if (from > until)
        (void)call_fail_at(
            c, at(c, i, "valid_until"), "range", "Not before valid_from.", "不得早于 valid_from。");
}

/* Would the dictionary have more than there may be? */
static bool is_too_much(const struct dictionary *d, const struct entry *list, size_t count)
{
    size_t total = d->count;

    for (size_t i = 0; i < count; i++)
        total += dictionary_value(d->values, d->count, text_of(list[i].code)) == NULL;
    return total > DICTIONARY_ENTRIES_MAX;
}

static int bad_count(struct call *c)
{
    return call_fail_at(c, "/entries", "range", "1 to 500 entries, of 2000 in a dictionary.",
        "每次 1 到 500 项，每个字典不超过 2000 项。");
}

static int store_entry(struct call *c, const char *name, const struct entry *e)
{
    struct db_args a;

    name_args(&a, c, name);
    db_arg_str(&a, e->code);
    db_arg_str(&a, e->label.zh);
    db_arg_str(&a, e->label.en);
    db_arg_str(&a, e->parent);
    if (e->has_position)
        db_arg_int(&a, e->position);
    else
        db_arg_str(&a, NULL);
    db_arg_str(&a, e->from);
    db_arg_str(&a, e->until);
    db_arg_time(&a, c->now_us);
    db_arg_uuid_or_null(&a, c->who->account);
    return db_exec(c->tx, put_entry, &a, NULL);
}

int own_entries_put(struct call *c, const char *name, const json_t *entries)
{
    const struct dictionary *d = edition_dictionary(c->tenant, name);
    size_t count = json_array_size(entries);
    struct entry *list = arena_array(c->arena, count + 1, sizeof(*list));
    int r = may(c);

    if (r == 0 && !d)
        r = call_not_found(c);
    if (r < 0)
        return r;
    if (!json_is_array(entries) || count == 0 || count > OWN_ENTRIES_MAX)
        return bad_count(c);
    for (size_t i = 0; i < count; i++)
        take_entry(c, d, entries, i, &list[i]);
    if (c->fault.status)
        return -EINVAL;
    if (is_too_much(d, list, count))
        return bad_count(c);
    r = begin(c);
    if (r < 0 || c->is_replay)
        return r;
    for (size_t i = 0; i < count && r == 0; i++)
        r = store_entry(c, name, &list[i]);
    return r < 0 ? r : call_audit(c, "dictionary.entries", "dictionary", UUID_NIL, UUID_NIL, name);
}
