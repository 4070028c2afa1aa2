/* The configuration: defaults, and faults that name the pointer and what is accepted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/config.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static int load(const char *json, struct config **ret, struct buf *errors)
{
    char path[] = "/tmp/juxin-config-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, strlen(json)), strlen(json));
    close(fd);
    r = config_load(path, ret, errors);
    unlink(path);
    return r;
}

static void refuses(const char *json, const char *line)
{
    struct config *c = NULL;
    struct buf errors = BUF_INIT;

    assert_int_equal(load(json, &c, &errors), -EINVAL);
    assert_null(c);
    if (!strstr(buf_str(&errors), line))
        fail_msg("expected \"%s\" among: %s", line, buf_str(&errors));
    buf_done(&errors);
}

#define LISTEN "\"listen\":[{\"address\":\"127.0.0.1\",\"port\":8080,\"tls\":false}]"

static void defaults(void **state)
{
    struct config *c = NULL;
    struct buf errors = BUF_INIT;

    assert_int_equal(load("{" LISTEN "}", &c, &errors), 0);
    assert_int_equal(c->listen_count, 1);
    assert_int_equal(c->listen[0].port, 8080);
    assert_false(c->listen[0].tls);
    assert_int_equal(c->limits.header_bytes, 16384);
    assert_int_equal(c->limits.header_fields, 100);
    assert_int_equal(c->limits.url_bytes, 8192);
    assert_int_equal(c->limits.body_bytes, 1048576);
    assert_int_equal(c->limits.header_ms, 10000);
    assert_int_equal(c->limits.body_ms, 60000);
    assert_int_equal(c->limits.keepalive_ms, 75000);
    assert_int_equal(c->plugins_development, 0);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_true(c->workers >= 1 && c->workers <= 8);
    assert_null(c->admin.address);
    assert_string_equal(c->state_dir, "/var/lib/juxin");
    assert_string_equal(c->plugins_trust, "/var/lib/juxin/trust.json");
    assert_non_null(strstr(c->migrations, "/share/juxin/migrations"));
    config_free(c);
    buf_done(&errors);
}

static void values(void **state)
{
    struct config *c = NULL;
    struct buf errors = BUF_INIT;

    assert_int_equal(
        load("{\"listen\":[{\"address\":\"::1\",\"port\":8443}],\"tls\":{\"certificate\":\"/c\",\"key\":\"/"
             "k\"},"
             "\"plugins\":{\"mode\":\"development\"},\"log\":{\"level\":\"warn\",\"access\":true},"
             "\"database\":{\"app\":\"host=/run\",\"queue\":7},\"admin_listen\":{\"address\":\"127.0.0.1\"}}",
            &c, &errors),
        0);
    assert_true(c->listen[0].tls);
    assert_string_equal(c->tls_key, "/k");
    assert_int_equal(c->plugins_development, 1);
    assert_int_equal(c->log_level, LOG_WARN);
    assert_true(c->access_log);
    assert_string_equal(c->database.app, "host=/run");
    assert_int_equal(c->database.queue, 7);
    assert_int_equal(c->admin.port, 8081);
    config_free(c);
    buf_done(&errors);
}

static void faults(void **state)
{
    refuses("[]", "/: expected an object");
    refuses("{}", "/listen: required");
    refuses("{" LISTEN ",\"wokers\":1}", "/wokers: unknown key; accepted here: state_dir");
    refuses(
        "{" LISTEN ",\"limits\":{\"header\":1}}", "/limits/header: unknown key; accepted here: header_bytes");
    refuses("{" LISTEN ",\"workers\":0}", "/workers: expected a whole number from 1 to 64");
    refuses("{" LISTEN ",\"workers\":\"2\"}", "/workers: expected a whole number");
    refuses("{" LISTEN ",\"limits\":3}", "/limits: expected an object");
    refuses("{" LISTEN ",\"plugins\":{\"mode\":\"debug\"}}",
        "/plugins/mode: expected one of production|development");
    refuses("{" LISTEN ",\"state_dir\":\"run\"}", "/state_dir: expected an absolute path");
    refuses("{" LISTEN ",\"log\":{\"access\":1}}", "/log/access: expected true or false");
    refuses("{" LISTEN ",\"admin_listen\":{\"address\":\"0.0.0.0\"}}",
        "/admin_listen/address: expected a loopback");
    refuses("{" LISTEN ",\"database\":{\"app\":\"\"}}", "/database/app: expected a text");
    refuses("{\"listen\":[{\"address\":\"localhost\",\"port\":1}]}",
        "/listen/0/address: expected a numeric address");
    refuses("{\"listen\":[{\"address\":\"::1\",\"port\":70000}]}", "/listen/0/port: expected a whole number");
    refuses("{\"listen\":[{\"address\":\"::1\",\"port\":1,\"ssl\":1}]}", "/listen/0/ssl: unknown key");
    refuses("{\"listen\":[{\"address\":\"::1\",\"port\":1}]}", "/tls: required");
    refuses("{\"listen\":[{\"port\":1}]}", "/listen/0: address and port are required");
    refuses("{\"listen\":[]}", "/listen: expected a list of 1 to 16");
    refuses("{" LISTEN ",\"workers\":1,\"workers\":2}", "a key occurs twice");
    refuses("{" LISTEN ",}", "not well-formed JSON");
}

static void absent(void **state)
{
    struct config *c = NULL;
    struct buf errors = BUF_INIT;

    assert_int_equal(config_load("/nonexistent/juxin.json", &c, &errors), -ENOENT);
    assert_non_null(strstr(buf_str(&errors), "/nonexistent/juxin.json: No such file"));
    buf_done(&errors);
}

/* schemas/config.schema.json and the table of keys name the same keys. */
static void schema_agrees(void **state)
{
    struct json_fault why;
    json_t *schema;
    size_t known = 0, described = 0;
    const char *name;
    json_t *section;

    assert_int_equal(json_read_file(SOURCE_ROOT "/schemas/config.schema.json", 1 << 20, &schema, &why), 0);
    for (; config_key(known); known++) {
        struct text rest = text_skip(text_of(config_key(known)), 1);
        json_t *at = schema;

        while (rest.ptr && at) {
            struct text part = text_split(&rest, '/');

            at = json_object_getn(json_object_get(at, "properties"), part.ptr, part.len);
        }
        if (!at)
            fail_msg("%s is not in the schema", config_key(known));
    }
    json_object_foreach(json_object_get(schema, "properties"), name, section)
    {
        size_t inner = json_object_size(json_object_get(section, "properties"));

        described += inner ? inner : 1;
    }
    assert_int_equal(described, known + 1); /* and /listen */
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(faults),
        cmocka_unit_test(absent),
        cmocka_unit_test(schema_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
