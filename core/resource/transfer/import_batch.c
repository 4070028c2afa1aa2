/* Rows to records. */
#include "resource/transfer/import_batch.h"

#include <stdlib.h>

#include "access/permission.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "resource/declare/value.h"
#include "resource/transfer/import_match.h"
#include "resource/transfer/import_names.h"
#include "tenant/tree.h"

static const struct db_stmt add_faults = {"import.add_faults",
    "INSERT INTO juxin.import_fault (tenant_id, import_id, row, n, header, code, en, zh) SELECT $1, $2, x.* "
    "FROM "
    "unnest($3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[]) AS x(row, n, header, code, "
    "en, zh) RETURNING row"};
static const struct db_stmt add_rows = {"import.add_rows",
    "INSERT INTO juxin.import_row (tenant_id, import_id, row, record_id, is_update) SELECT $1, $2, x.row, "
    "x.record_id, $5 FROM unnest($3::int[], $4::uuid[]) AS x(row, record_id) RETURNING 1"};
static const struct db_stmt count_rows = {"import.count",
    "UPDATE juxin.import SET good = good + $3, bad = bad + $4, skipped = skipped + $5, updated = updated + "
    "$6 WHERE "
    "tenant_id = $1 AND id = $2"};

/* ---- values of earlier batches ---- */

/* A set of hashes: FNV-1a of 64 bits; that two different values of a file meet is less likely than that the disk fails. */
struct import_seen {
    struct seen_slot {
        uint64_t hash; /* 0: empty */
        uint32_t row;  /* a step that runs once more meets its own */
    } * slot;
    size_t room, count;
};

struct import_seen *import_seen_new(void)
{
    struct import_seen *s = mem_zalloc(sizeof(*s));

    s->room = 1024;
    s->slot = mem_zarray(s->room, sizeof(*s->slot));
    return s;
}

void import_seen_free(struct import_seen *s)
{
    if (!s)
        return;
    free(s->slot);
    free(s);
}

/* False when an earlier row has it. */
static bool put(struct import_seen *s, uint64_t h, uint32_t row)
{
    size_t at;

    if ((s->count + 1) * 2 > s->room) {
        struct import_seen grown = {mem_zarray(s->room * 2, sizeof(*s->slot)), s->room * 2, 0};

        for (size_t i = 0; i < s->room; i++)
            if (s->slot[i].hash)
                (void)put(&grown, s->slot[i].hash, s->slot[i].row);
        free(s->slot);
        *s = grown;
    }
    for (at = h & (s->room - 1); s->slot[at].hash; at = (at + 1) & (s->room - 1))
        if (s->slot[at].hash == h)
            return s->slot[at].row >= row;
    s->slot[at] = (struct seen_slot){h, row};
    s->count++;
    return true;
}

static uint64_t hash(const struct field *f, struct uuid unit, const char *value)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ f->index;

    for (size_t i = 0; f->unique == UNIQUE_UNIT && i < sizeof(unit); i++)
        h = (h ^ ((const uint8_t *)&unit)[i]) * UINT64_C(0x100000001b3);
    for (; *value; value++)
        h = (h ^ (uint8_t)*value) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

/* ---- a row ---- */

static json_t *body_of(
    struct call *c, const struct import *im, const struct import_line *line, const struct import_names *names)
{
    json_t *body = json_object();

    for (uint32_t i = 0; i < MIN(line->count, im->column_count); i++) {
        const struct import_column *to = &im->columns[i];
        const char *name = to->is_unit ? "unit" : to->field ? to->field->name : NULL;
        struct value_fault fault;
        json_t *v;

        if (!name)
            continue;
        if (import_cell(c, im->res, to, &line->cells[i], names, &v, &fault) < 0)
            (void)call_fail_at(c, arena_printf(c->arena, "/%s", name), fault.code, fault.en, fault.zh);
        else if (v)
            json_object_set_new(body, name, v);
    }
    if (im->unit != TREE_NONE && !json_object_get(body, "unit"))
        json_object_set_new(
            body, "unit", json_string(uuid_format(tree_unit(c->tenant->tree, im->unit).id).s));
    return body;
}

static bool may_import(const struct call *c, const struct record *rec)
{
    return subject_may(c->who, c->tenant, rec->res->permissions[ACTION_IMPORT], rec->unit);
}

