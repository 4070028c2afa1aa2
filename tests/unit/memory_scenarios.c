/* What is run with failing allocations: parsers, files, plans, the loop, TLS, connections. */
#include "memory_scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/permission.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "db/internal.h"
#include "db/keyring.h"
#include "http/parse.h"
#include "http/response.h"
#include "memory_server.h"
#include "plugin/load.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/registry.h"
#include "plugin/package/statements.h"
#include "plugin/package/trust.h"
#include "resource/declare/ddl.h"
#include "resource/declare/declaration_report.h"
#include "resource/declare/resource.h"
#include "resource/query/query.h"
#include "tenant/units_import.h"

static char directory[] = "/tmp/juxin-memory-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[2][128];
    static unsigned turn;

    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
    return path[turn];
}

static int write_file(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t len = strlen(text);
    ssize_t n = fd >= 0 ? write(fd, text, len) : -1;

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)len ? 0 : -EIO;
}

/* ---- HTTP ---- */

static const char chunked[] =
    "POST /a%20b/c?x=%31&y=+ HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"a\": [1]\r\n2\r\n, \r\n8\r\n\"b\": {}}\r\n0\r\n\r\n";

/* A request in pieces, its JSON read, and the problem document for a member that is not known. */
static int http_request(struct buf *out)
{
    static const char *const known[] = {"a", NULL};
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct response p = {.head = BUF_INIT};
    struct request r = {.arena = arena_new(), .response = &p};
    struct text rest = TEXT(chunked);
    enum http_parse state = HTTP_PARSE_MORE;
    struct http_parser parser;
    json_t *body = NULL;
    int result = -EINVAL;

    response_reset(&p);
    http_parser_init(&parser, &r, &limits);
    while (state <= HTTP_PARSE_HEAD && rest.len) {
        struct text piece = {rest.ptr, MIN(rest.len, (size_t)50)};
        size_t used;

        state = http_parser_feed(&parser, piece, &used);
        rest = text_skip(rest, used);
    }
    if (state == HTTP_PARSE_DONE && request_object(&r, known, &body) < 0 && p.is_problem) {
        buf_add_text(out, r.path);
        buf_add_text(out, request_query(&r, "x"));
        buf_add_text(out, request_cookie(&r, "a"));
        buf_add_text(out, buf_text(&p.body));
        result = p.status == 422 ? 0 : -EIO;
    }
    response_done(&p);
    http_parser_done(&parser);
    arena_free(r.arena);
    return result;
}

/* As large as a client may make it. */
static int large_body(struct buf *out)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct request r = {.arena = arena_new()};
    struct http_parser parser;
    static char piece[65536];
    enum http_parse state;
    struct text copy;
    size_t used;

    http_parser_init(&parser, &r, &limits);
    memset(piece, 'x', sizeof(piece));
    state = http_parser_feed(
        &parser, TEXT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"), &used);
    while (state == HTTP_PARSE_HEAD || state == HTTP_PARSE_MORE)
        state = http_parser_feed(&parser, (struct text){piece, sizeof(piece)}, &used);
    copy = (struct text){arena_ndup(r.arena, r.body.ptr, r.body.len), r.body.len};
    buf_addf(out, "%zu %d", copy.len, text_eq(copy, r.body));
    http_parser_done(&parser);
    arena_free(r.arena);
    return state == HTTP_PARSE_DONE ? 0 : -EINVAL;
}

/* ---- JSON and files ---- */

static int json(struct buf *out)
{
    json_t *value = NULL;
    struct jsonw w;
    int r = json_parse(
        TEXT("{\"a\": [1, -2.5, true, null, \"\\u805a\"], \"b\": {\"c\": {}}}"), JSON_LIMITS, &value, NULL);

    if (r < 0)
        return r;
    jsonw_init(&w, out);
    jsonw_value(&w, value);
    json_decref(value);
    return 0;
}

static int config(struct buf *out)
{
    struct buf errors = BUF_INIT;
    struct config *c = NULL;
    int r = config_load(path_of("config.json"), &c, &errors);

    if (r == 0)
        buf_addf(out, "%s %lld %s", c->listen[0].address, (long long)c->listen[0].port, c->plugins_trust);
    config_free(c);
    buf_done(&errors);
    return r;
}

