/* Declarations: what is refused and how it is said, the SQL made from them, values, cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those above before it */
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/pgarray.h"
#include "resource/declare/ddl.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/subjects.h"
#include "resource/declare/value.h"
#include "resource/query/query.h"

static struct arena *a;
static struct declaration_report report;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static json_t *parse_json(const char *text)
{
    struct json_fault fault;
    json_t *json = NULL;

    if (json_parse(text_of(text), (struct json_limits){32, 100000}, &json, &fault) < 0)
        fail_msg("line %u: %s", fault.line, fault.message);
    return json;
}

static struct resource *declare(const char *text)
{
    json_t *json = parse_json(text);
    struct resource *res = NULL;

    report_init(&report, a, text_of(text));
    if (declaration_parse(a, "works", json, &report, &res) < 0)
        res = NULL;
    json_decref(json);
    return res;
}

/* The plugin's name is its folder's: …/NAME/resources/RES.json. */
static struct resource *declare_file(const char *path)
{
    const char *end = strstr(path, "/resources/"), *begin = end;
    struct resource *res = NULL;
    json_t *json = NULL;
    char plugin[40];
    int r = json_read_file(path, 1 << 20, &json, NULL);

    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
    while (begin[-1] != '/')
        begin--;
    snprintf(plugin, sizeof(plugin), "%.*s", (int)(end - begin), begin);
    report_init(&report, a, (struct text){NULL, 0});
    r = declaration_parse(a, plugin, json, &report, &res);
    json_decref(json);
    if (r < 0)
        fail_msg("%s: %s: %s", path, report.first->pointer, report.first->message);
    return res;
}

#define L "\"label\":{\"zh-CN\":\"标\",\"en\":\"L\"}"
#define ITEM(fields, more) "{\"resource\":\"item\"," L ",\n\"fields\":{" fields "}" more "}"

/* The declaration is refused, with a fault at the pointer whose message contains the words. */
static void refused(const char *text, const char *pointer, const char *words)
{
    if (declare(text))
        fail_msg("accepted: %s", text);
    for (const struct declaration_fault *f = report.first; f; f = f->next)
        if (strcmp(f->pointer, pointer) == 0 && strstr(f->message, words))
            return;
    for (const struct declaration_fault *f = report.first; f; f = f->next)
        print_error("  %s: %s\n", f->pointer, f->message);
    fail_msg("no fault at %s saying \"%s\"", pointer, words);
}

static void test_files(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/plugins/suggestions/resources/suggestion.json");
    const struct transition *t;

    (void)state;
    assert_string_equal(res->full_name, "suggestions.suggestion");
    assert_true(res->anonymity.is_on);
    assert_true(resource_field(res, TEXT("contact_phone"))->is_hidden_submitter);
    t = resource_transition(res, TEXT("lapse"));
    assert_int_equal(t->auto_days, 10);
    t = resource_transition(res, TEXT("reopen"));
    assert_true(t->by_submitter);
    assert_int_equal(t->max_times, 2);
    t = resource_transition(res, TEXT("sign_off"));
    assert_true(t->holder_head);
    assert_string_equal(t->permission, "suggestions.suggestion.sign_off");
    declare_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json");
}

