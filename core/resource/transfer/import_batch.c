/* Rows to records. */
#include "resource/transfer/import_batch.h"

#include <stdlib.h>
#include <unistd.h>

#include "access/permission.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "loop/helper.h"
#include "resource/declare/value.h"
#include "tenant/tree.h"

static const struct db_stmt add_faults = {"import.add_faults",
    "INSERT INTO juxin.import_fault (tenant_id, import_id, row, n, header, code, en, zh) SELECT $1, $2, x.* "
    "FROM "
    "unnest($3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[]) AS x(row, n, header, code, "
    "en, zh) RETURNING row"};
static const struct db_stmt add_rows = {"import.add_rows",
    "INSERT INTO juxin.import_row (tenant_id, import_id, row, record_id) SELECT $1, $2, x.* FROM "
    "unnest($3::int[], "
    "$4::uuid[]) AS x(row, record_id) RETURNING 1"};
static const struct db_stmt count = {"import.count",
    "UPDATE juxin.import SET good = good + $3, bad = bad + $4, skipped = skipped + $5 WHERE "
    "tenant_id = $1 AND id = $2"};

/* ---- reading, on a helper thread ---- */

static void do_open(void *arg)
{
    struct import_reader *r = arg;

    r->result = sheet_open(r->fd, SHEET_LIMITS, &r->sheet, &r->fault);
}

int import_reader_open(struct import_reader *r, int32_t tenant, const struct sha256 *digest, uint32_t behind)
{
    int e;

    *r = (struct import_reader){.fd = -1, .behind = behind};
    e = blob_store()->file(tenant, digest, &r->fd);
    if (e == 0)
        e = helper_run(HELPER_FILE, do_open, r);
    return e < 0 ? e : r->result;
}

static void copy_row(struct import_batch *b, const struct sheet_row *row)
{
    struct import_line *line = &b->lines[b->count++];

    line->number = row->number;
    line->count = MIN(row->count, IMPORT_COLUMNS_MAX);
    line->cells = arena_array(b->arena, line->count + 1, sizeof(*line->cells));
    for (uint32_t i = 0; i < line->count; i++) {
        struct text t = row->cells[i].text;

        line->cells[i] = (struct sheet_cell){row->cells[i].kind, {arena_ndup(b->arena, t.ptr, t.len), t.len}};
    }
}

static void do_read(void *arg)
{
    struct import_reader *r = arg;
    struct sheet_row row;
    int e = 1;

    while (r->batch->count < IMPORT_BATCH && (e = sheet_next(r->sheet, &row, &r->fault)) == 1) {
        bool is_first = r->behind == 0;

        if (is_first)
            r->behind = row.number; /* the headers */
        if (!is_first && row.number > r->behind)
            copy_row(r->batch, &row);
    }
    r->batch->at_end = e == 0;
    r->result = e < 0 ? e : 0;
}

static void was_read(void *arg)
{
    struct import_reader *r = arg;

    r->is_reading = false;
    fiber_wake(&r->wait);
}

int import_reader_begin(struct import_reader *r, struct import_batch *batch)
{
    int e;

    if (!batch->arena)
        batch->arena = arena_new();
    arena_reset(batch->arena);
    batch->count = 0;
    r->batch = batch;
    r->wait = FIBER_WAIT_INIT;
    r->job = (struct helper_job){.fn = do_read, .done = was_read, .arg = r};
    e = helper_start(HELPER_FILE, &r->job);
    r->is_reading = e == 0;
    return e;
}

int import_reader_end(struct import_reader *r)
{
    fiber_shield(true); /* the thread has the batch */
    while (r->is_reading)
        (void)!fiber_park(&r->wait, INT64_MAX);
    fiber_shield(false);
    return r->result;
}

static void do_close(void *arg)
{
    struct import_reader *r = arg;

    sheet_close(r->sheet);
    if (r->fd >= 0)
        close(r->fd);
}

void import_reader_close(struct import_reader *r)
{
    (void)!import_reader_end(r);
    if (helper_run(HELPER_FILE, do_close, r) < 0)
        do_close(r);
    *r = (struct import_reader){.fd = -1};
}

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