static int config_faults(struct buf *out)
{
    struct config *c = NULL;
    int r = config_load(path_of("faults.json"), &c, out);

    config_free(c);
    return r == -EINVAL ? 0 : -EIO;
}

static int key_ring(struct buf *out)
{
    struct keyring *k = NULL;
    struct sha256 mac = {{0}};
    uint8_t signature[KEY_SIGNATURE_LEN] = {0}, public_key[KEY_PUBLIC_LEN] = {0};
    int r = keyring_load(path_of("keys.json"), false, &k);

    if (r == 0)
        r = keyring_mac(k, "k1", "audit", TEXT("x"), &mac);
    if (r == 0)
        r = keyring_sign(k, "k1", "audit", TEXT("x"), signature);
    if (r == 0)
        r = keyring_public(k, "k1", "audit", public_key);
    if (r == 0 && !key_verify(public_key, TEXT("x"), signature))
        r = -EIO; /* a signature that cannot be looked at does not hold */
    hex_add(out, mac.b, sizeof(mac.b));
    hex_add(out, signature, sizeof(signature));
    keyring_free(k);
    return r;
}

static int trust(struct buf *out)
{
    struct sha256 digest = {{1}};
    int r = write_file("trust.json", "{\"trusted\": []}");

    if (r == 0)
        r = trust_add(path_of("trust.json"), &digest, "demo", "/demo.so");
    if (r == 0)
        r = trust_check(path_of("trust.json"), &digest);
    buf_addf(out, "%d", r);
    return r;
}

/* The third crash. */
static int quarantine(struct buf *out)
{
    static const char twice[] =
        "{\"crashes\": [{\"sha256\": \"%s\", \"plugin\": \"demo\", \"what\": \"exit\", \"at_us\": "
        "1800000000000000}, {\"sha256\": \"%s\", \"plugin\": \"demo\", \"what\": \"exit\", \"at_us\": "
        "1800000000000001}]}";
    struct sha256 digest = {{1}};
    struct sha256_text hex = sha256_format(&digest);
    char text[600];
    bool is_quarantined = false;
    int r;

    snprintf(text, sizeof(text), twice, hex.s, hex.s);
    r = write_file("quarantine.json", text);
    if (r == 0)
        r = quarantine_note(path_of("quarantine.json"), &digest, "demo", "SIGSEGV", INT64_C(1800000000000002),
            &is_quarantined);
    buf_addf(out, "%d %d", is_quarantined, quarantine_has(path_of("quarantine.json"), &digest));
    return r;
}

/* ---- plugins and resources ---- */

static const char declaration_text[] =
    "{\"resource\": \"r\", \"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}, \"number\": {\"prefix\": \"A\"}, "
    "\"fields\": {"
    "\"a\": {\"type\": \"text\", \"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}, \"pattern\": \"^[a-z]+$\", "
    "\"filterable\": true},"
    "\"k\": {\"type\": \"enum\", \"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}, \"filterable\": true, "
    "\"values\": ["
    "{\"value\": \"x\", \"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}}]}}, \"states\": {"
    "\"s\": {\"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}, \"initial\": true}}, \"transitions\": {"
    "\"go\": {\"label\": {\"zh-CN\": \"名\", \"en\": \"N\"}, \"from\": [\"s\"], \"to\": \"s\", "
    "\"required_fields\": [\"a\"]}}%s}";

static int declare(const char *more, struct buf *out)
{
    struct arena *a = arena_new();
    const char *text = arena_printf(a, declaration_text, more);
    struct declaration_report report;
    struct resource *res = NULL;
    struct ddl ddl = {0};
    json_t *value = NULL;
    int r = json_parse(text_of(text), JSON_LIMITS, &value, NULL);

    report_init(&report, a, text_of(text));
    if (r == 0)
        r = declaration_parse(a, "demo", value, &report, &res);
    if (r == 0)
        r = ddl_plan(a, res, NULL, &report, &ddl);
    for (uint32_t i = 0; i < ddl.count; i++)
        buf_addf(out, "%s;", ddl.statements[i]);
    for (const struct declaration_fault *f = report.first; f; f = f->next)
        buf_addf(out, "%u:%u %s %s\n", f->line, f->column, f->pointer, f->message);
    json_decref(value);
    arena_free(a);
    return r;
}

