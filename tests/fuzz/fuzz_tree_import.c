/* Fuzz target: import of a tree, JSON or CSV (bit 0 of the first byte), into an empty tenant or a small one (bit 1), with
 * renaming or without (bit 2). A plan without faults makes a tree; made, the same file changes nothing; the two formats
 * say the same; what goes to PostgreSQL as an array comes out of the array. */
#include "fuzz.h"

#include "base/json.h"
#include "base/jsonw.h"
#include "db/pgarray.h"
#include "tenant/units_import.h"

static struct tree *empty, *small;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct uuid root = {{1}}, street = {{2}}, closed = {{3}}, park = {{4}};
    struct tree_unit units[] = {
        {root, UUID_NIL, "330102", "上城区", LEVEL_COUNTY, false},
        {street, root, "330102001", "清波街道", LEVEL_STREET, false},
        {closed, root, "330102003", "湖滨街道", LEVEL_STREET, true},
        {park, root, "P1", "产业园", LEVEL_PARK, false},
    };

    (void)argc, (void)argv;
    HOLDS(tree_build(NULL, 0, &empty, NULL, NULL) == 0);
    HOLDS(tree_build(units, ARRAY_LEN(units), &small, NULL, NULL) == 0);
    return 0;
}

static void drop(void *root)
{
    json_decref(root);
}

/* False when it is no JSON at all. */
static bool read_json(struct arena *a, struct text in, struct units_import *im)
{
    json_t *root;

    if (json_parse(in, JSON_LIMITS, &root, NULL) < 0)
        return false;
    arena_defer(a, drop, root);
    units_import_init(im, a);
    units_import_json(im, root);
    return true;
}

static void check_faults(const struct units_import *im)
{
    uint32_t n = 0;

    for (const struct units_import_fault *f = im->faults; f; f = f->next, n++)
        HOLDS(f->pointer[0] == '/' && f->code && f->en && f->zh);
    HOLDS(n == MIN(im->fault_count, UNITS_IMPORT_FAULTS_MAX));
}

/* The tree as it stands after the plan. */
static struct tree *carry_out(struct arena *a, const struct units_import *im, const struct tree *t)
{
    uint32_t had = tree_count(t), n = had;
    struct tree_unit *units = arena_array(a, had + im->count + 1, sizeof(*units));
    const char *why = NULL;
    struct tree *made;
    size_t at;

    for (uint32_t u = 0; u < had; u++)
        units[u] = tree_unit(t, u);
    for (uint32_t i = 0; i < im->count; i++) {
        const struct units_import_row *row = &im->rows[i];

        if (row->is_new)
            units[n++] = (struct tree_unit){row->id, row->parent_id, row->code, row->name, row->level, false};
        else if (row->is_renamed)
            units[tree_find(t, row->id)].name = row->name;
    }
    HOLDS(n == had + im->created);
    HOLDS(tree_build(units, n, &made, &at, &why) == 0);
    return made;
}

/* What is written beside each row is where the tree has it. */
static void check_places(const struct units_import *im, const struct tree *made)
{
    for (uint32_t i = 0; i < im->count; i++) {
        const struct units_import_row *row = &im->rows[i];
        uint32_t u = tree_find_code(made, text_of(row->code));

        HOLDS(u != TREE_NONE && uuid_eq(tree_unit(made, u).id, row->id));
        HOLDS(tree_level(made, u) == row->level);
        if (!row->is_new)
            continue;
        HOLDS(row->place.depth == tree_depth(made, u));
        for (uint32_t d = 1; d <= TREE_DEPTH_MAX; d++)
            HOLDS(d > row->place.depth
                      ? uuid_is_nil(row->place.a[d - 1])
                      : uuid_eq(row->place.a[d - 1], tree_unit(made, tree_ancestor(made, u, d)).id));
    }
}

static void add_csv(struct buf *b, const char *s, char end)
{
    buf_addc(b, '"');
    for (; s && *s; s++) {
        if (*s == '"')
            buf_addc(b, '"');
        buf_addc(b, *s);
    }
    buf_addc(b, '"');
    buf_addc(b, end);
}

static bool is_blank_edged(const char *s)
{
    return s && *s && (strchr(" \t", s[0]) || strchr(" \t", s[strlen(s) - 1]));
}

