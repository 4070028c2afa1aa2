/* plugin.json and queries.sql: what is accepted, and that every refusal says where and what else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/jsonpos.h"
#include "plugin/host/host.h"
#include "plugin/package/manifest.h"
#include "plugin/package/sqlcheck.h"
#include "plugin/package/statements.h"
#include "tenant/tree.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void words_of_plugins_are_cut_between_characters(void **state)
{
    static const char *const cut[] = {"", "a", "ab", "ab", "ab", "ab中", "ab中", "ab中", "ab中文"};

    (void)state;
    for (size_t max = 0; max < sizeof(cut) / sizeof(*cut); max++)
        assert_string_equal(host_words(arena, "ab中文", max), cut[max]);
    assert_string_equal(host_words(arena, "ab中文", 100), "ab中文");
    assert_string_equal(host_words(arena, "\x80\x80\x80\x80", 4), "\ufffd\ufffd\ufffd\ufffd");
    assert_null(host_words(arena, NULL, 4));
}

static void positions_of_pointers(void **state)
{
    struct text in = TEXT("{\n  \"a\": [1,\n    {\"b/c\": \"}]\\\"\", \"d\": 2}],\n  \"e\": 3\n}");
    uint32_t line, column;

    (void)state;
    json_position(in, "", &line, &column);
    assert_int_equal(line, 1);
    json_position(in, "/e", &line, &column);
    assert_int_equal(line, 4);
    assert_int_equal(column, 3);
    json_position(in, "/a/1/d", &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 21);
    json_position(in, "/a/1/b~1c", &line, &column);
    assert_int_equal(column, 6);
    json_position(in, "/a/7", &line, &column);
    assert_int_equal(line, 2); /* the deepest part that is there */
    for (size_t len = 0; len < in.len; len++)
        json_position((struct text){in.ptr, len}, "/a/1/d", &line, &column);
}

static struct plugin *read_manifest(const char *text, struct diags *d, int expected)
{
    struct diag_file f = {"plugin.json", text_of(text)};
    struct plugin *p = arena_alloc(arena, sizeof(*p));

    p->arena = arena;
    p->id = arena_dup(arena, "demo");
    diags_init(d, arena);
    assert_int_equal(plugin_manifest_read(&f, p, d), expected);
    return p;
}

static void a_good_manifest(void **state)
{
    struct diags d;
    struct plugin *p = read_manifest(
        "{\"id\": \"demo\", \"version\": \"1.2.3\", \"label\": {\"zh-CN\": \"演示\", \"en\": \"Demo\"},"
        " \"levels\": [\"county\", \"park\"], \"default\": \"on\", \"requires\": [\"people\"],"
        " \"security_critical\": true, \"guards\": [\"people.person\"],"
        " \"permissions\": {\"demo.note.read\": {\"zh-CN\": \"看\", \"en\": \"See\"}},"
        " \"roles\": {\"worker\": {\"label\": {\"zh-CN\": \"人\", \"en\": \"W\"}, \"permissions\": "
        "[\"demo.note.read\"]}},"
        " \"settings\": {\"days\": {\"type\": \"integer\", \"default\": 10, \"label\": {\"zh-CN\": \"天\", "
        "\"en\": \"D\"}}}}",
        &d, 0);

    (void)state;
    assert_int_equal(p->policy.levels, 1u << LEVEL_COUNTY | 1u << LEVEL_PARK);
    assert_true(p->policy.default_on);
    assert_string_equal(p->policy.requires[0], "people");
    assert_string_equal(p->permissions[0].name, "demo.note.read");
    assert_string_equal(p->roles[0].permissions[0], "demo.note.read");
    assert_string_equal(p->settings[0].fallback, "10");
    assert_true(p->is_security_critical);
    assert_string_equal(plugin_label_of(p->label, true), "演示");
    json_decref(p->manifest);
}

static void expect(const struct diags *d, const char *text)
{
    for (const struct diag *e = d->first; e; e = e->next)
        if (strstr(diag_text(arena, e), text))
            return;
    for (const struct diag *e = d->first; e; e = e->next)
        print_message("found: %s\n", diag_text(arena, e));
    fail_msg("expected: %s", text);
}