static int declaration(struct buf *out)
{
    return declare("", out);
}

static int declaration_faults(struct buf *out)
{
    return declare(", \"lable\": 1, \"levels\": [\"contry\"]", out) == -EINVAL ? 0 : -EIO;
}

static int plugin(struct buf *out)
{
    struct plugin_load_config config = {.is_development = true, .without_code = true};
    struct arena *a = arena_new();
    struct diags d;
    struct plugin *p;
    int r = 0;

    diags_init(&d, a);
    p = plugin_load_dir(path_of("demo"), &config, &d);
    buf_addf(out, "%s %s %zu %zu %s", p->id, p->version, p->permission_count, p->statement_count,
        p->unavailable_detail ? p->unavailable_detail : "");
    if (p->policy.unavailable && !strstr(p->unavailable_detail, "memory"))
        r = 0; /* whatever else is said of it is not true */
    else if (p->policy.unavailable)
        r = -ENOMEM;
    plugin_free(p);
    arena_free(a);
    return r;
}

/* None is dropped: what cannot be looked at is there with the reason, so that what it guards stays closed. */
static int plugins(struct buf *out)
{
    struct plugin_load_config config = {.directory = directory, .is_development = true, .without_code = true};
    int r = plugin_load_all(&config);

    if (r == 0)
        buf_addf(out, "%d", plugin_find("demo") != NULL);
    registry_clear();
    return r;
}

static struct tenant tenant = {.id = 7};

/* A list: what is asked for, the SQL, the cursor. */
static int list(struct buf *out)
{
    static const struct subject who = {.kind = SUBJECT_SYSTEM};
    struct query_param params[] = {
        {TEXT("a"), TEXT("in.(x,y)")}, {TEXT("k"), TEXT("eq.x")}, {TEXT("order"), TEXT("id.asc")}};
    struct arena *a = arena_new();
    struct query_sql sql;
    struct query q;
    struct call c;
    bool is_empty;
    int r;

    call_init(&c, NULL, a);
    c.tenant = &tenant;
    c.who = &who;
    r = query_parse(&c, resource_find("demo.r"), params, ARRAY_LEN(params), &q);
    if (r == 0) {
        query_build(&c, &q, &sql, &is_empty);
        buf_adds(out, sql.stmt.sql);
        buf_adds(out, sql.stmt.name);
    }
    call_done(&c);
    arena_free(a);
    return r;
}

/* ---- tenants ---- */

static int import(struct arena *a, struct units_import *im, json_t **root, bool as_csv)
{
    static const char rows[] =
        "{\"units\": [{\"code\": \"1\", \"name\": \"a\", \"level\": \"county\", \"parent\": null},"
        "{\"code\": \"2\", \"name\": \"b\", \"level\": \"street\", \"parent\": \"1\"},"
        "{\"code\": \"3\", \"name\": \"c\", \"level\": \"park\", \"parent\": \"9\"}]}";
    int r = as_csv ? 0 : json_parse(TEXT(rows), JSON_LIMITS, root, NULL);

    units_import_init(im, a);
    if (r == 0 && as_csv)
        units_import_csv(im, TEXT("code,name,level,parent\n1,a,county,\n2,\"b\",street,1\n3,c,park,9\n"));
    else if (r == 0)
        units_import_json(im, *root);
    return r;
}

static int tree_import(struct buf *out)
{
    int r = 0;

    for (int as_csv = 0; r == 0 && as_csv < 2; as_csv++) {
        struct arena *a = arena_new();
        struct units_import im;
        struct tree *empty = NULL;
        json_t *root = NULL;

        r = tree_build(NULL, 0, &empty, NULL, NULL);
        if (r == 0)
            r = import(a, &im, &root, as_csv);
        if (r == 0) {
            units_import_check(&im, empty, false);
            buf_addf(out, "%u %u", im.count, im.created);
            for (const struct units_import_fault *f = im.faults; f; f = f->next)
                buf_addf(out, " %s %s", f->pointer, f->code);
        }
        json_decref(root);
        tree_free(empty);
        arena_free(a);
    }
    return r;
}