static void same_plan(const struct units_import *a, const struct units_import *b)
{
    HOLDS(b->fault_count == 0 && a->count == b->count && a->created == b->created);
    HOLDS(a->unchanged == b->unchanged && a->renamed == b->renamed && a->other_names == b->other_names);
    for (uint32_t i = 0; i < a->count; i++)
        HOLDS(strcmp(a->rows[i].code, b->rows[i].code) == 0 &&
              strcmp(a->rows[i].name, b->rows[i].name) == 0 && a->rows[i].level == b->rows[i].level &&
              a->rows[i].place.depth == b->rows[i].place.depth);
}

static void check_other_format(
    struct arena *a, const struct units_import *im, const struct tree *t, bool rename)
{
    struct buf csv = BUF_INIT, json = BUF_INIT;
    struct units_import other;
    bool blanks = false;
    struct jsonw w;

    buf_adds(&csv, "parent,name,level,code\r\n");
    jsonw_init(&w, &json);
    jsonw_object(&w);
    jsonw_key(&w, "units");
    jsonw_array(&w);
    for (uint32_t i = 0; i < im->count; i++) {
        const struct units_import_row *row = &im->rows[i];

        add_csv(&csv, row->parent, ',');
        add_csv(&csv, row->name, ',');
        add_csv(&csv, level_name(row->level), ',');
        add_csv(&csv, row->code, '\n');
        jsonw_object(&w);
        jsonw_kstr(&w, "code", row->code);
        jsonw_kstr(&w, "name", row->name);
        jsonw_kstr(&w, "level", level_name(row->level));
        jsonw_kstr(&w, "parent", row->parent);
        jsonw_object_end(&w);
        blanks |= is_blank_edged(row->name); /* CSV drops them */
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    HOLDS(read_json(a, buf_text(&json), &other));
    units_import_check(&other, t, rename);
    same_plan(im, &other);
    units_import_init(&other, a);
    units_import_csv(&other, buf_text(&csv));
    units_import_check(&other, t, rename);
    if (!blanks)
        same_plan(im, &other);
    buf_done(&csv);
    buf_done(&json);
}

/* Reads an array of quoted texts as PostgreSQL does. */
static void check_array(const struct units_import *im)
{
    struct pgarray array = PGARRAY_INIT;
    const char *p;

    for (uint32_t i = 0; i < im->count; i++)
        pgarray_str(&array, im->rows[i].name);
    p = pgarray_end(&array);
    for (uint32_t i = 0; i < im->count; i++) {
        HOLDS(*p++ == (i ? ',' : '{') && *p++ == '"');
        for (const char *name = im->rows[i].name; *name; name++) {
            if (*p == '\\')
                p++;
            HOLDS(*p++ == *name);
        }
        HOLDS(*p++ == '"');
    }
    HOLDS(strcmp(p, im->count ? "}" : "{}") == 0);
    pgarray_done(&array);
}

static void check_again(struct arena *a, const struct units_import *was, const struct tree *made)
{
    struct units_import im = *was;

    im.rows = arena_array(a, was->count + 1, sizeof(*im.rows));
    for (uint32_t i = 0; i < was->count; i++) {
        const struct units_import_row *row = &was->rows[i];

        im.rows[i] = (struct units_import_row){.code = row->code,
            .name = row->name,
            .parent = row->parent,
            .level = row->level,
            .has_level = true,
            .pointer = row->pointer};
    }
    im.created = im.unchanged = im.renamed = im.other_names = 0;
    units_import_check(&im, made, false);
    HOLDS(im.fault_count == 0 && im.created == 0 && im.unchanged + im.other_names == im.count);
    HOLDS(im.other_names == was->other_names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t what = size ? data[0] : 0;
    const struct tree *t = what & 2 ? small : empty;
    struct arena *a = arena_new();
    struct text in = fuzz_text(a, data, size);
    struct units_import im;
    struct tree *made;

    if (what & 1) {
        units_import_init(&im, a);
        units_import_csv(&im, in);
    } else if (!read_json(a, in, &im)) {
        arena_free(a);
        return 0;
    }
    units_import_check(&im, t, what & 4);
    check_faults(&im);
    check_array(&im);
    if (im.fault_count == 0) {
        made = carry_out(a, &im, t);
        check_places(&im, made);
        check_other_format(a, &im, t, what & 4);
        check_again(a, &im, made);
        tree_free(made);
    }
    arena_free(a);
    return 0;
}