static void bad_manifests_say_where(void **state)
{
    struct diags d;
    struct plugin *p;

    (void)state;
    (void)read_manifest("{\n \"id\": \"demo\",\n \"version\" 1}", &d, -EINVAL);
    expect(&d, "plugin.json:3: not well-formed JSON");
    p = read_manifest(
        "{\"id\": \"demo\", \"version\": \"0.1.0\", \"label\": {\"zh-CN\": \"演\", \"en\": \"D\"},\n"
        " \"levles\": [\"county\"],\n \"settings\": 3}",
        &d, -EINVAL);
    expect(&d, "plugin.json:2: /levles: unknown member \"levles\" (did you mean \"levels\"?)");
    expect(&d, "plugin.json:3: /settings: found an integer, expected an object");
    json_decref(p->manifest);
    p = read_manifest(
        "{\"id\": \"demi\", \"version\": \"one\", \"label\": {\"zh-CN\": \"演\", \"en\": \"D\"},\n"
        "\"levels\": [\"country\"],\n\"default\": \"maybe\",\n"
        "\"permissions\": {\"note.read\": {\"zh-CN\": \"看\", \"en\": \"See\"}}}",
        &d, -EINVAL);
    expect(&d, "/id: found \"demi\", expected the name of the directory, \"demo\"");
    expect(&d, "/version");
    expect(&d, "plugin.json:2: /levels/0: found \"country\", expected county, street, community or park (did "
               "you mean "
               "\"county\"?)");
    expect(&d, "plugin.json:3: /default");
    expect(&d, "plugin.json:4: /permissions/note.read: a permission's name begins with the plugin's id (did "
               "you mean "
               "\"demo.note.read\"?)");
    json_decref(p->manifest);
    p = read_manifest("{}", &d, -EINVAL);
    expect(&d, "the member \"id\" is missing");
    json_decref(p->manifest);
}

static void accepted_statements(void **state)
{
    static const char *const good[] = {
        "SELECT id, count(*) FROM px_demo.note WHERE tenant_id = $1 AND state = $2 GROUP BY 1 ORDER BY 2 "
        "DESC LIMIT 5",
        "select n.id from px_demo.note n join px_demo.tag as t on t.tenant_id = n.tenant_id and t.note = n.id"
        " where n.tenant_id = $1 and t.name is distinct from $2",
        "SELECT i.id FROM px_demo.into i JOIN px_demo.join j ON j.tenant_id = $1 WHERE i.tenant_id = $1",
        "SELECT x.n FROM (SELECT count(*) AS n FROM px_demo.note WHERE tenant_id = $1) x",
        "INSERT INTO px_demo.note (tenant_id, id, body) VALUES ($1, $2, 'it''s; -- fine') ON CONFLICT "
        "(tenant_id, id)"
        " DO UPDATE SET body = excluded.body",
        "INSERT INTO px_demo.note (tenant_id, id) VALUES ($1, $2), ($1, $3)",
        "UPDATE px_demo.note SET body = coalesce($2, body), at = now() WHERE tenant_id = $1 AND id = $3 "
        "RETURNING id",
        "DELETE FROM px_demo.note WHERE tenant_id = $1 AND id = $2",
        "SELECT sum(n) FILTER (WHERE state = 'a') FROM px_demo.note WHERE tenant_id = $1 -- comment",
        "SELECT (SELECT count(*) FROM px_demo.tag WHERE tenant_id = $1) * 2 FROM px_demo.note WHERE a "
        "BETWEEN 1 AND 2"
        " AND tenant_id = $1 AND (b = 1 OR c = 2)",
        "SELECT a.id FROM px_demo.note a LEFT JOIN px_demo.tag b ON b.tenant_id = $1 AND b.note = a.id"
        " WHERE a.tenant_id = $1 UNION SELECT id FROM px_demo.tag WHERE tenant_id = $1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct sql_verdict v;

        sql_check(text_of(good[i]), "demo", &v);
        if (v.why[0])
            print_message("%s\n", good[i]);
        assert_string_equal(v.why, "");
        assert_int_equal(v.is_write, i >= 4 && i <= 7);
    }
}

