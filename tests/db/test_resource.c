/* The engine on a real PostgreSQL: declared tables, changes, visibility, lists, transitions, what time does. */
#include "support.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/permission.h"
#include "access/role.h"
#include "access/start.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/admin.h"
#include "db/audit.h"
#include "plugin/load.h"
#include "plugin/package/registry.h"
#include "plugin/policy/policies.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"
#include "resource/engine.h"
#include "resource/flow/due.h"
#include "resource/query/query.h"
#include "resource/record/reader.h"
#include "resource/record/store.h"
#include "tenant/calendar.h"

#define UNIT(n) "00000000-0000-7000-8000-0000000000" n
#define FOREVER ((uint64_t)INT64_MAX)

static struct db *db;
static const struct resource *item;
static struct tenant *tenant;
static uint64_t all[PERMISSIONS_MAX / 64], read_only[PERMISSIONS_MAX / 64], submitter[PERMISSIONS_MAX / 64],
    finisher[PERMISSIONS_MAX / 64];

/* county 01 > street 02 > communities 04, 05; street 03 > community 06. */
static const char seed[] =
    "INSERT INTO juxin.tenant (slug, name) VALUES ('one', 'One'), ('two', 'Two');"
    "INSERT INTO juxin.epoch VALUES (1, 1), (2, 1);"
    "INSERT INTO juxin.unit (tenant_id, id, parent_id, code, name, level, depth, a1, a2) VALUES"
    " (1, '" UNIT(
        "01") "', NULL, 'k', 'County', 'county', 0, NULL, NULL),"
              " (1, '" UNIT("02") "', '" UNIT("01") "', 's1', 'Street 1', 'street', 1, '" UNIT(
                  "02") "', NULL),"
                        " (1, '" UNIT("03") "', '" UNIT("01") "', 's2', 'Street 2', 'street', 1, '" UNIT(
                            "03") "', NULL),"
                                  " (1, '" UNIT("04") "', '" UNIT(
                                      "02") "', 'c1', 'C1', 'community', 2, "
                                            "'" UNIT("02") "', '" UNIT(
                                                "04") "'),"
                                                      " (1, '" UNIT(
                                                          "05") "', "
                                                                "'" UNIT(
                                                                    "0"
                                                                    "2") "', 'c2', 'C2', 'community', 2, "
                                                                         "'" UNIT("02") "', '" UNIT(
                                                                             "05") "')"
                                                                                   ","
                                                                                   " ("
                                                                                   "1,"
                                                                                   " "
                                                                                   "'" UNIT("06") "', '" UNIT("03") "', 'c3', 'C3', 'community', 2, '" UNIT("03") "', '" UNIT(
                                                                                       "06") "'),"
                                                                                             " (2, '" UNIT(
                                                                                                 "01") "', "
                                                                                                       "NULL,"
                                                                                                       " 'k',"
                                                                                                       " '"
                                                                                                       "Other"
                                                                                                       "', "
                                                                                                       "'coun"
                                                                                                       "ty', "
                                                                                                       "0, "
                                                                                                       "NULL,"
                                                                                                       " NULL"
                                                                                                       ");"
                                                                                                       "INSER"
                                                                                                       "T "
                                                                                                       "INTO "
                                                                                                       "juxin"
                                                                                                       ".acco"
                                                                                                       "unt "
                                                                                                       "(tena"
                                                                                                       "nt_"
                                                                                                       "id, "
                                                                                                       "id, "
                                                                                                       "login"
                                                                                                       ", "
                                                                                                       "displ"
                                                                                                       "ay_"
                                                                                                       "name)"
                                                                                                       " VALU"
                                                                                                       "ES"
                                                                                                       " (1, "
                                                                                                       "'" UNIT("a1") "', 'worker', 'Worker'), (1, '" UNIT(
                                                                                                           "a"
                                                                                                           "2") "', 'member', 'Member'),"
                                                                                                                " (1, '" UNIT(
                                                                                                                    "a3") "', 'handler', 'Handler');"
                                                                                                                          "INSERT INTO juxin.department (tenant_id, id, unit_id, code, name) VALUES"
                                                                                                                          " (1, '" UNIT("d1") "', '" UNIT("01") "', 'd1', 'Housing'), (1, '" UNIT(
                                                                                                                              "d2") "', '" UNIT("01") "', 'd2', 'Law');";