static void test_faults(void **state)
{
    (void)state;
    assert_non_null(declare(ITEM("\"title\":{\"type\":\"text\"," L "}", "")));
    refused("[]", "", "JSON object");
    refused(ITEM("\"title\":{\"type\":\"txt\"," L "}", ""), "/fields/title/type", "not a known type");
    assert_string_equal(report.first->suggestion, "did you mean \"text\"?");
    assert_int_equal(report.first->line, 2);
    refused(ITEM("\"Title\":{\"type\":\"text\"," L "}", ""), "/fields/Title", "a-z");
    refused(ITEM("\"state\":{\"type\":\"text\"," L "}", ""), "/fields/state", "engine's own");
    refused(ITEM("\"title\":{\"type\":\"text\",\"requierd\":true," L "}", ""), "/fields/title/requierd",
        "unknown member");
    refused(ITEM("\"title\":{\"type\":\"text\"}", ""), "/fields/title", "label");
    refused(ITEM("\"n\":{\"type\":\"integer\",\"min\":5,\"max\":1," L "}", ""), "/fields/n/min", "greater");
    refused(ITEM("\"n\":{\"type\":\"integer\",\"default\":\"x\"," L "}", ""), "/fields/n/default", "integer");
    refused(ITEM("\"b\":{\"type\":\"longtext\",\"filterable\":true," L "}", ""), "/fields/b", "no index");
    refused(ITEM("\"k\":{\"type\":\"enum\"," L "}", ""), "/fields/k", "values");
    refused(ITEM("\"p\":{\"type\":\"text\",\"pattern\":\"[\"," L "}", ""), "/fields/p/pattern",
        "regular expression");
    refused(ITEM("\"r\":{\"type\":\"reference\"," L "}", ""), "/fields/r", "reference");
    refused(ITEM("\"r\":{\"type\":\"reference\",\"reference\":\"works.x\\\" (id)\"," L "}", ""),
        "/fields/r/reference", "resource");
    refused(ITEM("\"r\":{\"type\":\"reference\",\"reference\":\"x; --.item\"," L "}", ""),
        "/fields/r/reference", "resource");
    refused(ITEM("\"r\":{\"type\":\"reference\",\"reference\":\"works.\"," L "}", ""), "/fields/r/reference",
        "resource");
    refused(ITEM("\"t\":{\"type\":\"text\",\"max_length\":3,\"default\":\"四个汉字\"," L "}", ""),
        "/fields/t/default", "text");
    refused(ITEM("\"t\":{\"type\":\"text\",\"min_length\":3,\"default\":\"a\"," L "}", ""),
        "/fields/t/default", "text");
    refused(ITEM("\"t\":{\"type\":\"text\",\"pattern\":\"^[0-9]+$\",\"default\":\"a\"," L "}", ""),
        "/fields/t/default", "text");
    refused(ITEM("\"p\":{\"type\":\"text\",\"sensitivity\":\"personal\"," L "}", ""), "/fields/p", "purpose");
    refused(ITEM("\"p\":{\"type\":\"text\",\"mask\":\"phone\",\"filterable\":true," L "}", ""),
        "/fields/p/mask", "reveal");
    refused(ITEM("\"p\":{\"type\":\"text\",\"mask\":\"name\",\"searchable\":true," L "}", ""),
        "/fields/p/mask", "reveal");
    refused(ITEM("\"p\":{\"type\":\"text\",\"searchable\":true," L "},\"b\":{\"type\":\"boolean\"," L "}",
                ",\"anonymity\":{\"unless\":\"b\",\"from\":\"department\",\"fields\":[\"p\"]}"),
        "/anonymity/fields/0", "reveal");
    refused(ITEM("\"or\":{\"type\":\"text\"," L "}", ""), "/fields/or", "engine's own");
    refused(ITEM("\"overdue\":{\"type\":\"boolean\"," L "}", ""), "/fields/overdue", "engine's own");
    refused(
        ITEM("\"a\":{\"type\":\"text\"," L "}", ",\"submitter_may\":\"update\""), "/submitter_may", "a list");
    refused(ITEM("\"a\":{\"type\":\"text\"," L "}", ",\"list\":[\"a\"]"), "/list", "columns");
    refused(
        ITEM("\"a\":{\"type\":\"text\"," L "}", ",\"list\":{\"columns\":\"a\"}"), "/list/columns", "a list");
    refused(
        ITEM("\"n\":{\"type\":\"integer\",\"searchable\":true," L "}", ""), "/fields/n/searchable", "text");
    refused(ITEM("\"a\":{\"type\":\"text\"," L "}", ",\"feilds\":{}"), "/feilds", "unknown member");
}