static void drop_json(void *json)
{
    json_decref(json);
}

/* *ret_body: what the row says, for as long as the arena. */
static void take_line(struct call *c, const struct import *im, const struct import_line *line,
    const struct import_names *names, struct create_item *out, json_t **ret_body)
{
    json_t *body;

    c->fault = (struct call_fault){0};
    body = body_of(c, im, line, names);
    arena_defer(c->arena, drop_json, body);
    if (c->fault.status) /* what could not be read is not told to be missing as well */
        *out = (struct create_item){.rec = record_new(c->arena, im->res), .fault = c->fault};
    else
        create_prepare(c, im->res, body, out);
    if (!out->fault.status && !may_import(c, out->rec)) {
        (void)call_forbidden(c, permission_info(im->res->permissions[ACTION_IMPORT])->name);
        out->fault = c->fault;
    }
    c->fault = (struct call_fault){0};
    out->rec->batch = im->id;
    *ret_body = body;
}

/* ---- a batch ---- */

struct slice {
    const struct import_line *lines;
    uint32_t count;
    struct import_seen *seen; /* NULL: not asked */
    bool is_dry;
    struct create_item *items;
    json_t **bodies;
    /* Of each row: it is passed over; it is of the record that it changes; what its import key is that of. */
    bool *skipped, *updates;
    struct import_match *matches;
};

/* A row that is another's: not to be created. Never told to anybody. */
#define NOT_NEW 1

static const char *header_of(const struct import *im, const char *pointer)
{
    for (uint32_t i = 0; i < im->column_count; i++) {
        const struct import_column *to = &im->columns[i];

        if (to->field ? strcmp(to->field->name, pointer + 1) == 0
                      : to->is_unit && strcmp(pointer, "/unit") == 0)
            return to->header;
    }
    return "";
}

struct fault_lists {
    struct pgarray row, n, header, code, en, zh;
};

static void add_fault(struct fault_lists *l, uint32_t row, uint32_t n, const char *header, const char *code,
    const char *en, const char *zh)
{
    pgarray_int(&l->row, row);
    pgarray_int(&l->n, n);
    pgarray_str(&l->header, header);
    pgarray_str(&l->code, code);
    pgarray_str(&l->en, en);
    pgarray_str(&l->zh, zh);
}

#define FAULTS_PER_ROW 20

static void add_faults_of(
    struct fault_lists *l, const struct import *im, uint32_t row, const struct call_fault *f)
{
    uint32_t n = 0;

    if (!f->errors)
        add_fault(l, row, 0, "", f->code, f->en, f->zh);
    for (const struct call_error *e = f->errors; e && n < FAULTS_PER_ROW; e = e->next, n++)
        add_fault(l, row, n, *e->pointer ? header_of(im, e->pointer) : "", e->code, e->en, e->zh);
}

static void import_args(struct db_args *a, const struct call *c, const struct import *im)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, im->id);
}

static int store_faults(struct call *c, const struct import *im, const struct slice *s)
{
    struct fault_lists l = {
        PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT};
    struct pgarray *const all[] = {&l.row, &l.n, &l.header, &l.code, &l.en, &l.zh};
    struct db_args a;
    bool any = false;
    int r = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (!s->items[i].fault.status || s->skipped[i])
            continue;
        any = true;
        add_faults_of(&l, im, s->lines[i].number, &s->items[i].fault);
    }
    import_args(&a, c, im);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        db_arg_str(&a, pgarray_end(all[i]));
    if (any)
        r = db_post(c->tx, add_faults, &a, DB_ANY);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        pgarray_done(all[i]);
    return r;
}

static int store_rows(
    struct call *c, const struct import *im, const struct slice *s, bool is_update, uint32_t count)
{
    struct pgarray rows = PGARRAY_INIT, ids = PGARRAY_INIT;
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->items[i].fault.status || s->skipped[i] || s->updates[i] != is_update)
            continue;
        pgarray_int(&rows, s->lines[i].number);
        pgarray_uuid(&ids, is_update ? s->matches[i].id : s->items[i].rec->id);
    }
    import_args(&a, c, im);
    db_arg_str(&a, pgarray_end(&rows));
    db_arg_str(&a, pgarray_end(&ids));
    db_arg_bool(&a, is_update);
    r = db_post(c->tx, add_rows, &a, count);
    pgarray_done(&rows);
    pgarray_done(&ids);
    return r;
}

