/* Messages over channels: numbers, settings that are refused, what is sealed, claims, rates, attempts, what is never sent twice. The
 * gateway is an address where nobody listens: what answers is tested against a real one (tests/integration/test_channels.py). */
#include "works.h"

#include <errno.h>
#include <unistd.h>

#include "access/permission.h"
#include "base/arena.h"
#include "base/json.h"
#include "db/cipher.h"
#include "db/keyring.h"
#include "fetch/fetch.h"
#include "notify/fill.h"
#include "notify/sms.h"

#define GATEWAY                                                                                              \
    "{\"url\":\"http://127.0.0.1:1/"                                                                         \
    "send\",\"json\":{\"to\":\"{to}\",\"p\":\"{params}\",\"key\":\"{secret.key}\"},"                         \
    "\"templates\":{\"code\":{\"id\":\"SMS_1\",\"parameters\":[\"code\"]}},"                                 \
    "\"success\":{\"pointer\":\"/Code\",\"equals\":[\"OK\"]}}"
#define NUMBER "+8613800001234"

static uint64_t manage[PERMISSIONS_MAX / 64];
static struct works_person boss;
static struct uuid gateway;

static const char *sql(const char *format, ...)
{
    char text[900];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return support_sql(text);
}

static json_t *json(const char *text)
{
    json_t *v = NULL;

    assert_int_equal(json_parse(text_of(text), JSON_LIMITS, &v, NULL), 0);
    return v;
}

/* ---- pure ---- */

static void test_numbers(void **state)
{
    static const struct {
        const char *in, *normal, *masked;
    } cases[] = {{"13800001234", NUMBER, "138****1234"}, {"+86 138-0000-1234", NUMBER, "138****1234"},
        {"8613800001234", NUMBER, "138****1234"}, {"+85261234567", "+85261234567", "+85****67"},
        {"12800001234", NULL, NULL}, {"1380000123", NULL, NULL}, {"138000012345", NULL, NULL},
        {"", NULL, NULL}, {"+", NULL, NULL}, {"+8612345678901", NULL, NULL}, {"61234567", NULL, NULL},
        {"1380000123x", NULL, NULL}, {"+138000\r\n01234", NULL, NULL}, {"１３８00001234", NULL, NULL},
        {"+1234567890123456", NULL, NULL}};
    struct arena *a = arena_new();
    const char *number;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(sms_number(a, cases[i].in, &number), cases[i].normal ? 0 : -EINVAL);
        if (!cases[i].normal)
            continue;
        assert_string_equal(number, cases[i].normal);
        assert_string_equal(sms_mask(a, number), cases[i].masked);
    }
    arena_free(a);
}

static void test_filling(void **state)
{
    json_t *params = json("{\"a\":\"x\\\"},\\\"y\\\":{\\\"\",\"b\":\"1&2=3 %\\r\\n中\"}"),
           *secrets = json("{\"k\":\"s&t\"}");
    json_t *value = json(
        "{\"to\":\"+{to}\",\"p\":\"{params}\",\"o\":\"{params:object}\",\"l\":[\"{params:list}\",{\"n\":5}],"
        "\"a\":\"<{param.a}>\",\"brace\":\"{{x}\"}");
    struct filling f = {
        .to = "1", .template = "T", .id = "I", .now_us = 1500000, .params = params, .secrets = secrets};
    CLEANUP(buf_done) struct buf b = BUF_INIT;
    json_t *filled = NULL, *inner;

    (void)state;
    assert_int_equal(fill_json(&f, value, &filled), 0);
    assert_string_equal(json_str(filled, "to"), "+1");
    assert_string_equal(json_str(filled, "a"), "<x\"},\"y\":{\">");
    assert_string_equal(json_str(filled, "brace"), "{x}");
    assert_true(json_equal(json_object_get(filled, "o"), params));
    assert_string_equal(json_string_value(json_at(filled, "/l/0/1")), "1&2=3 %\r\n中");
    assert_int_equal(json_integer_value(json_at(filled, "/l/1/n")), 5);
    inner = json(json_str(filled, "p"));
    assert_true(json_equal(inner, params));
    json_decref(inner);
    json_decref(filled);
    json_decref(value);
    value =
        json("{\"k\":\"{secret.k}\",\"b\":\"{param.b}\",\"t\":\"{timestamp}.{timestamp_ms}{template}{id}\"}");
    assert_int_equal(fill_form(&f, value, &b), 0);
    assert_string_equal(buf_str(&b), "k=s%26t&b=1%262%3D3%20%25%0D%0A%E4%B8%AD&t=1.1500TI");
    json_decref(value);
    for (size_t i = 0; i < 5; i++) {
        static const char *const bad[] = {"{", "{nothing}", "{secret.x}", "{param.x}", "{secret.}"};

        assert_int_equal(fill_text(&f, bad[i], &b), -EINVAL);
    }
    assert_null(json_at(params, "/a/b"));
    assert_null(json_at(params, "a"));
    json_decref(params);
    json_decref(secrets);
}