static void test_flow_faults(void **state)
{
    const char *states = ",\"states\":{\"open\":{" L ",\"initial\":true},\"done\":{" L "}}";
    char *text;

    (void)state;
    refused(
        ITEM("\"a\":{\"type\":\"text\"," L "}", ",\"states\":{\"open\":{" L "}}"), "/states", "exactly one");
    text = str_printf("%s%s,\"transitions\":{\"go\":{" L ",\"from\":[\"opne\"],\"to\":\"done\"}}}",
        "{\"resource\":\"item\"," L ",\"fields\":{\"a\":{\"type\":\"text\"," L "}}", states);
    refused(text, "/transitions/go/from/0", "no state");
    assert_string_equal(report.first->suggestion, "did you mean \"open\"?");
    free(text);
    text = str_printf("%s%s,\"transitions\":{\"update\":{" L ",\"from\":[\"open\"],\"to\":\"done\"}}}",
        "{\"resource\":\"item\"," L ",\"fields\":{\"a\":{\"type\":\"text\"," L "}}", states);
    refused(text, "/transitions/update", "every resource");
    free(text);
    text = str_printf("%s%s,\"transitions\":{\"go\":{" L
                      ",\"from\":[\"open\"],\"to\":\"done\",\"holder\":\"a\"}}}",
        "{\"resource\":\"item\"," L ",\"fields\":{\"a\":{\"type\":\"text\"," L "}}", states);
    refused(text, "/transitions/go/holder", "department");
    free(text);
}

/* The transitions `go` and `act` of a resource with two states, a department and a number. */
static char *flow_of(const char *go, const char *act)
{
    return str_printf("{\"resource\":\"item\"," L ",\"fields\":{\"a\":{\"type\":\"text\"," L
                      "},\"d\":{\"type\":\"department\"," L "},\"n\":{\"type\":\"integer\"," L
                      "}},\"states\":{\"open\":{" L ",\"initial\":true},\"done\":{" L "}},"
                      "\"transitions\":{\"go\":{" L ",\"from\":[\"open\"]%s},\"act\":{" L
                      ",\"from\":[\"open\"]%s}}}",
        go, act);
}

static void refused_flow(const char *go, const char *act, const char *pointer, const char *words)
{
    char *text = flow_of(go, act);

    refused(text, pointer, words);
    free(text);
}

/* A resource whose duplicates are merged, with the reference, what is said of merging, and the transitions given. */
static void refused_merging(const char *reference, const char *merging, const char *transitions,
    const char *pointer, const char *words)
{
    char *text = str_printf(
        "{\"resource\":\"item\"," L ",\"fields\":{\"a\":{\"type\":\"text\"," L
        "},\"p\":{\"type\":\"text\",\"sensitivity\":\"personal\",\"purpose\":\"x\",\"retention\":\"P1Y\"," L
        "},\"same\":{\"type\":\"reference\"," L "%s}},\"states\":{\"open\":{" L
        ",\"initial\":true},\"joined\":{" L ",\"final\":true}}%s,\"transitions\":{%s}}",
        reference, merging, transitions);

    refused(text, pointer, words);
    free(text);
}

#define SAME ",\"reference\":\"works.item\",\"set_by\":\"transition\",\"filterable\":true"
#define MERGING(more) ",\"merging\":{\"field\":\"same\",\"state\":\"joined\"" more "}"
#define JOIN(more) "\"join\":{" L ",\"from\":[\"open\"],\"to\":\"joined\",\"merges\":true" more "}"
#define PART(more) "\"part\":{" L ",\"from\":[\"joined\"],\"unmerges\":true" more "}"

