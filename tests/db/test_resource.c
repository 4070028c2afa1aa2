/* The engine on a real PostgreSQL: declared tables, changes, visibility, lists, transitions, what time does. */
#include <errno.h>

#include "base/clock.h"
#include "resource/flow/due.h"
#include "resource/record/store.h"
#include "tenant/calendar.h"
#include "works.h"

static void body_changes(void)
{
    struct works_person worker = works_person("c1", REACH_SELF, works.all, UNIT("a1"));
    struct works_person other = works_person("s2", REACH_SUBTREE, works.all, UNIT("a3"));
    struct works_person member = works_person("c1", REACH_SELF, works.submits, UNIT("a2"));
    struct uuid id;

    id = works_create(&worker,
        "{\"title\":\"Lift\",\"code\":\"AB1\",\"cost\":1250,\"starts\":\"2026-12-01\","
        "\"happened\":\"2026-11-01T08:00:00+08:00\",\"extra\":{\"a\":[1,null]},\"contact_"
        "phone\":\"13800138000\"}");
    assert_non_null(strstr(works_see(&worker, id), "\"number\":\"SX2"));
    assert_non_null(strstr(works_see(&worker, id), "\"happened\":\"2026-11-01T00:00:00.000000Z\""));
    assert_non_null(strstr(works_see(&worker, id), "\"cost\":1250"));
    assert_non_null(strstr(works_see(&worker, id), "\"urgent\":false"));
    assert_non_null(strstr(works_see(&worker, id), "\"quantity\":1"));
    assert_string_equal(works_see(&other, id), "404");
    assert_string_equal(works_see(&member, id), "404");
    assert_int_equal(works_refused(&worker, "{\"title\":\"Again\",\"code\":\"AB1\"}", "/code", "taken"), 422);
    assert_int_equal(works_refused(&worker, "{\"titel\":\"x\"}", "/titel", "unknown_field"), 422);
    assert_int_equal(works_refused(&worker, "{}", "/title", "required"), 422);
    assert_int_equal(
        works_refused(&worker, "{\"title\":\"ok\",\"lead\":\"" UNIT("d1") "\"}", "/lead", "not_settable"),
        422);
    assert_int_equal(works_refused(&worker, "{\"title\":\"ok\",\"owner\":\"" UNIT("ff") "\"}", "/owner",
                         "unknown_reference"),
        422);
    assert_int_equal(works_refused(&worker, "{\"title\":\"ok\",\"parent\":\"" UNIT("ff") "\"}", "/parent",
                         "unknown_reference"),
        422);
    assert_int_equal(
        works_refused(&worker, "{\"title\":\"ok\",\"unit\":\"c2\"}", "/unit", "unknown_unit"), 422);
    assert_int_equal(
        works_refused(&worker, "{\"title\":\"ok\",\"unit\":\"zz\"}", "/unit", "unknown_unit"), 422);
    assert_int_equal(works_update(&worker, id, 7, "{\"title\":\"Stale\"}"), 412);
    assert_int_equal(works_update(&worker, id, 1, "{\"title\":\"Lift shaft\",\"cost\":null}"), 0);
    assert_int_equal(
        works_update(&worker, id, 2, "{\"title\":\"Lift shaft\"}"), 0); /* nothing changed: still version 2 */
    assert_int_equal(works_update(&worker, id, 2, "{\"title\":null}"), 422);
    assert_int_equal(works_update(&worker, id, 2, "{\"kind\":\"repair\"}"), 0);
    assert_int_equal(works_update(&worker, id, 3, "{\"kind\":\"purchase\"}"), 422);
    assert_int_equal(works_update(&other, id, 3, "{\"title\":\"Mine\"}"), 404);
    assert_non_null(strstr(works_see(&worker, id), "\"version\":3"));
    assert_string_equal(support_sql("SELECT count(*)::text FROM juxin.history"), "3");
    assert_string_equal(support_sql("SELECT changes FROM juxin.history WHERE version = 2"),
        "{\"title\":[\"Lift\",\"Lift shaft\"],\"cost\":[1250,null]}");
    assert_string_equal(
        support_sql("SELECT fields FROM juxin.audit WHERE action = 'works.item.update' ORDER BY id LIMIT 1"),
        "title,cost");
}