/* ---- channels ---- */

static int make(
    const char *kind, const char *config, const char *secrets, struct uuid *ret_id, const char **ret_pointer)
{
    static char pointer[100];
    struct call *c = works_call(&boss);
    json_t *settings = json(config), *own = json(secrets);
    struct channel_input in = {
        .name = "网关", .kind = kind, .config = settings, .secrets = own, .unit = TREE_NONE};
    int r = channel_create(c, &in, ret_id), status;

    if (r == 0)
        r = call_commit(c);
    status = r == 0 ? 0 : c->fault.status;
    snprintf(pointer, sizeof(pointer), "%s", c->fault.errors ? c->fault.errors->pointer : "");
    *ret_pointer = pointer;
    json_decref(settings);
    json_decref(own);
    works_call_end(c);
    return status;
}

static void turn_on(struct uuid id)
{
    struct call *c = works_call(&boss);
    struct channel_input in = {.unit = TREE_NONE, .has_active = true, .is_active = true};
    int64_t version;

    assert_int_equal(channel_update(c, id, 1, &in, &version), 0);
    assert_int_equal(call_commit(c), 0);
    works_call_end(c);
}

static void body_settings(void)
{
    static const struct {
        const char *config, *secrets, *pointer;
    } bad[] = {{"{}", "{}", "/config/url"}, {GATEWAY, "{}", "/config/json"},
        {GATEWAY, "{\"key\":1}", "/secrets/key"},
        {"{\"url\":\"http://10.0.0.1/\",\"templates\":{},\"success\":{\"pointer\":\"/"
         "a\",\"equals\":[\"1\"]}}",
            "{}", "/config/url"},
        {"{\"url\":\"http://127.0.0.1/\",\"templates\":{\"x\":{}},\"success\":{\"pointer\":\"/"
         "a\",\"equals\":[\"1\"]}}",
            "{}", "/config/templates/x"},
        {"{\"url\":\"http://127.0.0.1/"
         "\",\"templates\":{},\"success\":{\"pointer\":\"a\",\"equals\":[\"1\"]}}",
            "{}", "/config/success"},
        {"{\"url\":\"http://127.0.0.1/\",\"templates\":{},\"nonsense\":1,\"success\":{\"pointer\":\"/"
         "a\",\"equals\":[\"1\"]}}",
            "{}", "/config/nonsense"},
        {"{\"url\":\"http://127.0.0.1/"
         "\",\"templates\":{},\"headers\":{\"A\":\"{nothing}\"},\"success\":{\"pointer\":\"/a\","
         "\"equals\":[\"1\"]}}",
            "{}", "/config/headers"}};
    const char *pointer;
    struct uuid id, second;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(make("sms", bad[i].config, bad[i].secrets, &id, &pointer), 422);
        assert_string_equal(pointer, bad[i].pointer);
    }
    assert_int_equal(make("pigeon", GATEWAY, "{}", &id, &pointer), 422);
    assert_int_equal(make("sms", GATEWAY, "{\"key\":\"geheim\"}", &id, &pointer), 0);
    assert_int_equal(make("sms", GATEWAY, "{\"key\":\"geheim\"}", &second, &pointer), 0);
    turn_on(id);
    turn_on(second); /* instead of the first */
    gateway = second;
    assert_string_equal(sql("SELECT string_agg(state, ',' ORDER BY id) FROM juxin.channel"), "off,on");
    assert_string_equal(
        sql("SELECT count(*) FROM juxin.channel WHERE row_to_json(channel)::text LIKE '%%geheim%%'"), "0");
}