static void test_merging(void **state)
{
    const struct resource *res =
        declare_file(SOURCE_ROOT "/tests/fixtures/flow/matters/resources/matter.json");

    (void)state;
    assert_string_equal(res->merging.field->name, "merged_into");
    assert_string_equal(res->states[res->merging.state].name, "merged");
    assert_int_equal(res->merging.show_count, 1);
    assert_true(resource_transition(res, TEXT("merge"))->merges);
    assert_int_equal(resource_transition(res, TEXT("unmerge"))->goal, GOAL_UNMERGE);
    refused_merging(SAME, "", JOIN(""), "/transitions/join", "how it merges");
    refused_merging(",\"reference\":\"works.other\",\"set_by\":\"transition\",\"filterable\":true",
        MERGING(""), JOIN(""), "/merging/field", "this resource itself");
    refused_merging(",\"reference\":\"works.item\",\"filterable\":true", MERGING(""), JOIN(""),
        "/merging/field", "set by a transition");
    refused_merging(SAME, MERGING(",\"into\":[\"joined\"]"), JOIN(""), "/merging/state", "merged into");
    refused_merging(SAME, MERGING(",\"shows\":[\"p\"]"), JOIN(""), "/merging/shows/0", "no personal field");
    refused_merging(
        SAME, MERGING(""), JOIN(",\"by\":\"submitter\""), "/transitions/join/merges", "who handles");
    refused_merging(SAME, MERGING(""), JOIN(",\"fields\":[\"same\"]"), "/transitions/join", "set by merging");
    refused_merging(SAME, MERGING(""), JOIN("") ",\"end\":{" L ",\"from\":[\"open\"],\"to\":\"joined\"}",
        "/transitions/end", "only what merges");
    refused_merging(SAME, MERGING(""), JOIN("") ",\"out\":{" L ",\"from\":[\"joined\"],\"to\":\"open\"}",
        "/transitions/out/from", "takes it back");
    refused_merging(SAME, MERGING(""), PART(",\"to\":\"open\""), "/transitions/part", "one place");
}

static void test_goals(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/tests/fixtures/flow/matters/resources/matter.json");
    const struct transition *t = resource_transition(res, TEXT("grant_extension"));

    (void)state;
    assert_int_equal(t->goal, GOAL_STAY);
    assert_int_equal(t->deadline, DEADLINE_EXTEND);
    assert_ptr_equal(t->after, resource_transition(res, TEXT("ask_extension")));
    assert_ptr_equal(t->not_by, t->after);
    assert_true(t->after->is_asked);
    t = resource_transition(res, TEXT("return_to"));
    assert_int_equal(t->goal, GOAL_BACK);
    assert_int_equal(t->back_to, 1 | 2);
    t = resource_transition(res, TEXT("supervise"));
    assert_int_equal(t->set_count, 1);
    assert_string_equal(t->sets[0].value, "true");
    refused_flow(",\"to\":\"done\",\"resume\":true", "", "/transitions/go", "one place");
    refused_flow(",\"back_to\":[]", "", "/transitions/go/back_to", "list of states");
    refused_flow(",\"back_to\":[\"dnoe\"]", "", "/transitions/go/back_to/0", "no state");
    refused_flow(",\"resume\":true,\"move\":\"parent\"", "", "/transitions/go/move", "by themselves");
    refused_flow(",\"move\":\"down\"", "", "/transitions/go/move", "not a known move");
    refused_flow(",\"sets\":{\"b\":1}", "", "/transitions/go/sets/b", "no field");
    refused_flow(",\"sets\":{\"n\":\"x\"}", "", "/transitions/go/sets/n", "not a value");
    refused_flow(",\"sets\":{\"d\":\"01a2\"}", "", "/transitions/go/sets/d", "no ids");
    refused_flow(",\"after\":\"atc\"", "", "/transitions/go/after", "no transition");
    assert_string_equal(report.first->suggestion, "did you mean \"act\"?");
    refused_flow(",\"after\":\"act\"", ",\"to\":\"done\"", "/transitions/go/after", "an act");
    refused_flow(",\"after\":\"go\"", "", "/transitions/go/after", "an act");
    refused_flow(",\"completes\":\"co\"", "", "/transitions/go/completes", "opens parts");
    refused_flow(",\"waits_for\":\"co\"", "", "/transitions/go/waits_for", "opens parts");
    refused_flow(",\"to\":\"done\",\"completes\":\"co\"",
        ",\"participants\":[{\"field\":\"d\",\"role\":\"co\",\"opens\":true}]", "/transitions/go/completes",
        "an act");
    refused_flow(",\"deadline\":{\"extend\":\"a\"}", "", "/transitions/go/deadline/extend", "integer");
    refused_flow(",\"auto\":{\"after_working_days\":3}", "", "/transitions/go/auto", "leads to a state");
}