static int store_counts(struct call *c, const struct import *im, const struct import_batch *b)
{
    struct db_args a;

    import_args(&a, c, im);
    db_arg_int(&a, b->good);
    db_arg_int(&a, b->bad);
    db_arg_int(&a, b->skipped);
    db_arg_int(&a, b->updated);
    return db_exec_expect(c->tx, count_rows, &a, 1);
}

/* Unique values of earlier batches: whose row has one again is not good, or is skipped where it is the key. */
static void check_seen(struct call *c, const struct import *im, const struct slice *s)
{
    for (uint32_t i = 0; i < s->count && s->seen; i++) {
        const struct record *rec = s->items[i].rec;

        for (uint32_t k = 0; k < im->res->field_count && !s->items[i].fault.status; k++) {
            const struct field *f = &im->res->fields[k];

            if (f->unique == UNIQUE_NO || !rec->values[k] ||
                put(s->seen, hash(f, rec->unit_id, rec->values[k]), s->lines[i].number))
                continue;
            (void)call_fail_at(c, arena_printf(c->arena, "/%s", f->name), "taken",
                "This value stands in an earlier row already.", "该值在前面的行中已出现。");
            s->items[i].fault = c->fault;
            c->fault = (struct call_fault){0};
        }
    }
}

/* Is nothing wrong but that unique values are taken, the key's among them? */
static bool is_duplicate(const struct import *im, const struct create_item *item)
{
    bool has_key = false;

    if (im->duplicates != DUPLICATES_SKIP || !im->key)
        return false;
    for (const struct call_error *e = item->fault.errors; e; e = e->next) {
        if (strcmp(e->code, "taken") != 0)
            return false;
        has_key |= strcmp(e->pointer + 1, im->key->name) == 0;
    }
    return has_key;
}

/* ---- rows of which there is a record ---- */

static void set_fault(struct call *c, struct create_item *item, const char *at, const char *code,
    const char *en, const char *zh)
{
    c->fault = item->fault = (struct call_fault){0};
    (void)call_fail_at(c, at, code, en, zh);
    item->fault = c->fault;
    c->fault = (struct call_fault){0};
}

static void refuse_match(struct call *c, const struct import *im, struct create_item *item,
    const struct import_match *m, bool is_twice)
{
    const struct resource *res = im->res;
    const char *at = arena_printf(c->arena, "/%s", res->fields[res->import_key[0]].name),
               *en = import_key_labels(c->arena, res, true), *zh = import_key_labels(c->arena, res, false);

    if (is_twice)
        set_fault(c, item, at, "twice",
            arena_printf(c->arena, "An earlier row is of the same record: the same %s.", en),
            arena_printf(c->arena, "前面的行已有相同的%s。", zh));
    else if (im->duplicates == DUPLICATES_UPDATE)
        set_fault(c, item, at, "ambiguous",
            arena_printf(c->arena, "%u records have the same %s: %s.", m->count, en, m->names),
            arena_printf(c->arena, "有 %u 条记录的%s相同：%s。", m->count, zh, m->names));
    else
        set_fault(c, item, at, "exists",
            arena_printf(c->arena, "There is a record with the same %s: %s.", en, m->names),
            arena_printf(c->arena, "已有%s相同的记录：%s。", zh, m->names));
}

static bool is_first(struct import_seen *seen, const struct import_match *m, uint32_t row)
{
    static const struct field any = {.index = UINT32_MAX};

    return put(seen, hash(&any, UUID_NIL, m->token), row);
}

/* What is to be done with each row by its import key. own: where the slice's rows are not asked against all the file's. */
static int judge(struct call *c, const struct import *im, struct slice *s)
{
    struct import_seen *seen = s->seen ? s->seen : import_seen_new();
    int r = import_match_many(c, im, s->items, s->count, s->matches);

    for (uint32_t i = 0; i < s->count && r == 0; i++) {
        struct import_match *m = &s->matches[i];
        struct create_item *item = &s->items[i];
        bool is_twice;

        if (!m->token || (item->fault.status && (im->duplicates != DUPLICATES_UPDATE || m->count == 0)))
            continue;
        is_twice = !is_first(seen, m, s->lines[i].number) || m->is_of_this;
        if (!is_twice && m->count == 0)
            continue;
        s->skipped[i] = im->duplicates == DUPLICATES_SKIP;
        s->updates[i] = im->duplicates == DUPLICATES_UPDATE && !is_twice && m->count == 1;
        if (s->skipped[i] || s->updates[i])
            item->fault = (struct call_fault){.status = NOT_NEW};
        else
            refuse_match(c, im, item, m, is_twice);
    }
    if (!s->seen)
        import_seen_free(seen);
    return r;
}