static int tree(struct buf *out)
{
    struct tree_unit units[] = {
        {.id = {{2}}, .parent = {{1}}, .code = "b", .name = "B", .level = LEVEL_STREET},
        {.id = {{1}}, .code = "a", .name = "A", .level = LEVEL_COUNTY}};
    struct tree *t = NULL;
    int r = tree_build(units, ARRAY_LEN(units), &t, NULL, NULL);

    if (r == 0)
        buf_addf(out, "%u %s", tree_count(t), tree_unit(t, tree_find_code(t, TEXT("b"))).name);
    tree_free(t);
    return r;
}

/* ---- all of them ---- */

const struct scenario scenarios[] = {
    {"request", http_request},
    {"large body", large_body},
    {"json", json},
    {"config", config},
    {"config faults", config_faults},
    {"key ring", key_ring},
    {"trust", trust},
    {"quarantine", quarantine},
    {"declaration", declaration},
    {"its faults", declaration_faults},
    {"plugin", plugin},
    {"plugins", plugins},
    {"list", list},
    {"tree import", tree_import},
    {"tree", tree},
    {"tls", memory_tls, SOME},
    {"tls accept", memory_accept, EACH},
    {"fibers", memory_fibers},
    {"pool", memory_pool},
    {"static files", memory_static},
    {"server", memory_server, EACH_WHEN_PLAIN},
    {NULL, NULL, EACH},
};

static int make_files(void)
{
    int r = mkdtemp(directory) ? 0 : -errno;

    if (r == 0)
        r = write_file("config.json", "{\"listen\": [{\"address\": \"127.0.0.1\", \"port\": 1, \"tls\": "
                                      "false}], \"state_dir\": \"/s\", \"user\": \"u\"}");
    if (r == 0)
        r = write_file("faults.json", "{\"workers\": 0, \"lisen\": 1, \"listen\": [{\"port\": 0}]}");
    if (r == 0)
        r = write_file("keys.json",
            "{\"current\": \"k1\", \"keys\": {\"k1\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}");
    if (r == 0 && (mkdir(path_of("demo"), 0755) < 0 || mkdir(path_of("demo/resources"), 0755) < 0))
        r = -errno;
    if (r == 0)
        r = write_file("demo/plugin.json", "{\"id\": \"demo\", \"version\": \"1.0.0\", \"label\": "
                                           "{\"zh-CN\": \"名\", \"en\": \"N\"}, \"permissions\": "
                                           "{\"demo.r.x\": {\"zh-CN\": \"名\", \"en\": \"N\"}}}");
    if (r == 0)
        r = write_file("demo/queries.sql",
            "-- name: q\n-- params: uuid\nSELECT id FROM px_demo.r WHERE tenant_id = $1 AND id = $2\n");
    if (r == 0)
        r = write_file("demo/resources/r.json", "{\"resource\": \"r\"}");
    return r;
}

int scenarios_begin(void)
{
    struct tree_unit root = {.id = {{1}}, .code = "a", .name = "A", .level = LEVEL_COUNTY};
    struct arena *a = arena_new();
    struct declaration_report report;
    json_t *value = NULL;
    int r = make_files();

    report_init(&report, a, (struct text){NULL, 0});
    if (r == 0)
        r = tree_build(&root, 1, &tenant.tree, NULL, NULL);
    if (r == 0)
        r = json_parse(text_of(arena_printf(a, declaration_text, "")), JSON_LIMITS, &value, NULL);
    if (r == 0)
        r = resource_add("demo", value, (struct text){NULL, 0}, &report);
    json_decref(value);
    arena_free(a);
    if (r == 0)
        r = memory_server_begin(directory);
    /* Once through, so that what libraries keep for good is there before anything fails. */
    for (const struct scenario *s = scenarios; r == 0 && s->name; s++) {
        struct buf out = BUF_INIT;

        r = s->run(&out);
        buf_done(&out);
        if (r < 0)
            fprintf(stderr, "%s: %s\n", s->name, strerror(-r));
    }
    return r;
}

void scenarios_end(void)
{
    static const char *const files[] = {"config.json", "faults.json", "keys.json", "trust.json",
        "trust.json.lock", "quarantine.json", "quarantine.json.lock", "demo/plugin.json", "demo/queries.sql",
        "demo/resources/r.json", "demo/resources", "demo", ""};

    memory_server_end(directory);
    resource_unload_all();
    tree_free(tenant.tree);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)remove(path_of(files[i]));
}