static struct uuid id_of(const char *text)
{
    struct uuid id;

    assert_int_equal(uuid_parse(text_of(text), &id), 0);
    return id;
}

static uint32_t unit_of(const char *code)
{
    return tree_find_code(tenant->tree, text_of(code));
}

static void allow(uint64_t *set, const char *name)
{
    uint32_t p = permission_find(text_of(name));

    assert_int_not_equal(p, PERMISSION_NONE);
    set[p / 64] |= UINT64_C(1) << (p % 64);
}

/* ---- people ---- */

struct person {
    struct subject subject;
    struct subject_grant grant;
    struct uuid department;
    bool head;
};

static struct person worker_at(
    const char *unit, enum reach reach, const uint64_t *permissions, const char *account)
{
    struct person p = {.subject = {.kind = SUBJECT_ACCOUNT, .account = id_of(account), .grant_count = 1}};

    p.grant = (struct subject_grant){.until = FOREVER,
        .permissions = permissions,
        .unit = unit_of(unit),
        .end = tree_end(tenant->tree, unit_of(unit)),
        .reach = reach};
    return p;
}

static struct call *call_as(struct person *p)
{
    struct call *c = mem_zalloc(sizeof(*c));

    call_init(c, db, arena_new());
    p->subject.grants = &p->grant;
    p->subject.departments = &p->department;
    p->subject.heads = &p->head;
    p->subject.department_count = uuid_is_nil(p->department) ? 0 : 1;
    c->who = &p->subject;
    c->tenant = tenant_ref(tenant);
    c->request_id = "test";
    return c;
}

static void end(struct call *c)
{
    call_done(c);
    tenant_unref(c->tenant);
    arena_free(c->arena);
    free(c);
}

static json_t *json(const char *text)
{
    json_t *v = NULL;

    if (json_parse(text_of(text), JSON_LIMITS, &v, NULL) < 0)
        fail_msg("not JSON: %s", text);
    return v;
}

static void show_fault(const struct call *c)
{
    print_error("  fault %d %s: %s\n", c->fault.status, c->fault.code, c->fault.en);
    for (const struct call_error *e = c->fault.errors; e; e = e->next)
        print_error("    %s %s %s\n", e->pointer, e->code, e->en);
}

static struct uuid create(struct person *p, const char *body)
{
    struct call *c = call_as(p);
    struct record *rec = NULL;
    json_t *v = json(body);
    struct uuid id;
    int r = record_create(c, item, v, &rec);

    if (r < 0)
        show_fault(c);
    assert_int_equal(r, 0);
    id = rec->id;
    assert_int_equal(call_commit(c), 0);
    json_decref(v);
    end(c);
    return id;
}

/* The status of a create that is refused, and the fault's pointers. */
static int create_refused(struct person *p, const char *body, const char *pointer, const char *code)
{
    struct call *c = call_as(p);
    struct record *rec = NULL;
    json_t *v = json(body);
    bool found = pointer == NULL;
    int status;

    assert_int_equal(record_create(c, item, v, &rec), -EINVAL);
    status = c->fault.status;
    for (const struct call_error *e = c->fault.errors; e && !found; e = e->next)
        found = strcmp(e->pointer, pointer) == 0 && strcmp(e->code, code) == 0;
    if (!found) {
        show_fault(c);
        fail_msg("no %s at %s", code, pointer);
    }
    json_decref(v);
    end(c);
    return status;
}

/* 0 or the status of the fault. */
static int take(struct person *p, struct uuid id, int64_t version, const char *name, const char *body)
{
    struct call *c = call_as(p);
    struct record *rec;
    json_t *v = json(body);
    int r = record_transition(c, item, id, version, name, v, &rec), status;

    if (r == 0)
        r = call_commit(c);
    status = c->fault.status;
    if (r < 0 && !status)
        fail_msg("%s: %s: %s", name, strerror(-r), c->tx ? db_tx_error(c->tx)->message : "");
    json_decref(v);
    end(c);
    return status;
}

