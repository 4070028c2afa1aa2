#include "works.h"

#include <errno.h>
#include <unistd.h>

#include "access/permission.h"
#include "access/role.h"
#include "access/start.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/admin.h"
#include "db/audit.h"
#include "plugin/load.h"
#include "plugin/policy/policies.h"
#include "resource/declare/declaration_report.h"
#include "resource/engine.h"
#include "resource/query/query.h"
#include "resource/record/reader.h"

#define FOREVER ((uint64_t)INT64_MAX)

struct works works;

static const char *const seed[] = {
    "INSERT INTO juxin.tenant (slug, name) VALUES ('one', 'One'), ('two', 'Two')",
    "INSERT INTO juxin.epoch VALUES (1, 1), (2, 1)",
    "CREATE FUNCTION uid(text) RETURNS uuid LANGUAGE sql AS 'SELECT (''" UNIT("") "'' || $1)::uuid'",
    "INSERT INTO juxin.unit (tenant_id, id, parent_id, code, name, level, depth, a1, a2) VALUES"
    " (1, uid('01'), NULL, 'k', 'County', 'county', 0, NULL, NULL),"
    " (1, uid('02'), uid('01'), 's1', 'Street 1', 'street', 1, uid('02'), NULL),"
    " (1, uid('03'), uid('01'), 's2', 'Street 2', 'street', 1, uid('03'), NULL),"
    " (1, uid('04'), uid('02'), 'c1', 'C1', 'community', 2, uid('02'), uid('04')),"
    " (1, uid('05'), uid('02'), 'c2', 'C2', 'community', 2, uid('02'), uid('05')),"
    " (1, uid('06'), uid('03'), 'c3', 'C3', 'community', 2, uid('03'), uid('06')),"
    " (2, uid('01'), NULL, 'k', 'Other', 'county', 0, NULL, NULL)",
    ("INSERT INTO juxin.account (tenant_id, id, login, display_name) VALUES"
     " (1, uid('a1'), 'worker', 'Worker'), (1, uid('a2'), 'member', 'Member'),"
     " (1, uid('a3'), 'handler', 'Handler')"),
    ("INSERT INTO juxin.department (tenant_id, id, unit_id, code, name) VALUES"
     " (1, uid('d1'), uid('01'), 'd1', 'Housing'), (1, uid('d2'), uid('01'), 'd2', 'Law')"),
};

struct uuid works_id(const char *text)
{
    struct uuid id;

    assert_int_equal(uuid_parse(text_of(text), &id), 0);
    return id;
}

static uint32_t unit_of(const char *code)
{
    return tree_find_code(works.tenant->tree, text_of(code));
}

static void allow(uint64_t *set, const char *name)
{
    uint32_t p = permission_find(text_of(name));

    assert_int_not_equal(p, PERMISSION_NONE);
    set[p / 64] |= UINT64_C(1) << (p % 64);
}

/* ---- people ---- */

struct works_person works_person(
    const char *unit, enum reach reach, const uint64_t *permissions, const char *account)
{
    struct works_person p = {
        .subject = {.kind = SUBJECT_ACCOUNT, .account = works_id(account), .grant_count = 1}};

    p.grant = (struct subject_grant){.until = FOREVER,
        .permissions = permissions,
        .unit = unit_of(unit),
        .end = tree_end(works.tenant->tree, unit_of(unit)),
        .reach = reach};
    return p;
}

struct call *works_call(struct works_person *p)
{
    struct call *c = mem_zalloc(sizeof(*c));

    call_init(c, works.db, arena_new());
    p->subject.grants = &p->grant;
    p->subject.departments = &p->department;
    p->subject.heads = &p->head;
    p->subject.department_count = uuid_is_nil(p->department) ? 0 : 1;
    c->who = &p->subject;
    c->tenant = tenant_ref(works.tenant);
    c->request_id = "test";
    return c;
}

void works_call_end(struct call *c)
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

struct uuid works_create(struct works_person *p, const char *body)
{
    struct call *c = works_call(p);
    struct record *rec = NULL;
    json_t *v = json(body);
    struct uuid id;
    int r = record_create(c, works.item, v, &rec);

    if (r < 0)
        show_fault(c);
    assert_int_equal(r, 0);
    id = rec->id;
    assert_int_equal(call_commit(c), 0);
    json_decref(v);
    works_call_end(c);
    return id;
}