/* *ret_count: rows that changed their record; one that changes nothing is passed over. */
static int update_all(struct call *c, const struct import *im, struct slice *s, uint32_t *ret_count)
{
    int r = 0;

    *ret_count = 0;
    for (uint32_t i = 0; i < s->count && r == 0; i++) {
        bool changed;

        if (!s->updates[i])
            continue;
        r = import_update(c, im, s->matches[i].id, s->bodies[i], s->is_dry, &s->items[i].fault, &changed);
        s->skipped[i] = !s->items[i].fault.status && !changed;
        *ret_count += !s->items[i].fault.status && changed;
    }
    return r;
}

/* ---- slices ---- */

static struct slice slice_new(struct arena *a, const struct import_line *lines, uint32_t count)
{
    return (struct slice){.lines = lines,
        .count = count,
        .items = arena_array(a, count + 1, sizeof(struct create_item)),
        .bodies = arena_array(a, count + 1, sizeof(json_t *)),
        .skipped = arena_array(a, count + 1, sizeof(bool)),
        .updates = arena_array(a, count + 1, sizeof(bool)),
        .matches = arena_array(a, count + 1, sizeof(struct import_match))};
}

static int store_slice(struct call *c, const struct import *im, struct slice *s, uint32_t good)
{
    int r = create_store_many(c, s->items, s->count);

    return r == 0 && good ? store_rows(c, im, s, false, good) : r;
}

/* What became of its rows is added up in the batch. */
static int do_slice(struct call *c, const struct import *im, struct slice *s, struct import_batch *b)
{
    uint32_t good = 0, bad = 0, updated = 0;
    struct import_names *names;
    int r = import_names_read(c, im, s->lines, s->count, &names);

    for (uint32_t i = 0; i < s->count && r == 0; i++)
        take_line(c, im, &s->lines[i], names, &s->items[i], &s->bodies[i]);
    if (r == 0 && im->has_key)
        r = judge(c, im, s);
    if (r == 0)
        r = create_check_many(c, s->items, s->count, s->is_dry);
    if (r < 0)
        return r;
    check_seen(c, im, s);
    for (uint32_t i = 0; i < s->count; i++) {
        s->skipped[i] |= s->items[i].fault.status && !s->updates[i] && is_duplicate(im, &s->items[i]);
        good += !s->items[i].fault.status;
    }
    if (!s->is_dry)
        r = store_slice(c, im, s, good);
    if (r == 0)
        r = update_all(c, im, s, &updated);
    if (r == 0 && updated && !s->is_dry)
        r = store_rows(c, im, s, true, updated);
    for (uint32_t i = 0; i < s->count; i++) {
        b->skipped += s->skipped[i];
        bad += s->items[i].fault.status && !s->skipped[i];
    }
    b->good += good;
    b->bad += bad;
    b->updated += updated;
    return r == 0 && bad ? store_faults(c, im, s) : r;
}

/* Each slice has an arena of its own, so that many rows take no more memory than few. */
int import_batch_do(
    struct call *c, const struct import *im, struct import_batch *b, struct import_seen *seen, bool is_dry)
{
    struct arena *outer = c->arena;
    int r = 0;

    b->good = b->bad = b->skipped = b->updated = 0;
    for (uint32_t i = 0; i < b->count && r == 0; i += IMPORT_SLICE) {
        struct slice s;

        c->arena = arena_new();
        s = slice_new(c->arena, b->lines + i, MIN(b->count - i, (uint32_t)IMPORT_SLICE));
        s.seen = seen;
        s.is_dry = is_dry;
        r = do_slice(c, im, &s, b);
        arena_free(c->arena);
        c->arena = outer;
    }
    if (r == 0)
        r = create_settle(c);
    return r < 0 ? r : store_counts(c, im, b);
}