static int update(struct person *p, struct uuid id, int64_t version, const char *body)
{
    struct call *c = call_as(p);
    struct record *rec;
    json_t *v = json(body);
    int r = record_update(c, item, id, version, v, &rec), status;

    if (r == 0)
        r = call_commit(c);
    status = c->fault.status;
    if (r < 0 && !status)
        fail_msg("update: %s", strerror(-r));
    json_decref(v);
    end(c);
    return status;
}

/* The JSON a reader sees; "404" and the like when refused. Valid until the next call. */
static const char *see(struct person *p, struct uuid id)
{
    static struct buf out;
    struct call *c = call_as(p);
    struct record *rec;
    struct jsonw w;

    buf_clear(&out);
    if (record_read(c, item, id, &rec) == 0) {
        jsonw_init(&w, &out);
        jsonw_object(&w);
        record_write_members(&w, rec, c->tenant, record_may_unmask(c, rec));
        jsonw_object_end(&w);
    } else {
        buf_addf(&out, "%d", c->fault.status);
    }
    end(c);
    return buf_str(&out);
}

/* ---- lists ---- */

struct page {
    int status;
    uint32_t count;
    struct uuid ids[200];
    char next[600];
    int64_t total;
};

static struct page list(struct person *p, const char *query)
{
    struct query_param params[16];
    struct text rest = text_of(query);
    struct query_page got = {0};
    struct call *c = call_as(p);
    struct page page = {0};
    struct query q;
    size_t n = 0;
    int r;

    while (rest.ptr && rest.len) {
        struct text value = text_split(&rest, '&'), name = text_split(&value, '=');

        params[n++] = (struct query_param){name, value};
    }
    r = query_parse(c, item, params, n, &q);
    if (r == 0)
        r = query_run(c, &q, &got);
    if (r < 0 && !c->fault.status)
        fail_msg("list %s: %s", query, strerror(-r));
    page.status = c->fault.status;
    page.count = got.count;
    page.total = got.total;
    for (uint32_t i = 0; i < got.count; i++)
        page.ids[i] = got.records[i]->id;
    snprintf(page.next, sizeof(page.next), "%s", got.next ? got.next : "");
    end(c);
    return page;
}

static bool has(const struct page *p, struct uuid id)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (uuid_eq(p->ids[i], id))
            return true;
    return false;
}

/* ---- tests ---- */