/* The handling unit, the submitter, origins and departments see; nobody else does; departments do not see who. */
static void body_visibility(void)
{
    struct works_person c1 = works_person("c1", REACH_SELF, works.all, UNIT("a1")),
                        s1 = works_person("s1", REACH_SUBTREE, works.all, UNIT("a1"));
    struct works_person s2 = works_person("s2", REACH_SUBTREE, works.all, UNIT("a1")),
                        county = works_person("k", REACH_SELF, works.all, UNIT("a1"));
    struct works_person everywhere = works_person("k", REACH_SUBTREE, works.reads, UNIT("a1"));
    struct works_person children = works_person("s1", REACH_CHILDREN, works.reads, UNIT("a1"));
    struct works_person member = works_person("c1", REACH_SELF, works.submits, UNIT("a2"));
    struct works_person handler = works_person("c3", REACH_SELF, works.finishes, UNIT("a3"));
    struct uuid id = works_create(&member, "{\"title\":\"Bench\",\"contact_phone\":\"13800138000\"}");
    struct works_page page;

    c1.subject.account = works_id(UNIT("a1"));
    handler.department = works_id(UNIT("d1"));
    assert_string_not_equal(works_see(&children, id), "404");
    assert_int_equal(works_take(&c1, id, 1, "pass_up", "{}"), 0);
    assert_string_equal(works_see(&handler, id), "404");
    assert_int_equal(works_take(&s1, id, 2, "pass_up", "{}"), 0);
    assert_int_equal(works_take(&county, id, 0, "pass_up", "{}"), 409);
    assert_int_equal(works_take(&c1, id, 3, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 403);
    assert_int_equal(works_take(&county, id, 3, "assign", "{\"lead\":\"" UNIT("d1") "\"}"), 422);
    assert_int_equal(works_take(&county, id, 3, "assign",
                         "{\"lead\":\"" UNIT("d1") "\",\"helpers\":[\"" UNIT("d2") "\"],\"days\":5}"),
        0);
    assert_string_not_equal(works_see(&c1, id), "404");
    assert_string_not_equal(works_see(&s1, id), "404");
    assert_string_not_equal(works_see(&everywhere, id), "404");
    assert_string_equal(works_see(&s2, id), "404");
    assert_non_null(strstr(works_see(&member, id), "13800138000"));
    assert_non_null(strstr(works_see(&c1, id), "\"138****8000\""));
    assert_null(strstr(works_see(&handler, id), "\"contact_phone\":"));
    assert_null(strstr(works_see(&handler, id), UNIT("a2")));
    assert_non_null(strstr(works_see(&handler, id), "\"hidden\":[\"created_by\",\"contact_phone\"]"));
    assert_int_equal(works_take(&member, id, 0, "finish", "{\"note_of_lead\":\"x\"}"), 403);
    assert_int_equal(works_take(&handler, id, 4, "finish", "{\"note_of_lead\":\"done\"}"), 0);
    assert_int_equal(works_take(&handler, id, 5, "accept", "{}"), 403);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(works_take(&member, id, 0, "reopen", "{}"), 0);
        assert_int_equal(works_take(&handler, id, 0, "finish", "{\"note_of_lead\":\"again\"}"), 0);
    }
    assert_int_equal(works_take(&member, id, 0, "reopen", "{}"), 409);
    page = works_list(&handler, "");
    assert_true(works_page_has(&page, id));
    page = works_list(&member, "");
    assert_true(works_page_has(&page, id));
    page = works_list(&c1, "");
    assert_true(works_page_has(&page, id));
    page = works_list(&s2, "");
    assert_false(works_page_has(&page, id));
    page = works_list(&s1, "state=eq.finished");
    assert_true(works_page_has(&page, id));
    page = works_list(&everywhere, "unit=c1");
    assert_false(works_page_has(&page, id));
    assert_int_equal(works_take(&member, id, 0, "accept", "{}"), 0);
    assert_int_equal(works_list(&s2, "unit=c1").status, 404);
    assert_int_equal(works_update(&county, id, 0, "{\"title\":\"late\"}"), 409);
}