static void test_subjects(void **state)
{
    static const char *const refused_anywhere[] = {"political_status", "政治面貌", "民族", "民 族",
        "民族（必填）", "Religion", "religious_belief", "思想动态", "annual_income", "annualIncome", "月收入",
        "Race", "ethnicity", "是否党员", "minzu", "ＩＮＣＯＭＥ", "配偶宗教信仰", "入党时间", "思想倾向",
        "Political views", "Party membership", "舆情监测", "工资（元）", "个人评分", "人员排名", "忠诚度",
        "covert_note", "少数民族", "纳税排名", "Tax ranking", "走访印象", "impressions"};
    static const char *const fine[] = {"party", "当事人", "Party", "Title", "标题", "trace", "轨迹",
        "incoming", "街道教育", "诚信教育", "员工资料", "农民工资格证", "行政治理", "成立场所", "发言论坛",
        "吸收入会", "营业收入", "意见建议", "建言献策", "民族团结活动", "行政见习", "思想政治引领",
        "统一社会信用代码", "评分", "验收得分", "收支台账", "Score", "政协委员", "wager", "interface",
        "中华民族文化", "安排名单", "", "\xff\xfe"};
    static const char *const of_persons[] = {"评分", "积分", "排名", "Score", "Ranking"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused_anywhere); i++)
        if (!subject_of(text_of(refused_anywhere[i]), false))
            fail_msg("not refused: %s", refused_anywhere[i]);
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        if (subject_of(text_of(fine[i]), false))
            fail_msg("refused as %s: %s", subject_of(text_of(fine[i]), false)->en, fine[i]);
    for (size_t i = 0; i < ARRAY_LEN(of_persons); i++)
        assert_non_null(subject_of(text_of(of_persons[i]), true));
    assert_null(subject_of(text_of("取得分红，面积分类"), true));
    assert_null(subject_of((struct text){NULL, 0}, true));
    assert_non_null(subject_of_value(text_of("中共党员")));
    assert_non_null(subject_of_value(text_of("Buddhist")));
    assert_null(subject_of_value(text_of("收入")));     /* a side of a ledger */
    assert_null(subject_of_value(text_of("民族宗教"))); /* a topic of suggestions */
}

static void test_denied(void **state)
{
    (void)state;
    refused(ITEM("\"minzu\":{\"type\":\"text\"," L "}", ""), "/fields/minzu", "ethnicity");
    refused(ITEM("\"a\":{\"type\":\"text\",\"help\":{\"zh-CN\":\"填写民族\",\"en\":\"x\"}," L "}", ""),
        "/fields/a/help", "ethnicity");
    refused(ITEM("\"a\":{\"type\":\"enum\",\"values\":[{\"value\":\"han\",\"label\":{\"zh-CN\":\"汉族\","
                 "\"en\":\"Han\"}}]," L "}",
                ""),
        "/fields/a/values/0", "ethnicity");
    refused(ITEM("\"points\":{\"type\":\"integer\",\"label\":{\"zh-CN\":\"积分\",\"en\":\"Points\"}}",
                ",\"about_person\":true"),
        "/fields/points", "scores");
    refused(ITEM("\"x_a\":{\"type\":\"text\"," L "}", ""), "/fields/x_a", "districts' own");
    refused(ITEM("\"a\":{\"type\":\"text\",\"dictionary\":\"gbt4754\"," L "}", ""), "/fields/a/dictionary",
        "enum");
    refused(ITEM("\"a\":{\"type\":\"enum\",\"dictionary\":\"gbt4754\",\"values\":[]," L "}", ""),
        "/fields/a/values", "own or");
    refused(ITEM("\"a\":{\"type\":\"enum\",\"dictionary\":\"x_a\"," L "}", ""), "/fields/a/dictionary",
        "juxinctl");
    refused(ITEM("\"a\":{\"type\":\"enum\",\"dictionary\":\"d\",\"default\":\"q\"," L "}", ""),
        "/fields/a/default", "default");
}

