/* Fuzz target: a request target, its query and what a list is asked for by it. The first byte says who asks. Decoded once,
 * encoded again it decodes to the same; a filter that is accepted is within its limits; the SQL made of it has as many
 * parameters as it is given and does not depend on any value; a cursor made of a record leads back to that record. */
#include "fuzz.h"

#include <ctype.h>

#include "access/permission.h"
#include "base/json.h"
#include "http/chars.h"
#include "http/parse.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"
#include "resource/declare/value.h"
#include "resource/query/query.h"
#include "resource/record/search.h"

static struct tenant tenant = {.id = 7};
static const struct resource *item;
static struct subject subjects[4];
static struct subject_grant grants[4];
static uint64_t may_read[PERMISSIONS_MAX / 64];

static struct uuid id_of(uint8_t n)
{
    return (struct uuid){{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, n}};
}

/* The one who asks: the system, one with a street and a community's children, a member of a department, a stranger. */
static void make_subjects(void)
{
    static struct uuid departments[] = {{{9}}};
    static bool heads[] = {true};
    uint32_t read = item->permissions[ACTION_READ];

    may_read[read / 64] |= UINT64_C(1) << (read % 64);
    for (uint32_t i = 0; i < ARRAY_LEN(grants); i++)
        grants[i] = (struct subject_grant){.permissions = may_read,
            .unit = i,
            .end = tree_end(tenant.tree, i),
            .reach = (enum reach)(i % 3),
            .until = INT64_MAX,
            .role = "r"};
    subjects[0] = (struct subject){.kind = SUBJECT_SYSTEM};
    subjects[1] = (struct subject){
        .kind = SUBJECT_ACCOUNT, .account = id_of(100), .grants = grants, .grant_count = ARRAY_LEN(grants)};
    subjects[2] = (struct subject){.kind = SUBJECT_ACCOUNT,
        .account = id_of(101),
        .departments = departments,
        .heads = heads,
        .department_count = 1};
    subjects[3] = (struct subject){.kind = SUBJECT_ACCOUNT, .account = id_of(102)};
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct tree_unit units[] = {
        {id_of(1), UUID_NIL, "330102", "上城区", LEVEL_COUNTY, false},
        {id_of(2), id_of(1), "330102001", "清波街道", LEVEL_STREET, false},
        {id_of(3), id_of(2), "330102001051", "清波门社区", LEVEL_COMMUNITY, false},
        {id_of(4), id_of(1), "P1", "产业园", LEVEL_PARK, false},
    };
    struct declaration_report report;
    struct arena *a = arena_new();
    json_t *json = NULL;

    (void)argc, (void)argv;
    report_init(&report, a, (struct text){NULL, 0});
    HOLDS(tree_build(units, ARRAY_LEN(units), &tenant.tree, NULL, NULL) == 0);
    HOLDS(json_read_file(
              SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json", 1 << 20, &json, NULL) == 0);
    HOLDS(resource_add("works", json, (struct text){NULL, 0}, &report) == 0);
    json_decref(json);
    arena_free(a);
    item = resource_find("works.item");
    make_subjects();
    return 0;
}

/* ---- the target ---- */

static void add_encoded(struct buf *b, struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (isalnum((unsigned char)t.ptr[i]))
            buf_addc(b, t.ptr[i]);
        else
            buf_addf(b, "%%%02X", (unsigned char)t.ptr[i]);
    }
}

static void check_encoded_again(const struct request *was, const struct http_limits *limits)
{
    struct request r = {.arena = was->arena, .method = HTTP_GET};
    struct http_limits wide = *limits;
    struct text rest = text_skip(was->path, 1), authority = {NULL, 0};
    struct buf b = BUF_INIT;

    wide.url_bytes *= 4;
    buf_addc(&b, '/');
    while (rest.len) {
        add_encoded(&b, text_split(&rest, '/'));
        if (rest.ptr)
            buf_addc(&b, '/');
    }
    for (size_t i = 0; i < was->query_count; i++) {
        buf_addc(&b, i ? '&' : '?');
        add_encoded(&b, was->query[i].name);
        buf_addc(&b, '=');
        add_encoded(&b, was->query[i].value);
    }
    r.target = buf_text(&b);
    HOLDS(http_parse_target(&r, &wide, &authority) == NULL);
    HOLDS(text_eq(r.path, was->path) && r.query_count == was->query_count);
    for (size_t i = 0; i < r.query_count; i++)
        HOLDS(text_eq(r.query[i].name, was->query[i].name) && text_eq(r.query[i].value, was->query[i].value));
    buf_done(&b);
}

/* ---- the list ---- */

static void check_filter(struct arena *a, const struct query *q, const struct query_filter *f)
{
    struct value_fault fault;

    HOLDS(f->column.field && f->column.field->is_filterable && f->op <= OP_NOT_NULL);
    HOLDS(f->group < q->group_count && strncmp(f->column.sql, f->via ? "t." : "r.", 2) == 0);
    if (f->op == OP_NULL || f->op == OP_NOT_NULL)
        return;
    HOLDS(f->value);
    if (f->op != OP_IN) {
        HOLDS(value_check(a, f->column.field, text_of(f->value), &fault) == 0);
        return;
    }
    HOLDS(f->value[0] == '{' && f->value[strlen(f->value) - 1] == '}');
    for (const char *p = f->value + 1; *p != '}';) { /* "item", … with '"' and '\' escaped */
        struct buf item_text = BUF_INIT;

        HOLDS(*p++ == '"');
        while (*p != '"') {
            p += *p == '\\';
            HOLDS(*p);
            buf_addc(&item_text, *p++);
        }
        HOLDS(value_check(a, f->column.field, buf_text(&item_text), &fault) == 0);
        buf_done(&item_text);
        p++;
        HOLDS(*p == '}' || (*p == ',' && p[1] == '"'));
        p += *p == ',';
    }
}

/* Every group hangs in an earlier one, none deeper than is allowed. */
static void check_groups(const struct query *q)
{
    HOLDS(q->group_count >= 1 && q->group_count <= QUERY_GROUPS_MAX && !q->groups[0].is_any);
    for (uint32_t g = 1; g < q->group_count; g++) {
        int depth = 0;

        HOLDS(q->groups[g].parent < g);
        for (uint32_t up = g; up != 0; up = q->groups[up].parent)
            depth++;
        HOLDS(depth <= QUERY_DEPTH_MAX);
    }
    HOLDS(q->reference_count <= QUERY_REFERENCES_MAX);
}

static void check_words(const struct query *q)
{
    HOLDS(q->token_count <= SEARCH_CHARS_MAX);
    for (uint32_t i = 0; i < q->token_count; i++) {
        struct text t = text_of(q->tokens[i]);

        HOLDS(text_is_utf8(t) && text_chars(t) >= 1 && text_chars(t) <= 3);
    }
}

static void check_sql(const struct query_sql *s)
{
    uint32_t highest = 0;
    size_t quotes = 0;
    int depth = 0;

    for (const char *p = s->stmt.sql; *p; p++) {
        HOLDS((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7f && *p != ';' && *p != '\\');
        quotes += *p == '\'';
        depth += (*p == '(') - (*p == ')');
        HOLDS(depth >= 0);
        if (*p == '$')
            highest = MAX(highest, (uint32_t)strtoul(p + 1, NULL, 10));
    }
    HOLDS(depth == 0 && quotes % 2 == 0);
    HOLDS(highest == s->args.count && s->args.count <= DB_ARGS_MAX);
    HOLDS(s->args.value[0] && strcmp(s->args.value[0], "7") == 0);
}

/* The same question with other values is the same text. */
static void check_independence(struct call *c, const struct query *q, const struct query_sql *s)
{
    const char *words[SEARCH_CHARS_MAX];
    struct query other = *q;
    struct query_sql twin;
    bool is_empty;

    for (uint32_t i = 0; i < q->token_count; i++)
        words[i] = "xx";
    other.tokens = words;

    for (uint32_t i = 0; i < other.filter_count; i++)
        if (other.filters[i].value)
            other.filters[i].value = "other";
    if (other.has_cursor) {
        other.cursor_value = "other";
        other.cursor_id = id_of(200);
    }
    query_build(c, &other, &twin, &is_empty);
    HOLDS(strcmp(s->stmt.sql, twin.stmt.sql) == 0 && strcmp(s->stmt.name, twin.stmt.name) == 0);
}

static void check_cursor(struct call *c, const struct query *q)
{
    struct record *last = record_new(c->arena, q->res);
    struct query again = *q;
    const char *cursor;

    last->id = id_of(42);
    last->created_at = "2026-11-25T20:11:07.000001Z";
    last->due = "2026-12-01";
    last->number = "SX2026-00001|x";
    last->state = 1;
    for (uint32_t i = 0; i < q->res->field_count; i++) {
        static const char *const samples[FIELD_TYPES] = {[FIELD_TEXT] = "标题|a",
            [FIELD_INTEGER] = "12",
            [FIELD_MONEY] = "0",
            [FIELD_BOOLEAN] = "true",
            [FIELD_DATE] = "2026-02-28",
            [FIELD_DATETIME] = "2026-11-25T20:11:07.000001Z",
            [FIELD_ENUM] = "repair",
            [FIELD_REFERENCE] = "01890a5d-ac96-774b-bcce-b302099a8057",
            [FIELD_ACCOUNT] = "01890a5d-ac96-774b-bcce-b302099a8057",
            [FIELD_UNIT] = "01890a5d-ac96-774b-bcce-b302099a8057",
            [FIELD_DEPARTMENT] = "01890a5d-ac96-774b-bcce-b302099a8057"};

        last->values[i] = i % 2 || q->has_cursor ? samples[q->res->fields[i].type] : NULL;
    }
    cursor = cursor_make(c->arena, q, last);
    again.has_cursor = false;
    HOLDS(cursor_parse(c->arena, text_of(cursor), &again) == 0);
    HOLDS(again.has_cursor && uuid_eq(again.cursor_id, last->id));
    HOLDS(strcmp(cursor, cursor_make(c->arena, &again, last)) == 0);
}

static void list(struct call *c, const struct request *r)
{
    struct query_param *params = arena_array(c->arena, r->query_count + 1, sizeof(*params));
    struct query_sql sql;
    struct query q;
    bool is_empty;

    for (size_t i = 0; i < r->query_count; i++)
        params[i] = (struct query_param){r->query[i].name, r->query[i].value};
    if (query_parse(c, item, params, r->query_count, &q) < 0) {
        HOLDS(c->fault.status == 400 || c->fault.status == 404);
        HOLDS(c->fault.status == 404 || (c->fault.errors && c->fault.errors->code));
        return;
    }
    HOLDS(c->fault.status == 0);
    HOLDS(q.limit >= 1 && q.limit <= QUERY_LIMIT_MAX && q.filter_count <= QUERY_FILTERS_MAX);
    HOLDS(q.sort.sql && q.sort.field && (q.sort.field->is_sortable || q.sort.field->is_filterable));
    HOLDS(q.unit == TREE_NONE || q.unit < tree_count(tenant.tree));
    for (uint32_t i = 0; i < q.filter_count; i++)
        check_filter(c->arena, &q, &q.filters[i]);
    check_groups(&q);
    check_words(&q);
    for (int words = 0; words <= (q.token_count ? WORDS_NEWEST : 0); words++) {
        q.words = (enum query_words)(words == WORDS_NEWEST && !q.sort_is_id ? WORDS_FEW : words);
        query_build(c, &q, &sql, &is_empty);
        if (is_empty)
            continue;
        check_sql(&sql);
        check_independence(c, &q, &sql);
        query_build_count(c, &q, &sql);
        check_sql(&sql);
    }
    check_cursor(c, &q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct arena *a = arena_new();
    struct request r = {.arena = a, .method = HTTP_GET, .target = fuzz_text(a, data, size)};
    struct text authority = {NULL, 0};
    struct call c;

    if (http_parse_target(&r, &limits, &authority) == NULL) {
        HOLDS(authority.ptr || (r.target.len && r.target.ptr[0] == '/'));
        check_encoded_again(&r, &limits);
        call_init(&c, NULL, a);
        c.tenant = &tenant;
        c.who = &subjects[size ? data[0] % ARRAY_LEN(subjects) : 0];
        list(&c, &r);
        call_done(&c);
    }
    arena_free(a);
    return 0;
}