static void body_changes(void *arg)
{
    struct person worker = worker_at("c1", REACH_SELF, all, UNIT("a1"));
    struct person other = worker_at("s2", REACH_SUBTREE, all, UNIT("a3"));
    struct person member = worker_at("c1", REACH_SELF, submitter, UNIT("a2"));
    struct uuid id;

    id = create(&worker, "{\"title\":\"Lift\",\"code\":\"AB1\",\"cost\":1250,\"starts\":\"2026-12-01\","
                         "\"happened\":\"2026-11-01T08:00:00+08:00\",\"extra\":{\"a\":[1,null]},\"contact_"
                         "phone\":\"13800138000\"}");
    assert_non_null(strstr(see(&worker, id), "\"number\":\"SX2"));
    assert_non_null(strstr(see(&worker, id), "\"happened\":\"2026-11-01T00:00:00.000000Z\""));
    assert_non_null(strstr(see(&worker, id), "\"cost\":1250"));
    assert_non_null(strstr(see(&worker, id), "\"urgent\":false"));
    assert_non_null(strstr(see(&worker, id), "\"quantity\":1"));
    assert_string_equal(see(&other, id), "404");
    assert_string_equal(see(&member, id), "404");
    assert_int_equal(
        create_refused(&worker, "{\"title\":\"Again\",\"code\":\"AB1\"}", "/code", "taken"), 422);
    assert_int_equal(create_refused(&worker, "{\"titel\":\"x\"}", "/titel", "unknown_field"), 422);
    assert_int_equal(create_refused(&worker, "{}", "/title", "required"), 422);
    assert_int_equal(
        create_refused(&worker, "{\"title\":\"ok\",\"lead\":\"" UNIT("d1") "\"}", "/lead", "not_settable"),
        422);
    assert_int_equal(create_refused(&worker, "{\"title\":\"ok\",\"owner\":\"" UNIT("ff") "\"}", "/owner",
                         "unknown_reference"),
        422);
    assert_int_equal(create_refused(&worker, "{\"title\":\"ok\",\"parent\":\"" UNIT("ff") "\"}", "/parent",
                         "unknown_reference"),
        422);
    assert_int_equal(
        create_refused(&worker, "{\"title\":\"ok\",\"unit\":\"c2\"}", "/unit", "unknown_unit"), 422);
    assert_int_equal(
        create_refused(&worker, "{\"title\":\"ok\",\"unit\":\"zz\"}", "/unit", "unknown_unit"), 422);
    assert_int_equal(update(&worker, id, 7, "{\"title\":\"Stale\"}"), 412);
    assert_int_equal(update(&worker, id, 1, "{\"title\":\"Lift shaft\",\"cost\":null}"), 0);
    assert_int_equal(
        update(&worker, id, 2, "{\"title\":\"Lift shaft\"}"), 0); /* nothing changed: still version 2 */
    assert_int_equal(update(&worker, id, 2, "{\"title\":null}"), 422);
    assert_int_equal(update(&worker, id, 2, "{\"kind\":\"repair\"}"), 0);
    assert_int_equal(update(&worker, id, 3, "{\"kind\":\"purchase\"}"), 422);
    assert_int_equal(update(&other, id, 3, "{\"title\":\"Mine\"}"), 404);
    assert_non_null(strstr(see(&worker, id), "\"version\":3"));
    assert_string_equal(support_sql("SELECT count(*)::text FROM juxin.history"), "3");
    assert_string_equal(support_sql("SELECT changes FROM juxin.history WHERE version = 2"),
        "{\"title\":[\"Lift\",\"Lift shaft\"],\"cost\":[1250,null]}");
    assert_string_equal(
        support_sql("SELECT fields FROM juxin.audit WHERE action = 'works.item.update' ORDER BY id LIMIT 1"),
        "title,cost");
}

/* The handling unit, the submitter, origins and departments see; nobody else does; departments do not see who. */
static void body_visibility(void *arg)
{
    struct person c1 = worker_at("c1", REACH_SELF, all, UNIT("a1")),
                  s1 = worker_at("s1", REACH_SUBTREE, all, UNIT("a1"));
    struct person s2 = worker_at("s2", REACH_SUBTREE, all, UNIT("a1")),
                  county = worker_at("k", REACH_SELF, all, UNIT("a1"));
    struct person everywhere = worker_at("k", REACH_SUBTREE, read_only, UNIT("a1"));
    struct person children = worker_at("s1", REACH_CHILDREN, read_only, UNIT("a1"));
    struct person member = worker_at("c1", REACH_SELF, submitter, UNIT("a2"));
    struct person handler = worker_at("c3", REACH_SELF, finisher, UNIT("a3"));
    struct uuid id = create(&member, "{\"title\":\"Bench\",\"contact_phone\":\"13800138000\"}");
    struct page page;

    c1.subject.account = id_of(UNIT("a1"));
    handler.department = id_of(UNIT("d1"));
    assert_string_not_equal(see(&children, id), "404");
    assert_int_equal(take(&c1, id, 1, "pass_up", "{}"), 0);
    assert_string_equal(see(&handler, id), "404");
    assert_int_equal(take(&s1, id, 2, "pass_up", "{}"), 0);
    assert_int_equal(take(&county, id, 0, "pass_up", "{}"), 409);
    assert_int_equal(take(&c1, id, 3, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 403);
    assert_int_equal(take(&county, id, 3, "assign", "{\"lead\":\"" UNIT("d1") "\"}"), 422);
    assert_int_equal(take(&county, id, 3, "assign",
                         "{\"lead\":\"" UNIT("d1") "\",\"helpers\":[\"" UNIT("d2") "\"],\"days\":5}"),
        0);
    assert_string_not_equal(see(&c1, id), "404");
    assert_string_not_equal(see(&s1, id), "404");
    assert_string_not_equal(see(&everywhere, id), "404");
    assert_string_equal(see(&s2, id), "404");
    assert_non_null(strstr(see(&member, id), "13800138000"));
    assert_non_null(strstr(see(&c1, id), "\"138****8000\""));
    assert_null(strstr(see(&handler, id), "\"contact_phone\":"));
    assert_null(strstr(see(&handler, id), UNIT("a2")));
    assert_non_null(strstr(see(&handler, id), "\"hidden\":[\"created_by\",\"contact_phone\"]"));
    assert_int_equal(take(&member, id, 0, "finish", "{\"note_of_lead\":\"x\"}"), 403);
    assert_int_equal(take(&handler, id, 4, "finish", "{\"note_of_lead\":\"done\"}"), 0);
    assert_int_equal(take(&handler, id, 5, "accept", "{}"), 403);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take(&member, id, 0, "reopen", "{}"), 0);
        assert_int_equal(take(&handler, id, 0, "finish", "{\"note_of_lead\":\"again\"}"), 0);
    }
    assert_int_equal(take(&member, id, 0, "reopen", "{}"), 409);
    page = list(&handler, "");
    assert_true(has(&page, id));
    page = list(&member, "");
    assert_true(has(&page, id));
    page = list(&c1, "");
    assert_true(has(&page, id));
    page = list(&s2, "");
    assert_false(has(&page, id));
    page = list(&s1, "state=eq.finished");
    assert_true(has(&page, id));
    page = list(&everywhere, "unit=c1");
    assert_false(has(&page, id));
    assert_int_equal(take(&member, id, 0, "accept", "{}"), 0);
    assert_int_equal(list(&s2, "unit=c1").status, 404);
    assert_int_equal(update(&county, id, 0, "{\"title\":\"late\"}"), 409);
}

