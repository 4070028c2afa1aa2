/* Files from memory: which path gets which bytes, in which form, cached how. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/response.h"
#include "http/static.h"

static char dir[64];
static struct http_static *files;
static struct router *router;

static void put(const char *name, const char *content)
{
    char path[160];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int set_up(void **state)
{
    char path[160], why[256];
    struct http_static_config config = {.directory = dir, .prefix = "/console", .pages = true};

    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/juxin-static-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/assets", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    put("index.html", "<p>hello</p>");
    put("index.html.gz", "zip");
    put("assets/app-A1b2C3_4.js", "a long script, a long script");
    put("assets/app-A1b2C3_4.js.br", "br");
    put("assets/app-A1b2C3_4.js.gz", "gzip");
    put("logo.svg", "<svg/>");
    put("alone.gz", "not a form of anything");
    put("empty.txt", "");
    put(".secret", "no");
    assert_int_equal(http_static_load(&config, why, &files), 0);
    router = router_new();
    assert_int_equal(http_static_add(files, router), 0);
    return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    router_free(router);
    http_static_free(files);
    return nftw(dir, drop, 8, FTW_DEPTH | FTW_PHYS);
}

struct answer {
    int status;
    char head[512];
    char body[128];
    const char *type;
};

static struct answer get(const char *path, const char *field, const char *value)
{
    struct http_field fields[1] = {{text_of(field), text_of(value)}};
    struct response p = {0};
    struct request r = {.arena = arena_new(),
        .method = HTTP_GET,
        .path = text_of(path),
        .response = &p,
        .fields = fields,
        .field_count = field ? 1 : 0};
    struct answer a = {.status = 404};
    const char *allow;
    struct text body;

    if (router_match(router, &r, &allow) == 0) {
        (void)!r.route->handle(&r);
        body = p.borrowed.ptr ? p.borrowed : buf_text(&p.body);
        a.status = p.status;
        a.type = p.content_type;
        snprintf(a.head, sizeof(a.head), "%s", buf_str(&p.head));
        snprintf(a.body, sizeof(a.body), "%.*s", (int)body.len, body.ptr);
    }
    response_done(&p);
    arena_free(r.arena);
    return a;
}

static void files_are_served(void **state)
{
    struct answer a = get("/console/logo.svg", NULL, NULL);
    char tag[64] = "";

    (void)state;
    assert_int_equal(http_static_count(files), 5);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "<svg/>");
    assert_string_equal(a.type, "image/svg+xml");
    assert_non_null(strstr(a.head, "Cache-Control: no-cache\r\n"));
    assert_null(strstr(a.head, "Vary"));
    assert_int_equal(sscanf(strstr(a.head, "ETag: ") + 6, "%60s", tag), 1);
    assert_int_equal(get("/console/logo.svg", "If-None-Match", tag).status, 304);
    assert_int_equal(get("/console/logo.svg", "If-None-Match", "\"x\", W/\"y\"").status, 200);
    assert_int_equal(get("/console/logo.svg", "If-None-Match", "*").status, 304);
    assert_string_equal(get("/console/empty.txt", NULL, NULL).body, "");
    assert_int_equal(get("/console/alone.gz", NULL, NULL).status, 200);
}

static void forms_follow_accept_encoding(void **state)
{
    const char *path = "/console/assets/app-A1b2C3_4.js";
    struct answer a = get(path, "Accept-Encoding", "gzip, deflate, br");

    (void)state;
    assert_string_equal(a.body, "br");
    assert_non_null(strstr(a.head, "Content-Encoding: br\r\n"));
    assert_non_null(strstr(a.head, "Vary: Accept-Encoding\r\n"));
    assert_non_null(strstr(a.head, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    assert_string_equal(a.type, "text/javascript; charset=utf-8");
    assert_string_equal(get(path, "Accept-Encoding", "gzip").body, "gzip");
    assert_string_equal(get(path, "Accept-Encoding", "br;q=0, gzip;q=0.5").body, "gzip");
    assert_string_equal(get(path, "Accept-Encoding", "br;q=0.001").body, "br");
    assert_string_equal(
        get(path, "Accept-Encoding", "br;q=0.000, gzip;q=0").body, "a long script, a long script");
    assert_string_equal(get(path, NULL, NULL).body, "a long script, a long script");
}

static void pages_go_uncompressed(void **state)
{
    struct answer a = get("/console/", "Accept-Encoding", "gzip, deflate, br");

    (void)state;
    assert_string_equal(a.body, "<p>hello</p>");
    assert_null(strstr(a.head, "Content-Encoding"));
    assert_int_equal(get("/console/index.html.gz", NULL, NULL).status, 404);
}

static void paths_name_files_or_pages(void **state)
{
    (void)state;
    assert_string_equal(get("/console/", NULL, NULL).body, "<p>hello</p>");
    assert_string_equal(get("/console/units/7", NULL, NULL).body, "<p>hello</p>");
    assert_int_equal(get("/console", NULL, NULL).status, 308);
    assert_int_equal(get("/console/assets/gone.js", NULL, NULL).status, 404);
    assert_int_equal(get("/console/.secret", NULL, NULL).status, 404);
    assert_int_equal(get("/console/assets/app-A1b2C3_4.js.br", NULL, NULL).status, 404);
    assert_int_equal(get("/", NULL, NULL).status, 404);
}

static void links_are_refused(void **state)
{
    struct http_static_config config = {.directory = dir, .prefix = ""};
    struct http_static *s = NULL;
    char path[160], why[256];

    (void)state;
    snprintf(path, sizeof(path), "%s/assets/link", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(http_static_load(&config, why, &s), -EINVAL);
    assert_string_equal(why, "assets/link");
    config.directory = "/nowhere/at/all";
    assert_int_equal(http_static_load(&config, why, &s), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms_follow_accept_encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_go_uncompressed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_name_files_or_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