/* ---- messages ---- */

static int add(const char *what, bool is_kept, struct uuid *ret_id)
{
    struct call *c = works_call(&boss);
    struct sms m = {.number = NUMBER, .what = what, .params = "{\"code\":\"424242\"}"};
    int r = call_begin(c), status;

    if (r == 0)
        r = sms_add(c, &m, ret_id);
    if (r == 0 && is_kept)
        r = call_commit(c);
    status = r == 0 ? 0 : c->fault.status;
    works_call_end(c);
    return status;
}

static const char *row(const char *columns, struct uuid id)
{
    return sql("SELECT concat_ws(' ', %s) FROM juxin.message WHERE id = '%s'", columns, uuid_format(id).s);
}

static bool carry(struct uuid id, bool is_now, struct outcome *ret, int64_t *ret_wait_s)
{
    struct call *c = works_call(&boss);
    bool is_sent;

    assert_int_equal(message_carry(c, id, is_now, ret, &is_sent, ret_wait_s), 0);
    works_call_end(c);
    return is_sent;
}

static void body_sealed(void)
{
    struct outcome o;
    int64_t wait;
    struct uuid id;

    assert_int_equal(add("unknown", true, &id), 503);
    assert_int_equal(add("code", false, &id), 0); /* its unit of work is undone */
    assert_string_equal(sql("SELECT count(*) FROM juxin.message"), "0");
    assert_int_equal(add("code", true, &id), 0);
    assert_string_equal(row("state, masked", id), "waiting 138****1234");
    assert_string_equal(
        sql("SELECT count(*) FROM juxin.message m WHERE row_to_json(m)::text ~ '13800001234|424242'"), "0");
    assert_string_equal(
        sql("SELECT count(*) FROM juxin.message m WHERE row_to_json(m)::text ~ 'A256GCM'"), "1");
    /* Nobody listens there: it was certainly not taken, and is tried again, not before its time. */
    assert_true(carry(id, false, &o, &wait));
    assert_int_equal(o.fate, FATE_LATER);
    assert_string_equal(o.reason, "unreachable");
    assert_string_equal(row("state, reason, attempts", id), "waiting unreachable 1");
    assert_false(carry(id, false, &o, &wait));
    for (int i = 2; i <= 7; i++) {
        sql("UPDATE juxin.message SET next_at = now()");
        assert_true(carry(id, false, &o, &wait));
    }
    assert_string_equal(row("state, attempts, address, content", id), "dead 7");
    assert_string_equal(sql("SELECT failing_since IS NOT NULL FROM juxin.channel WHERE state = 'on'"), "t");
}

/* Somebody was killed between claim and outcome; somebody else moved the row; it is too late. */
static void body_once(void)
{
    struct outcome o;
    int64_t wait;
    struct uuid id, late;

    assert_int_equal(add("code", true, &id), 0);
    assert_int_equal(add("code", true, &late), 0);
    sql("UPDATE juxin.message SET state = 'sending', attempts = 1, next_at = now() - interval '1 s' WHERE id "
        "= '%s'",
        uuid_format(id).s);
    sql("UPDATE juxin.message SET until_at = now() - interval '1 s' WHERE id = '%s'", uuid_format(late).s);
    assert_false(carry(id, false, &o, &wait));
    assert_false(carry(late, false, &o, &wait));
    assert_int_equal(message_clear(works.db, 1), 0);
    assert_string_equal(row("state, reason, address", id), "unknown interrupted");
    assert_string_equal(row("state, reason, address", late), "dead expired");
    assert_false(carry(id, true, &o, &wait));
    /* Sealed by a key that is not there any more, or moved from another message. */
    assert_int_equal(add("code", true, &id), 0);
    assert_int_equal(add("code", true, &late), 0);
    sql("UPDATE juxin.message SET address = (SELECT n.address FROM juxin.message n WHERE n.id = '%s') WHERE "
        "id = '%s'",
        uuid_format(late).s, uuid_format(id).s);
    assert_false(carry(id, false, &o, &wait));
    assert_string_equal(row("state, reason", id), "dead not_readable");
    sql("DELETE FROM juxin.message");
}