#define FIELDS                                                                                               \
    "\"a\":{\"type\":\"text\"," L "},\"b\":{\"type\":\"date\"," L "},\"c\":{\"type\":\"json\"," L            \
    "},\"d\":{\"type\":\"text\",\"set_by\":\"plugin\"," L "}"

static void test_import_key(void **state)
{
    struct resource *res = declare(ITEM(FIELDS, ",\"import_key\":[\"b\",\"a\"]"));

    (void)state;
    assert_non_null(res);
    assert_int_equal(res->import_key_count, 2);
    assert_int_equal(res->import_key[0], 1);
    refused(ITEM(FIELDS, ",\"import_key\":\"a\""), "/import_key", "list");
    refused(ITEM(FIELDS, ",\"import_key\":[\"a\",\"a\"]"), "/import_key/1", "twice");
    refused(ITEM(FIELDS, ",\"import_key\":[\"z\"]"), "/import_key/0", "z");
    refused(ITEM(FIELDS, ",\"import_key\":[\"c\"]"), "/import_key/0", "tells no record");
    refused(ITEM(FIELDS, ",\"import_key\":[\"d\"]"), "/import_key/0", "tells no record");
}

static bool has_statement(const char **list, uint32_t count, const char *part)
{
    for (uint32_t i = 0; i < count; i++)
        if (strstr(list[i], part))
            return true;
    return false;
}

static void test_ddl_new(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json");
    struct ddl ddl;

    (void)state;
    assert_int_equal(ddl_plan(a, res, NULL, &report, &ddl), 0);
    assert_true(has_statement(ddl.statements, ddl.count, "CREATE SCHEMA IF NOT EXISTS px_works"));
    assert_true(has_statement(ddl.statements, ddl.count, "PRIMARY KEY (tenant_id, id)"));
    assert_true(has_statement(ddl.statements, ddl.count, "juxin.protect('px_works.\"item\"')"));
    assert_true(has_statement(ddl.statements, ddl.count, "GRANT SELECT, INSERT, UPDATE ON"));
    assert_true(has_statement(ddl.statements, ddl.count, "CHECK (\"kind\" IN ('repair', 'purchase'))"));
    assert_true(has_statement(ddl.statements, ddl.count, "\"item_title_ix\""));
    assert_true(has_statement(ddl.late, ddl.late_count, "REFERENCES px_works.\"item\" (tenant_id, id)"));
    assert_false(has_statement(ddl.statements, ddl.count, "CONCURRENTLY"));
}

static int change(const char *before, const char *after, struct ddl *ret)
{
    struct resource *previous = declare(before), *res = declare(after);

    assert_non_null(previous);
    assert_non_null(res);
    return ddl_plan(a, res, previous, &report, ret);
}