static void body_history_hides(void)
{
    struct works_person county = works_person("k", REACH_SUBTREE, works.all, UNIT("a1"));
    struct works_person member = works_person("c1", REACH_SELF, works.submits, UNIT("a2"));
    struct works_person handler = works_person("c3", REACH_SELF, works.finishes, UNIT("a3"));
    struct uuid id = works_create(&member, "{\"title\":\"Lamp\",\"contact_phone\":\"13900139000\"}");
    struct buf out = BUF_INIT;
    struct record *rec;
    struct jsonw w;
    struct call *c;

    handler.department = works_id(UNIT("d1"));
    assert_int_equal(works_take(&county, id, 0, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 0);
    c = works_call(&handler);
    jsonw_init(&w, &out);
    assert_int_equal(record_read(c, works.item, id, &rec), 0);
    assert_int_equal(history_write(c, rec, &w), 0);
    assert_null(strstr(buf_str(&out), "contact_phone"));
    assert_null(strstr(buf_str(&out), UNIT("a2")));
    assert_null(strstr(buf_str(&out), "Member"));
    assert_non_null(strstr(buf_str(&out), "\"transition\":\"assign\""));
    assert_non_null(strstr(buf_str(&out), "\"actor_name\":\"Worker\""));
    works_call_end(c);
    buf_done(&out);
}

/* Every page once, none twice, in order, also with ties and missing values, while rows are added. */
static void walk(struct works_person *p, const char *order, uint32_t expected)
{
    struct uuid seen[400];
    uint32_t n = 0;
    char query[900];
    struct works_page page;

    snprintf(query, sizeof(query), "order=%s&limit=7", order);
    do {
        page = works_list(p, query);
        assert_int_equal(page.status, 0);
        for (uint32_t i = 0; i < page.count; i++) {
            for (uint32_t k = 0; k < n; k++)
                if (uuid_eq(seen[k], page.ids[i]))
                    fail_msg("%s: a row twice", order);
            seen[n++] = page.ids[i];
        }
        snprintf(query, sizeof(query), "order=%s&limit=7&cursor=%s", order, page.next);
    } while (page.next[0]);
    if (n != expected)
        fail_msg("%s: %u rows, expected %u", order, n, expected);
}

static void body_lists(void)
{
    struct works_person county = works_person("k", REACH_SUBTREE, works.all, UNIT("a1")),
                        c2 = works_person("c2", REACH_SELF, works.all, UNIT("a1"));
    struct works_person s1 = works_person("s1", REACH_SUBTREE, works.all, UNIT("a3")),
                        children = works_person("s1", REACH_CHILDREN, works.reads, UNIT("a3"));
    static const char *const orders[] = {"id.desc", "id.asc", "title.asc", "title.desc", "cost.asc",
        "cost.desc", "starts.desc", "created_at.asc", "due_at.asc", "quantity.asc"};
    char body[300];
    uint32_t before = (uint32_t)works_list(&s1, "count=exact").total;
    struct works_page page;

    for (int i = 0; i < 40; i++) {
        snprintf(body, sizeof(body), "{\"unit\":\"%s\",\"title\":\"T%02d\",\"quantity\":%d%s%s}",
            i % 2 ? "c2" : "s1", i % 5, i, i % 3 ? "" : ",\"cost\":100",
            i % 4 ? "" : ",\"starts\":\"2026-12-05\"");
        works_create(&county, body);
    }
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        walk(&s1, orders[i], before + 40);
    walk(&c2, "id.desc", (uint32_t)works_list(&c2, "count=exact").total);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) /* one branch only: no union around it */
        walk(&county, orders[i], (uint32_t)works_list(&county, "count=exact").total);
    assert_int_equal(works_list(&s1, "unit=c2&count=capped").total, 20);
    assert_int_equal(works_list(&s1, "unit=s1&reach=self&count=exact").total, 20);
    assert_int_equal(works_list(&children, "unit=c2&count=capped").total, 20);
    assert_int_equal(works_list(&children, "unit=s1&reach=self&count=capped").status, 404);
    assert_int_equal(works_list(&s1, "title=eq.T03&count=exact").total, 8);
    assert_int_equal(works_list(&s1, "title=in.(T03,T04)&count=exact").total, 16);
    assert_int_equal(works_list(&s1, "title=gte.T00&cost=is.null&count=exact").total, 26);
    assert_int_equal(
        works_list(&s1, "quantity=lt.10&quantity=gte.5&title=neq.T00&title=gte.T00&count=exact").total, 4);
    assert_int_equal(works_list(&s1, "starts=eq.2026-12-05&count=exact").total, 10);
    page = works_list(&s1, "limit=200");
    assert_true(page.count >= 40 && !page.next[0]);
}