/* The status of a create that is refused, and the fault's pointers. */
int works_refused(struct works_person *p, const char *body, const char *pointer, const char *code)
{
    struct call *c = works_call(p);
    struct record *rec = NULL;
    json_t *v = json(body);
    bool found = pointer == NULL;
    int status;

    assert_int_equal(record_create(c, works.item, v, &rec), -EINVAL);
    status = c->fault.status;
    for (const struct call_error *e = c->fault.errors; e && !found; e = e->next)
        found = strcmp(e->pointer, pointer) == 0 && strcmp(e->code, code) == 0;
    if (!found) {
        show_fault(c);
        fail_msg("no %s at %s", code, pointer);
    }
    json_decref(v);
    works_call_end(c);
    return status;
}

int works_take(struct works_person *p, struct uuid id, int64_t version, const char *name, const char *body)
{
    struct call *c = works_call(p);
    struct record *rec;
    json_t *v = json(body);
    int r = record_transition(c, works.item, id, version, name, v, &rec), status;

    if (r == 0)
        r = call_commit(c);
    status = c->fault.status;
    if (r < 0 && !status)
        fail_msg("%s: %s: %s", name, strerror(-r), c->tx ? db_tx_error(c->tx)->message : "");
    json_decref(v);
    works_call_end(c);
    return status;
}

int works_update(struct works_person *p, struct uuid id, int64_t version, const char *body)
{
    struct call *c = works_call(p);
    struct record *rec;
    json_t *v = json(body);
    int r = record_update(c, works.item, id, version, v, &rec), status;

    if (r == 0)
        r = call_commit(c);
    status = c->fault.status;
    if (r < 0 && !status)
        fail_msg("update: %s", strerror(-r));
    json_decref(v);
    works_call_end(c);
    return status;
}

const char *works_see(struct works_person *p, struct uuid id)
{
    static struct buf out;
    struct call *c = works_call(p);
    struct record *rec;
    struct jsonw w;

    buf_clear(&out);
    if (record_read(c, works.item, id, &rec) == 0) {
        jsonw_init(&w, &out);
        jsonw_object(&w);
        record_write_members(&w, rec, c->tenant, record_may_unmask(c, rec));
        jsonw_object_end(&w);
    } else {
        buf_addf(&out, "%d", c->fault.status);
    }
    works_call_end(c);
    return buf_str(&out);
}

/* ---- lists ---- */

struct works_page works_list(struct works_person *p, const char *query)
{
    struct query_param params[16];
    struct text rest = text_of(query);
    struct query_page got = {0};
    struct call *c = works_call(p);
    struct works_page page = {0};
    struct query q;
    size_t n = 0;
    int r;

    while (rest.ptr && rest.len) {
        struct text value = text_split(&rest, '&'), name = text_split(&value, '=');

        params[n++] = (struct query_param){name, value};
    }
    r = query_parse(c, works.item, params, n, &q);
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
    works_call_end(c);
    return page;
}

bool works_page_has(const struct works_page *p, struct uuid id)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (uuid_eq(p->ids[i], id))
            return true;
    return false;
}

/* ---- set-up ---- */

static void load_plugin(void)
{
    static const struct plugin_load_config load = {
        .directory = SOURCE_ROOT "/tests/fixtures/plugins", .is_development = true};

    access_init();
    assert_int_equal(plugin_load_all(&load), 0);
    policies_init();
    /* a manifest's roles come before its resources */
    assert_int_equal(role_declare_permission("works_all", "works.item.assign"), 0);
    engine_init();
    works.item = resource_find("works.item");
    assert_non_null(works.item);
    for (uint32_t i = 0; i < permission_count(); i++)
        if (text_has_prefix(text_of(permission_info(i)->name), "works.item.") &&
            !strstr(permission_info(i)->name, "unmask"))
            allow(works.all, permission_info(i)->name);
    allow(works.reads, "works.item.read");
    allow(works.submits, "works.item.create");
    allow(works.submits, "works.item.accept");
    allow(works.submits, "works.item.reopen");
    allow(works.finishes, "works.item.finish");
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
    for (size_t i = 0; i < ARRAY_LEN(seed); i++)
        support_sql(seed[i]);
}

void works_set_up(void)
{
    static struct keyring *keys;
    char path[100];

    snprintf(path, sizeof(path), "/tmp/%s.keys", support_database());
    assert_int_equal(keyring_load(path, true, &keys), 0);
    unlink(path);
    audit_set_keys(keys);
    support_migrate();
    load_plugin();
    make_tables();
}

static void in_fiber(void *arg)
{
    void (**fn)(void) = arg;

    works.db = support_open("juxin_app", 2, 8, 4);
    assert_int_equal(tenant_get_by_id(works.db, 1, &works.tenant), 0);
    (*fn)();
    tenant_unref(works.tenant);
    tenant_cache_clear();
    db_close(works.db);
}

void works_run(void (*fn)(void))
{
    support_fiber(in_fiber, &fn);
}