static json_t *body_of(struct call *c, const struct import *im, const struct import_line *line)
{
    json_t *body = json_object();

    for (uint32_t i = 0; i < MIN(line->count, im->column_count); i++) {
        const struct import_column *to = &im->columns[i];
        const char *name = to->is_unit ? "unit" : to->field ? to->field->name : NULL;
        struct value_fault fault;
        json_t *v;

        if (!name)
            continue;
        if (import_cell(c, to, &line->cells[i], &v, &fault) < 0)
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

static void take_line(
    struct call *c, const struct import *im, const struct import_line *line, struct create_item *out)
{
    json_t *body;

    c->fault = (struct call_fault){0};
    body = body_of(c, im, line);
    if (c->fault.status) /* what could not be read is not told to be missing as well */
        *out = (struct create_item){.rec = record_new(c->arena, im->res), .fault = c->fault};
    else
        create_prepare(c, im->res, body, out);
    if (!out->fault.status && !may_import(c, out->rec)) {
        (void)call_forbidden(c, permission_info(im->res->permissions[ACTION_IMPORT])->name);
        out->fault = c->fault;
    }
    c->fault = (struct call_fault){0};
    json_decref(body);
}

/* ---- a batch ---- */

struct slice {
    const struct import_line *lines;
    uint32_t count;
    struct import_seen *seen; /* NULL: not asked */
    bool is_dry;
};

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

static int store_faults(struct call *c, const struct import *im, const struct slice *s,
    const struct create_item *items, const bool *skipped)
{
    struct fault_lists l = {
        PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT, PGARRAY_INIT};
    struct pgarray *const all[] = {&l.row, &l.n, &l.header, &l.code, &l.en, &l.zh};
    struct db_args a;
    bool any = false;
    int r = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (!items[i].fault.status || skipped[i])
            continue;
        any = true;
        add_faults_of(&l, im, s->lines[i].number, &items[i].fault);
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

static int store_rows(struct call *c, const struct import *im, const struct slice *s,
    const struct create_item *items, uint32_t good)
{
    struct pgarray rows = PGARRAY_INIT, ids = PGARRAY_INIT;
    struct db_args a;
    int r;

    for (uint32_t i = 0; i < s->count; i++) {
        if (items[i].fault.status)
            continue;
        pgarray_int(&rows, s->lines[i].number);
        pgarray_uuid(&ids, items[i].rec->id);
    }
    import_args(&a, c, im);
    db_arg_str(&a, pgarray_end(&rows));
    db_arg_str(&a, pgarray_end(&ids));
    r = db_post(c->tx, add_rows, &a, good);
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
    return db_exec_expect(c->tx, count, &a, 1);
}

/* Unique values of earlier batches: whose row has one again is not good, or is skipped where it is the key. */
static void check_seen(
    struct call *c, const struct import *im, const struct slice *s, struct create_item *items)
{
    for (uint32_t i = 0; i < s->count && s->seen; i++) {
        const struct record *rec = items[i].rec;

        for (uint32_t k = 0; k < im->res->field_count && !items[i].fault.status; k++) {
            const struct field *f = &im->res->fields[k];

            if (f->unique == UNIQUE_NO || !rec->values[k] ||
                put(s->seen, hash(f, rec->unit_id, rec->values[k]), s->lines[i].number))
                continue;
            (void)call_fail_at(c, arena_printf(c->arena, "/%s", f->name), "taken",
                "This value stands in an earlier row already.", "该值在前面的行中已出现。");
            items[i].fault = c->fault;
            c->fault = (struct call_fault){0};
        }
    }
}

/* Is nothing wrong but that unique values are taken, the key's among them? */
static bool is_duplicate(const struct import *im, const struct create_item *item)
{
    bool has_key = false;

    if (!im->skips || !im->key)
        return false;
    for (const struct call_error *e = item->fault.errors; e; e = e->next) {
        if (strcmp(e->code, "taken") != 0)
            return false;
        has_key |= strcmp(e->pointer + 1, im->key->name) == 0;
    }
    return has_key;
}

/* Rows of one slice; what became of them is added up in the batch. */
static int do_slice(struct call *c, const struct import *im, struct slice *s, struct import_batch *b)
{
    struct create_item *items = arena_array(c->arena, s->count + 1, sizeof(*items));
    bool *skipped = arena_array(c->arena, s->count + 1, sizeof(*skipped));
    uint32_t good = 0, bad = 0;
    int r;

    for (uint32_t i = 0; i < s->count; i++)
        take_line(c, im, &s->lines[i], &items[i]);
    r = create_check_many(c, items, s->count, s->is_dry);
    if (r < 0)
        return r;
    check_seen(c, im, s, items);
    for (uint32_t i = 0; i < s->count; i++) {
        skipped[i] = items[i].fault.status && is_duplicate(im, &items[i]);
        good += !items[i].fault.status;
        b->skipped += skipped[i];
        bad += items[i].fault.status && !skipped[i];
    }
    b->good += good;
    b->bad += bad;
    if (!s->is_dry)
        r = create_store_many(c, items, s->count);
    if (r == 0 && !s->is_dry && good)
        r = store_rows(c, im, s, items, good);
    if (r == 0 && bad)
        r = store_faults(c, im, s, items, skipped);
    return r;
}

/* Each slice has an arena of its own, so that many rows take no more memory than few. */
int import_batch_do(
    struct call *c, const struct import *im, struct import_batch *b, struct import_seen *seen, bool is_dry)
{
    struct arena *outer = c->arena;
    int r = 0;

    b->good = b->bad = b->skipped = 0;
    for (uint32_t i = 0; i < b->count && r == 0; i += IMPORT_SLICE) {
        struct slice s = {b->lines + i, MIN(b->count - i, (uint32_t)IMPORT_SLICE), seen, is_dry};

        c->arena = arena_new();
        r = do_slice(c, im, &s, b);
        arena_free(c->arena);
        c->arena = outer;
    }
    if (r == 0)
        r = create_settle(c);
    return r < 0 ? r : store_counts(c, im, b);
}