static void body_bad_queries(void)
{
    struct works_person county = works_person("k", REACH_SUBTREE, works.all, UNIT("a1"));
    static const char *const bad[] = {"limit=0", "limit=100000", "limit=x", "cursor=garbage",
        "state=eq.unheard_of", "colour=eq.red", "order=body.asc", "order=title.up",
        "created_at=gte.yesterday", "state=like.x", "id=in.(1,2", "title=", "body=eq.x",
        "contact_phone=eq.13800138000", "count=maybe", "created_by=eq." UNIT("a2"),
        "cursor=", "quantity=eq."};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct works_page page = works_list(&county, bad[i]);

        if (page.status != 400)
            fail_msg("%s: %d", bad[i], page.status);
    }
    assert_int_equal(works_list(&county, "unit=").status, 404);
    assert_int_equal(works_list(&county, "unit=nowhere").status, 404);
}

static void body_due(void)
{
    struct works_person county = works_person("k", REACH_SUBTREE, works.all, UNIT("a1"));
    struct works_person handler = works_person("c3", REACH_SELF, works.finishes, UNIT("a3"));
    struct uuid id = works_create(&county, "{\"unit\":\"c1\",\"title\":\"Silence\"}");
    int32_t today = calendar_today(clock_wall_us()),
            last = calendar_add(tenant_calendar(works.tenant), today, 10);
    struct due_report report;

    handler.department = works_id(UNIT("d1"));
    assert_int_equal(works_take(&county, id, 0, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 0);
    assert_non_null(
        strstr(works_see(&county, id), date_format(calendar_add(tenant_calendar(works.tenant), today, 5)).s));
    assert_int_equal(works_take(&handler, id, 0, "finish", "{\"note_of_lead\":\"done\"}"), 0);
    assert_non_null(strstr(works_see(&county, id), "\"due_at\":null"));
    assert_int_equal(
        resource_run_due(works.db, clock_wall_us() + (int64_t)(last - today) * 86400 * 1000000, &report), 0);
    assert_int_equal(report.done, 0); /* the tenth day is not over yet */
    assert_int_equal(
        resource_run_due(works.db, clock_wall_us() + (int64_t)(last + 1 - today) * 86400 * 1000000, &report),
        0);
    assert_int_equal(report.done, 1);
    assert_int_equal(report.failed, 0);
    assert_non_null(strstr(works_see(&county, id), "\"state\":\"lapsed\""));
    assert_int_equal(
        resource_run_due(works.db, clock_wall_us() + (int64_t)(last + 1 - today) * 86400 * 1000000, &report),
        0);
    assert_int_equal(report.done, 0);
}

static void body_tenants_apart(void)
{
    struct db_tx *tx;
    struct db_rows *rows = NULL;
    static const struct db_stmt count = {"t.count", "SELECT count(*) FROM px_works.item"};
    static const struct db_stmt steal = {"t.steal", "UPDATE px_works.item SET tenant_id = 2"};

    assert_int_equal(db_begin(works.db, 2, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, count, NULL, &rows), 0);
    assert_int_equal(db_get_int(rows, 0, 0), 0);
    db_rows_free(rows);
    db_rollback(tx);
    assert_int_equal(db_begin(works.db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_true(db_exec(tx, steal, NULL, NULL) < 0); /* WITH CHECK */
    db_rollback(tx);
}

/* Whoever makes roles chooses from the catalogue: what a transition needs stands in it, with its label. */
static void test_catalogue(void **state)
{
    for (uint32_t i = 0; i < works.item->transition_count; i++) {
        const struct permission_info *info = permission_info(works.item->transitions[i].permission_id);

        if (!info->is_declared || !info->label_zh[0])
            fail_msg("%s is not in the catalogue", info->name);
    }
}

static void set_up(void **state)
{
    works_set_up();
}

static void run(void **state)
{
    works_run((void (*)(void))(uintptr_t)*state);
}

#define BODY(fn)                                                                                             \
    {                                                                                                        \
#fn, run, NULL, NULL, (void *)(uintptr_t)(fn)                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_up),
        cmocka_unit_test(test_catalogue),
        BODY(body_changes),
        BODY(body_visibility),
        BODY(body_history_hides),
        BODY(body_lists),
        BODY(body_bad_queries),
        BODY(body_due),
        BODY(body_tenants_apart),
    };

    return support_main(tests, ARRAY_LEN(tests), NULL);
}