static void body_history_hides(void *arg)
{
    struct person county = worker_at("k", REACH_SUBTREE, all, UNIT("a1"));
    struct person member = worker_at("c1", REACH_SELF, submitter, UNIT("a2"));
    struct person handler = worker_at("c3", REACH_SELF, finisher, UNIT("a3"));
    struct uuid id = create(&member, "{\"title\":\"Lamp\",\"contact_phone\":\"13900139000\"}");
    struct buf out = BUF_INIT;
    struct record *rec;
    struct jsonw w;
    struct call *c;

    handler.department = id_of(UNIT("d1"));
    assert_int_equal(take(&county, id, 0, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 0);
    c = call_as(&handler);
    jsonw_init(&w, &out);
    assert_int_equal(record_read(c, item, id, &rec), 0);
    assert_int_equal(history_write(c, rec, &w), 0);
    assert_null(strstr(buf_str(&out), "contact_phone"));
    assert_null(strstr(buf_str(&out), UNIT("a2")));
    assert_null(strstr(buf_str(&out), "Member"));
    assert_non_null(strstr(buf_str(&out), "\"transition\":\"assign\""));
    assert_non_null(strstr(buf_str(&out), "\"actor_name\":\"Worker\""));
    end(c);
    buf_done(&out);
}

/* Every page once, none twice, in order, also with ties and missing values, while rows are added. */
static void walk(struct person *p, const char *order, uint32_t expected)
{
    struct uuid seen[400];
    uint32_t n = 0;
    char query[900];
    struct page page;

    snprintf(query, sizeof(query), "order=%s&limit=7", order);
    do {
        page = list(p, query);
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

static void body_lists(void *arg)
{
    struct person county = worker_at("k", REACH_SUBTREE, all, UNIT("a1")),
                  c2 = worker_at("c2", REACH_SELF, all, UNIT("a1"));
    struct person s1 = worker_at("s1", REACH_SUBTREE, all, UNIT("a3")),
                  children = worker_at("s1", REACH_CHILDREN, read_only, UNIT("a3"));
    static const char *const orders[] = {"id.desc", "id.asc", "title.asc", "title.desc", "cost.asc",
        "cost.desc", "starts.desc", "created_at.asc", "due_at.asc", "quantity.asc"};
    char body[300];
    uint32_t before = (uint32_t)list(&s1, "count=exact").total;
    struct page page;

    for (int i = 0; i < 40; i++) {
        snprintf(body, sizeof(body), "{\"unit\":\"%s\",\"title\":\"T%02d\",\"quantity\":%d%s%s}",
            i % 2 ? "c2" : "s1", i % 5, i, i % 3 ? "" : ",\"cost\":100",
            i % 4 ? "" : ",\"starts\":\"2026-12-05\"");
        create(&county, body);
    }
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        walk(&s1, orders[i], before + 40);
    walk(&c2, "id.desc", (uint32_t)list(&c2, "count=exact").total);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) /* one branch only: no union around it */
        walk(&county, orders[i], (uint32_t)list(&county, "count=exact").total);
    assert_int_equal(list(&s1, "unit=c2&count=capped").total, 20);
    assert_int_equal(list(&s1, "unit=s1&reach=self&count=exact").total, 20);
    assert_int_equal(list(&children, "unit=c2&count=capped").total, 20);
    assert_int_equal(list(&children, "unit=s1&reach=self&count=capped").status, 404);
    assert_int_equal(list(&s1, "title=eq.T03&count=exact").total, 8);
    assert_int_equal(list(&s1, "title=in.(T03,T04)&count=exact").total, 16);
    assert_int_equal(list(&s1, "title=gte.T00&cost=is.null&count=exact").total, 26);
    assert_int_equal(
        list(&s1, "quantity=lt.10&quantity=gte.5&title=neq.T00&title=gte.T00&count=exact").total, 4);
    assert_int_equal(list(&s1, "starts=eq.2026-12-05&count=exact").total, 10);
    page = list(&s1, "limit=200");
    assert_true(page.count >= 40 && !page.next[0]);
}

static void body_bad_queries(void *arg)
{
    struct person county = worker_at("k", REACH_SUBTREE, all, UNIT("a1"));
    static const char *const bad[] = {"limit=0", "limit=100000", "limit=x", "cursor=garbage",
        "state=eq.unheard_of", "colour=eq.red", "order=body.asc", "order=title.up",
        "created_at=gte.yesterday", "state=like.x", "id=in.(1,2", "title=", "body=eq.x",
        "contact_phone=eq.13800138000", "count=maybe", "created_by=eq." UNIT("a2"),
        "cursor=", "quantity=eq."};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct page page = list(&county, bad[i]);

        if (page.status != 400)
            fail_msg("%s: %d", bad[i], page.status);
    }
    assert_int_equal(list(&county, "unit=").status, 404);
    assert_int_equal(list(&county, "unit=nowhere").status, 404);
}

static void body_due(void *arg)
{
    struct person county = worker_at("k", REACH_SUBTREE, all, UNIT("a1"));
    struct person handler = worker_at("c3", REACH_SELF, finisher, UNIT("a3"));
    struct uuid id = create(&county, "{\"unit\":\"c1\",\"title\":\"Silence\"}");
    int32_t today = calendar_today(clock_wall_us()), last = calendar_add(tenant_calendar(tenant), today, 10);
    struct due_report report;

    handler.department = id_of(UNIT("d1"));
    assert_int_equal(take(&county, id, 0, "assign", "{\"lead\":\"" UNIT("d1") "\",\"days\":5}"), 0);
    assert_non_null(strstr(see(&county, id), date_format(calendar_add(tenant_calendar(tenant), today, 5)).s));
    assert_int_equal(take(&handler, id, 0, "finish", "{\"note_of_lead\":\"done\"}"), 0);
    assert_non_null(strstr(see(&county, id), "\"due_at\":null"));
    assert_int_equal(
        resource_run_due(db, clock_wall_us() + (int64_t)(last - today) * 86400 * 1000000, &report), 0);
    assert_int_equal(report.done, 0); /* the tenth day is not over yet */
    assert_int_equal(
        resource_run_due(db, clock_wall_us() + (int64_t)(last + 1 - today) * 86400 * 1000000, &report), 0);
    assert_int_equal(report.done, 1);
    assert_int_equal(report.failed, 0);
    assert_non_null(strstr(see(&county, id), "\"state\":\"lapsed\""));
    assert_int_equal(
        resource_run_due(db, clock_wall_us() + (int64_t)(last + 1 - today) * 86400 * 1000000, &report), 0);
    assert_int_equal(report.done, 0);
}

static void body_tenants_apart(void *arg)
{
    struct db_tx *tx;
    struct db_rows *rows = NULL;
    static const struct db_stmt count = {"t.count", "SELECT count(*) FROM px_works.item"};
    static const struct db_stmt steal = {"t.steal", "UPDATE px_works.item SET tenant_id = 2"};

    assert_int_equal(db_begin(db, 2, DB_WRITE, NULL, &tx, NULL), 0);
    assert_int_equal(db_exec(tx, count, NULL, &rows), 0);
    assert_int_equal(db_get_int(rows, 0, 0), 0);
    db_rows_free(rows);
    db_rollback(tx);
    assert_int_equal(db_begin(db, 1, DB_WRITE, NULL, &tx, NULL), 0);
    assert_true(db_exec(tx, steal, NULL, NULL) < 0); /* WITH CHECK */
    db_rollback(tx);
}

/* ---- start ---- */

static void load_once(void)
{
    static const struct plugin_load_config load = {
        .directory = SOURCE_ROOT "/tests/fixtures/plugins", .is_development = true};

    access_init();
    assert_int_equal(plugin_load_all(&load), 0);
    policies_init();
    /* a manifest's roles come before its resources */
    assert_int_equal(role_declare_permission("works_all", "works.item.assign"), 0);
    engine_init();
    item = resource_find("works.item");
    assert_non_null(item);
    for (uint32_t i = 0; i < permission_count(); i++)
        if (text_has_prefix(text_of(permission_info(i)->name), "works.item.") &&
            !strstr(permission_info(i)->name, "unmask"))
            allow(all, permission_info(i)->name);
    allow(read_only, "works.item.read");
    allow(submitter, "works.item.create");
    allow(submitter, "works.item.accept");
    allow(submitter, "works.item.reopen");
    allow(finisher, "works.item.finish");
}

/* Whoever makes roles chooses from the catalogue: what a transition needs stands in it, with its label. */
static void check_catalogue(void)
{
    for (uint32_t i = 0; i < item->transition_count; i++) {
        const struct permission_info *info = permission_info(item->transitions[i].permission_id);

        if (!info->is_declared || !info->label_zh[0])
            fail_msg("%s is not in the catalogue", info->name);
    }
}

static void make_tables(void)
{
    struct arena *a = arena_new();
    struct declaration_report report;
    struct admin *owner;

    assert_int_equal(admin_open(support_conninfo("juxin_owner"), 5000, &owner, NULL), 0);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing left to do */
        report_init(&report, a, (struct text){NULL, 0});
        if (resource_migrate(owner, &report) < 0)
            fail_msg("migrate: %s", report.first ? report.first->message : "?");
    }
    admin_close(owner);
    arena_free(a);
    for (const char *p = seed, *semi; (semi = strchr(p, ';')); p = semi + 1) {
        char *one = str_ndup(p, (size_t)(semi - p));

        support_sql(one);
        free(one);
    }
}

static void in_fiber(void *arg)
{
    void (**fn)(void *) = arg;

    db = support_open("juxin_app", 2, 8, 4);
    assert_int_equal(tenant_get_by_id(db, 1, &tenant), 0);
    (*fn)(NULL);
    tenant_unref(tenant);
    tenant_cache_clear();
    db_close(db);
}

static void run(void **state)
{
    void (*fn)(void *) = (void (*)(void *))(uintptr_t)*state;

    support_fiber(in_fiber, &fn);
}

static void test_setup(void **state)
{
    static struct keyring *keys;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/%s.keys", support_database());
    assert_int_equal(keyring_load(path, true, &keys), 0);
    unlink(path);
    audit_set_keys(keys);
    support_migrate();
    load_once();
    check_catalogue();
    make_tables();
}

#define BODY(fn)                                                                                             \
    {                                                                                                        \
#fn, run, NULL, NULL, (void *)(uintptr_t)(fn)                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setup),
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