static void test_ddl_change(void **state)
{
    const char *one = ITEM("\"a\":{\"type\":\"text\",\"max_length\":50," L "}", "");
    struct ddl ddl;

    (void)state;
    assert_int_equal(change(one,
                         ITEM("\"a\":{\"type\":\"text\",\"max_length\":90," L
                              "},\"b\":{\"type\":\"date\",\"filterable\":true," L "}",
                             ""),
                         &ddl),
        0);
    assert_int_equal(ddl.count, 1);
    assert_true(has_statement(ddl.statements, ddl.count, "ADD COLUMN IF NOT EXISTS \"b\" date"));
    assert_true(has_statement(ddl.concurrent, ddl.concurrent_count, "CONCURRENTLY"));
    assert_int_equal(change(one, ITEM("\"a\":{\"type\":\"integer\"," L "}", ""), &ddl), -EINVAL);
    assert_string_equal(report.first->pointer, "/fields/a");
    assert_non_null(strstr(report.first->message, "from text to integer"));
    assert_non_null(strstr(report.first->suggestion, "migration"));
    assert_int_equal(change(one, ITEM("\"b\":{\"type\":\"text\"," L "}", ""), &ddl), -EINVAL);
    assert_int_equal(
        change(one, ITEM("\"a\":{\"type\":\"text\",\"max_length\":10," L "}", ""), &ddl), -EINVAL);
    assert_int_equal(
        change(ITEM("\"k\":{\"type\":\"enum\",\"values\":[{\"value\":\"x\"," L "},{\"value\":\"y\"," L "}]," L
                    "}",
                   ""),
            ITEM("\"k\":{\"type\":\"enum\",\"values\":[{\"value\":\"x\"," L "}]," L "}", ""), &ddl),
        -EINVAL);
    assert_int_equal(change(ITEM("\"k\":{\"type\":\"enum\",\"values\":[{\"value\":\"x\"," L "}]," L "}", ""),
                         ITEM("\"k\":{\"type\":\"enum\",\"values\":[{\"value\":\"x\"," L
                              "},{\"value\":\"y\"," L "}]," L "}",
                             ""),
                         &ddl),
        0);
    assert_true(has_statement(ddl.statements, ddl.count, "NOT VALID"));
    /* What need not be unique any more is not held to it by an index that nobody asks for. */
    assert_int_equal(change(ITEM("\"a\":{\"type\":\"text\",\"unique\":\"tenant\"," L "}", ""),
                         ITEM("\"a\":{\"type\":\"text\"," L "}", ""), &ddl),
        0);
    assert_true(has_statement(ddl.statements, ddl.count, "DROP INDEX IF EXISTS px_works.\"item_a_uq\""));
}

static const char *value_fault_of(const struct resource *res, const char *field, const char *json)
{
    json_t *v = parse_json(json);
    struct value_fault fault = {"none", "", ""};
    const char *out;
    int r = value_from_json(a, resource_field(res, text_of(field)), v, &out, &fault);

    json_decref(v);
    return r < 0 ? fault.code : "";
}