static void body_rates(void)
{
    struct outcome o;
    int64_t wait;
    struct uuid id;

    sql("DELETE FROM juxin.channel_bucket");
    sql("UPDATE juxin.channel SET receiver_per_hour = 2 WHERE state = 'on'");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(add("code", true, &id), 0);
        assert_true(carry(id, false, &o, &wait));
    }
    assert_int_equal(add("code", true, &id), 0);
    assert_false(carry(id, false, &o, &wait));
    assert_int_equal(wait, 1801);
    assert_string_equal(
        row("state, reason, attempts, next_at > now() + interval '29 min'", id), "waiting rate 0 t");
    /* A wait beyond its use: dead, never sent late. */
    sql("UPDATE juxin.channel_bucket SET at = at - interval '30 min' WHERE key <> ''");
    sql("UPDATE juxin.message SET next_at = now() WHERE id = '%s'", uuid_format(id).s);
    assert_true(carry(id, false, &o, &wait));
    sql("UPDATE juxin.channel SET rate_per_minute = 1, receiver_per_hour = 1000 WHERE state = 'on'");
    sql("DELETE FROM juxin.channel_bucket");
    assert_int_equal(add("code", true, &id), 0);
    assert_true(carry(id, false, &o, &wait));
    assert_int_equal(add("code", true, &id), 0);
    assert_false(carry(id, false, &o, &wait)); /* the whole channel waits, the message has not been touched */
    assert_string_equal(row("state, attempts, next_at <= now()", id), "waiting 0 t");
    assert_string_equal(
        sql("SELECT blocked_until > now() + interval '50 s' FROM juxin.channel WHERE state = 'on'"), "t");
    assert_false(carry(id, true, &o, &wait)); /* nor now, and then it is done with */
    assert_string_equal(row("state, reason", id), "dead rate");
}

/* ---- around ---- */

static void run(void **state)
{
    works_run((void (*)(void))(uintptr_t)*state);
}

static void with_fetch(void (*body)(void))
{
    struct fetch_config config = {.allow = "127.0.0.1", .side_by_side = 4};
    uint32_t at = permission_find(TEXT("core.channel.manage"));

    manage[at / 64] |= UINT64_C(1) << (at % 64);
    boss = works_person("k", REACH_SUBTREE, manage, UNIT("a1"));
    assert_int_equal(fetch_init(&config), 0);
    body();
    fetch_done();
}

#define BODY(name)                                                                                           \
    static void with_##name(void)                                                                            \
    {                                                                                                        \
        with_fetch(name);                                                                                    \
    }
BODY(body_settings)
BODY(body_sealed)
BODY(body_once)
BODY(body_rates)

static void test_setup(void **state)
{
    static struct keyring *keys;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/%s.channel.keys", support_database());
    assert_int_equal(keyring_load(path, true, &keys), 0);
    unlink(path);
    cipher_set_keys(keys);
    message_set_keys(keys);
    works_set_up();
}

#define TEST(name)                                                                                           \
    {                                                                                                        \
#name, run, NULL, NULL, (void *)(uintptr_t)(with_##name)                                             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_filling),
        cmocka_unit_test(test_setup),
        TEST(body_settings),
        TEST(body_sealed),
        TEST(body_once),
        TEST(body_rates),
    };

    return support_main(tests, ARRAY_LEN(tests), NULL);
}