static void refused_statements(void **state)
{
    static const struct {
        const char *sql, *why;
    } bad[] = {
        {"", "empty"},
        {"SELECT set_config('juxin.tenant', '2', true)", "set_config"},
        {"SELECT pg_catalog.set_config('juxin.tenant', '2', true)", "pg_catalog"},
        {"SELECT id FROM px_demo.note WHERE tenant_id = $1; DELETE FROM px_demo.note", "more than one"},
        {"SELECT id FROM px_demo.note", "no predicate"},
        {"SELECT id FROM px_demo.note WHERE tenant_id = $2", "no predicate"},
        {"SELECT a.id FROM px_demo.note a JOIN px_demo.tag b ON b.note = a.id WHERE a.tenant_id = $1",
            "tag has no"},
        {"SELECT id FROM px_other.note WHERE tenant_id = $1", "px_demo.NAME"},
        {"SELECT id FROM juxin.account WHERE tenant_id = $1", "px_demo.NAME"},
        {"SELECT id FROM note WHERE tenant_id = $1", "px_demo.NAME"},
        {"SELECT a.id FROM px_demo.note a, juxin.account b WHERE a.tenant_id = $1", "comma"},
        {"SELECT id INTO px_demo.x FROM px_demo.note WHERE tenant_id = $1", "SELECT INTO"},
        {"SELECT id FROM px_demo.note INTO WHERE tenant_id = $1", "alias"},
        {"SELECT id FROM px_demo.note AS fetch WHERE tenant_id = $1", "alias"},
        {"SELECT id FROM px_demo.note current_setting WHERE tenant_id = $1", "alias"},
        {"SET juxin.tenant = '2'", "expected SELECT"},
        {"COPY px_demo.note TO '/tmp/x'", "expected SELECT"},
        {"DO 'begin end'", "expected SELECT"},
        {"WITH x AS (SELECT 1) SELECT * FROM x", "expected SELECT"},
        {"UPDATE px_demo.note SET tenant_id = $1 WHERE id = $2", "cannot be set"},
        {"UPDATE px_demo.note SET body = 'x' WHERE id = $2 AND (SELECT count(*) FROM juxin.account) > 0",
            "px_demo"},
        {"INSERT INTO px_demo.note (id, tenant_id) VALUES ($2, $1)", "first column"},
        {"INSERT INTO px_demo.note (tenant_id, id) VALUES ($2, $1)", "first value"},
        {"INSERT INTO px_demo.note (tenant_id, id) VALUES ($1, $2), ($2, $2)", "each row"},
        {"SELECT \"set_config\"('a','b',true)", "quoted"},
        {"SELECT E'\\x27' FROM px_demo.note WHERE tenant_id = $1", "prefix"},
        {"SELECT $$a$$", "parameter"},
        {"SELECT /* x */ id FROM px_demo.note WHERE tenant_id = $1", "comment"},
        {"SELECT lo_import('/etc/passwd')", "lo_import"},
        {"SELECT query_to_xml('select 1', true, true, '')", "query_to_xml"},
        {"SELECT id FROM px_demo.note WHERE tenant_id = $1 AND (id = $2", "not closed"},
        {"SELECT 'abc", "does not end"},
        {"SELECT id FROM px_demo.f($1) WHERE tenant_id = $1", "qualified"},
        {"SELECT id FROM px_demo.note WHERE tenant_id = $1 OR id = $2", "OR has to stand in parentheses"},
        {"SELECT id FROM px_demo.note WHERE (tenant_id = $1 OR id = $2)", "no predicate"},
        {"SELECT id FROM px_demo.note WHERE NOT tenant_id = $1", "no predicate"},
        {"SELECT id FROM px_demo.note WHERE tenant_id = $1 IS NOT NULL", "no predicate"},
        {"SELECT id FROM px_demo.note WHERE a BETWEEN false AND tenant_id = $1", "no predicate"},
        {"SELECT id FROM px_demo.note WHERE CASE WHEN a AND tenant_id = $1 AND b THEN true ELSE true END",
            "no predicate"},
        {"SELECT a.id FROM px_demo.note a JOIN px_demo.tag b ON a.tenant_id = b.tenant_id", "no predicate"},
        {"SELECT a.id FROM px_demo.note a LEFT JOIN px_demo.tag b ON a.tenant_id = $1 AND b.tenant_id = $1",
            "note has no predicate"},
        {"SELECT b.id FROM px_demo.note a FULL JOIN px_demo.tag b ON b.tenant_id = $1 WHERE a.tenant_id = $1",
            "tag has no predicate"},
        {"SELECT a.id FROM px_demo.note a LEFT JOIN (SELECT 1) x ON a.tenant_id = $1",
            "note has no predicate"},
        {"SELECT a.id FROM px_demo.note a WHERE NOT EXISTS (SELECT 1 FROM px_demo.tag b WHERE b.tenant_id = "
         "$1"
         " AND b.tenant_id = a.tenant_id)",
            "note has no predicate"},
        {"SELECT a.id FROM px_demo.note a WHERE a.tenant_id = $1 AND a.id IN (SELECT a.id FROM px_demo.tag a)"
         " AND a.tenant_id = $1",
            "tag has no predicate"},
        {"SELECT a.id FROM px_demo.note a JOIN px_demo.tag b ON b.tenant_id = a.tenant_id WHERE a.tenant_id "
         "= $1 "
         "FOR UPDATE",
            "FOR UPDATE"},
        {"INSERT INTO px_demo.note (tenant_id, id) VALUES ($1, (SELECT 1))", "subquery inside VALUES"},
        {"INSERT INTO px_demo.note (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            "tenant_id first"},
        {"INSERT INTO px_demo.note (tenant_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            "tenant_id first"},
        {"INSERT INTO px_demo.note (tenant_id, id) SELECT $1, t.note FROM px_demo.tag t WHERE t.tenant_id = "
         "$1",
            "RETURNING or ON CONFLICT"},
        {"SELECT * FROM px_demo.note WHERE tenant_id = $1", "name the columns"},
        /* PostgreSQL ends a comment at a carriage return as well. */
        {"SELECT id FROM px_demo.note WHERE tenant_id = $1 -- x\rUNION SELECT id FROM juxin.account",
            "px_demo"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sql_verdict v;

        sql_check(text_of(bad[i].sql), "demo", &v);
        if (!strstr(v.why, bad[i].why))
            print_message("%s\n  found: %s\n", bad[i].sql, v.why);
        assert_non_null(strstr(v.why, bad[i].why));
    }
}

/* PostgreSQL would take the text for ended at a NUL, so that what was checked is not what runs. */
static void a_file_is_text(void **state)
{
    const struct text bad[] = {
        TEXT("-- name: a\nSELECT id FROM px_demo.note --\0\nWHERE tenant_id = $1\n"),
        TEXT("-- name: a\nSELECT id FROM px_demo.note WHERE tenant_id = $1 AND a = '\xff'\n"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct diag_file f = {"queries.sql", bad[i]};
        struct statement *list;
        struct diags d;
        size_t count;

        diags_init(&d, arena);
        assert_int_equal(statements_parse(&f, "demo", arena, &list, &count, &d), -EINVAL);
        assert_non_null(strstr(d.first->message, "UTF-8"));
    }
}

static void a_file_of_statements(void **state)
{
    struct diag_file f = {"queries.sql", TEXT("-- what these are for\n\n-- name: one\n-- params: text, "
                                              "uuid\n-- why\nSELECT id FROM px_demo.note\n"
                                              "WHERE tenant_id = $1 AND a = $2 AND b = $3;\n\n-- name: "
                                              "two\nDELETE FROM px_demo.note WHERE tenant_id = $1\n")};
    struct diag_file broken = {"queries.sql",
        TEXT("-- name: one\n-- params: txt\nSELECT id FROM px_demo.note WHERE tenant_id = $1 AND a = $2\n"
             "-- name: one\nSELECT id\nFROM public.note\n")};
    struct statement *list;
    struct diags d;
    size_t count;

    (void)state;
    diags_init(&d, arena);
    assert_int_equal(statements_parse(&f, "demo", arena, &list, &count, &d), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "one");
    assert_string_equal(list[0].stmt.name, "px:demo:one");
    assert_int_equal(list[0].param_count, 2);
    assert_int_equal(list[0].params[1], STATEMENT_UUID);
    assert_false(list[0].is_write);
    assert_true(list[1].is_write);
    assert_int_equal(list[1].line, 9);
    diags_init(&d, arena);
    assert_int_equal(statements_parse(&broken, "demo", arena, &list, &count, &d), -EINVAL);
    expect(&d, "queries.sql:2: unknown parameter type \"txt\"");
    expect(&d, "did you mean \"text\"?");
    expect(&d, "queries.sql:4: the name \"one\" is taken by line 1");
    expect(&d, "queries.sql:6: one: a table has to be written px_demo.NAME");
}

static void statements_have_names(void **state)
{
    struct diag_file f = {"queries.sql", TEXT("SELECT 1\n-- name: one\nDELETE FROM px_demo.note")};
    struct statement *list;
    struct diags d;
    size_t count;

    (void)state;
    diags_init(&d, arena);
    assert_int_equal(statements_parse(&f, "demo", arena, &list, &count, &d), -EINVAL);
    assert_int_equal(count, 0);
    expect(&d, "queries.sql:1: a statement begins with a line \"-- name: its_name\"");
}

static void parameter_types(void **state)
{
    (void)state;
    assert_true(statement_accepts(STATEMENT_INT, TEXT("-5")));
    assert_false(statement_accepts(STATEMENT_INT, TEXT("5000000000")));
    assert_true(statement_accepts(STATEMENT_BIGINT, TEXT("5000000000")));
    assert_false(statement_accepts(STATEMENT_UUID, TEXT("x")));
    assert_true(statement_accepts(STATEMENT_UUID, (struct text){NULL, 0}));
    assert_false(statement_accepts(STATEMENT_DATE, TEXT("2026-02-30")));
    assert_false(statement_accepts(STATEMENT_TEXT, ((struct text){"a\0b", 3})));
    assert_true(statement_accepts(STATEMENT_TEXT, TEXT("聚新")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words_of_plugins_are_cut_between_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(positions_of_pointers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_good_manifest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_manifests_say_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accepted_statements, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_statements, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_statements, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_have_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameter_types, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