static void test_values(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json");
    static const char *const cases[][3] = {{"title", "\"ab\"", ""}, {"title", "7", "type"},
        {"title", "\"a\"", "too_short"},
        {"title", "\"长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长长\"",
            "too_long"},
        {"code", "\"AB12\"", ""}, {"code", "\"ab\"", "pattern"}, {"quantity", "1001", "too_large"},
        {"quantity", "-1", "too_small"}, {"quantity", "1.5", "type"}, {"quantity", "\"1\"", "type"},
        {"cost", "123456789012", ""}, {"urgent", "true", ""}, {"urgent", "\"true\"", "type"},
        {"starts", "\"2026-02-29\"", "type"}, {"starts", "\"2028-02-29\"", ""},
        {"happened", "\"2026-01-01T08:00:00+08:00\"", ""}, {"happened", "\"yesterday\"", "type"},
        {"kind", "\"repair\"", ""}, {"kind", "\"astrology\"", "not_one_of"}, {"parent", "\"nope\"", "type"},
        {"helpers", "[]", ""}, {"helpers", "\"x\"", "type"}, {"helpers", "[\"x\"]", "type"},
        {"extra", "{\"a\":[1,2]}", ""}, {"title", "null", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *code = value_fault_of(res, cases[i][0], cases[i][1]);

        if (strcmp(code, cases[i][2]) != 0)
            fail_msg("%s = %s: \"%s\", expected \"%s\"", cases[i][0], cases[i][1], code, cases[i][2]);
    }
}

/* An entry of an index has room for 2,000 bytes and some; what has none would end as an error of the database. */
static void test_values_of_an_index(void **state)
{
    struct resource *res = declare(ITEM("\"a\":{\"type\":\"text\",\"max_length\":2000,\"filterable\":true," L
                                        "},\"b\":{\"type\":\"text\",\"max_length\":2000," L "}",
        ""));
    char fits[2100], over[2100];

    (void)state;
    snprintf(fits, sizeof(fits), "\"%02000d\"", 0);
    snprintf(over, sizeof(over), "\"%01998d岩\"", 0);
    assert_string_equal(value_fault_of(res, "a", fits), "");
    assert_string_equal(value_fault_of(res, "a", over), "too_long");
    assert_string_equal(value_fault_of(res, "b", over), "");
}

static int set(struct record *rec, const char *field, struct text value)
{
    struct call c = {.arena = a};

    return engine_ops()->set(&c, rec, field, value);
}

/* What a plugin sets is written as if somebody had sent it: in one form, and never what the database would refuse. */
static void test_values_of_plugins(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json");
    struct record *rec = record_new(a, res);

    (void)state;
    record_engine_init();
    assert_int_equal(set(rec, "extra", TEXT("{\"a\": 1}")), 0);
    assert_int_equal(set(rec, "extra", TEXT("{not json")), -EINVAL);
    assert_string_equal(record_value(rec, "extra"), "{\"a\": 1}");
    assert_int_equal(set(rec, "happened", TEXT("2026-01-01T08:00:00+08:00")), 0);
    assert_string_equal(record_value(rec, "happened"), "2026-01-01T00:00:00.000000Z");
    assert_int_equal(set(rec, "owner", TEXT("00000000-0000-7000-8000-0000000000AB")), 0);
    assert_string_equal(record_value(rec, "owner"), "00000000-0000-7000-8000-0000000000ab");
    assert_int_equal(set(rec, "title", TEXT("")), 0);
    assert_null(record_value(rec, "title"));
    assert_int_equal(set(rec, "nothing", TEXT("x")), -ENOENT);
}

static void test_cursor(void **state)
{
    struct resource *res = declare_file(SOURCE_ROOT "/tests/fixtures/plugins/works/resources/item.json");
    struct query q = {.res = res, .sort_is_id = true, .sort_desc = true}, back = q;
    struct record *rec = record_new(a, res);
    const char *cursor;

    (void)state;
    rec->id = uuid_new();
    assert_int_equal(query_column(a, res, TEXT("id"), &q.sort), 0);
    back.sort = q.sort;
    cursor = cursor_make(a, &q, rec);
    assert_int_equal(cursor_parse(a, text_of(cursor), &back), 0);
    assert_true(uuid_eq(back.cursor_id, rec->id));
    back.sort_desc = false;
    assert_int_equal(cursor_parse(a, text_of(cursor), &back), -EINVAL);
    assert_int_equal(cursor_parse(a, TEXT("garbage"), &back), -EINVAL);
    assert_int_equal(cursor_parse(a, TEXT(""), &back), -EINVAL);
    assert_int_equal(query_column(a, res, TEXT("title"), &q.sort), 0);
    q.sort_is_id = false;
    rec->values[resource_field(res, TEXT("title"))->index] = "甲|乙";
    back = q;
    assert_int_equal(cursor_parse(a, text_of(cursor_make(a, &q, rec)), &back), 0);
    assert_string_equal(back.cursor_value, "甲|乙");
    assert_false(back.cursor_in_nulls);
    assert_string_equal(
        pgarray_of_texts(a, (struct text[]){TEXT("a\"b"), TEXT("c\\d")}, 2), "{\"a\\\"b\",\"c\\\\d\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flow_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goals, setup, teardown),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_import_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ddl_new, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ddl_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_of_an_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_of_plugins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
