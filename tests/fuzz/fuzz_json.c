/* Fuzz target: the JSON wrapper, and the files of the server's own that are read through it: configuration, trusted and
 * quarantined objects, key ring, calendar. The first byte says which. Whatever is in such a file, what is written into it
 * holds afterwards, and nothing that was in force before is lost. */
#include "fuzz.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/jsonpos.h"
#include "base/jsonw.h"
#include "db/keyring.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/trust.h"
#include "tenant/calendar.h"

static char directory[] = "/tmp/juxin-fuzz.XXXXXX", file[64];

static void remove_directory(void)
{
    char lock[80];

    snprintf(lock, sizeof(lock), "%s.lock", file); /* of what changes the lists */
    unlink(lock);
    unlink(file);
    rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    if (access("/dev/shm", W_OK) == 0)
        memcpy(directory, "/dev/shm/fuzz.XXXXXX", sizeof("/dev/shm/fuzz.XXXXXX"));
    HOLDS(mkdtemp(directory));
    snprintf(file, sizeof(file), "%s/file.json", directory);
    atexit(remove_directory);
    return 0;
}

static void write_file(struct text in)
{
    FILE *f = fopen(file, "w");

    HOLDS(f && fchmod(fileno(f), 0600) == 0);
    HOLDS(fwrite(in.ptr, 1, in.len, f) == in.len && fclose(f) == 0);
}

/* ---- the wrapper ---- */

static uint32_t depth_of(const json_t *v)
{
    uint32_t deepest = 0;
    const char *key;
    json_t *m;
    size_t i;

    if (!json_is_object(v) && !json_is_array(v))
        return 0;
    json_array_foreach(v, i, m)
    {
        uint32_t depth = depth_of(m);

        deepest = MAX(deepest, depth);
    }
    json_object_foreach((json_t *)v, key, m)
    {
        uint32_t depth = depth_of(m);

        deepest = MAX(deepest, depth);
    }
    return deepest + 1;
}

static uint64_t values_of(const json_t *v)
{
    uint64_t n = 1;
    const char *key;
    json_t *m;
    size_t i;

    json_array_foreach(v, i, m) n += values_of(m);
    json_object_foreach((json_t *)v, key, m) n += 1 + values_of(m);
    return n;
}

static bool is_plain(const char *key)
{
    for (; *key; key++)
        if (*key == '"' || *key == '\\' || (unsigned char)*key < 0x20)
            return false;
    return true;
}

/* In a compact text, where a pointer leads there stands that member's key, or that element. */
static void check_position(struct text text, const char *pointer, const char *key, const json_t *value)
{
    struct buf expected = BUF_INIT;
    struct jsonw w;
    uint32_t line, column;

    jsonw_init(&w, &expected);
    if (key)
        jsonw_key(&w, key);
    jsonw_value(&w, value);
    json_position(text, pointer, &line, &column);
    HOLDS(line == 1 && column >= 1);
    HOLDS(text_has_prefix(text_skip(text, column - 1), buf_str(&expected)));
    buf_done(&expected);
}

static void check_positions(
    struct arena *a, struct text text, const char *pointer, const json_t *v, int *left)
{
    const char *key;
    json_t *m;
    size_t i;

    json_array_foreach(v, i, m)
    {
        const char *here = arena_printf(a, "%s/%zu", pointer, i);

        if (--*left < 0)
            return;
        check_position(text, here, NULL, m);
        check_positions(a, text, here, m, left);
    }
    json_object_foreach((json_t *)v, key, m)
    {
        struct buf here = BUF_INIT;

        if (--*left < 0)
            return;
        buf_addf(&here, "%s/", pointer);
        for (const char *p = key; *p; p++)
            buf_add_text(&here, *p == '~' ? TEXT("~0") : *p == '/' ? TEXT("~1") : (struct text){p, 1});
        /* an empty key is the last part of a pointer that ends in '/': that is the object itself */
        if (*key && is_plain(key)) {
            check_position(text, buf_str(&here), key, m);
            check_positions(a, text, buf_str(&here), m, left);
        }
        buf_done(&here);
    }
}

static void wrapper(struct arena *a, struct text in, struct json_limits limits)
{
    struct json_fault fault = {0};
    struct buf out = BUF_INIT;
    struct jsonw w;
    json_t *value, *again;
    int left = 200, r = json_parse(in, limits, &value, &fault);

    if (r < 0) {
        HOLDS(fault.message && fault.offset <= in.len && fault.line >= 1 && fault.column >= 1);
        HOLDS(r == -EINVAL || r == -E2BIG || r == -EDOM);
        return;
    }
    HOLDS(depth_of(value) <= limits.depth && values_of(value) <= limits.tokens);
    jsonw_init(&w, &out);
    jsonw_value(&w, value);
    HOLDS(json_parse(buf_text(&out), limits, &again, &fault) == 0);
    HOLDS(json_equal(value, again));
    check_positions(a, buf_text(&out), "", value, &left);
    json_decref(again);
    json_decref(value);
    buf_done(&out);
}

/* A pointer of any form leads somewhere into the text. */
static void pointer_into(struct arena *a, struct text in)
{
    struct text rest = in, pointer = text_split(&rest, '\n');
    uint32_t line, column, lines = 1;

    json_position(rest.ptr ? rest : TEXT(""), arena_ndup(a, pointer.ptr, pointer.len), &line, &column);
    for (size_t i = 0; i < rest.len; i++)
        lines += rest.ptr[i] == '\n';
    HOLDS(line >= 1 && line <= lines && column >= 1 && column <= rest.len + 1);
}

/* ---- files ---- */

static void config(struct text in)
{
    struct config *c = NULL;
    struct buf errors = BUF_INIT;

    write_file(in);
    if (config_load(file, &c, &errors) == 0) {
        HOLDS(errors.len == 0 && c->listen_count >= 1 && c->listen_count <= CONFIG_LISTEN_MAX);
        for (uint32_t i = 0; i < c->listen_count; i++)
            HOLDS(c->listen[i].address && c->listen[i].port >= 1 && c->listen[i].port <= 65535 &&
                  (!c->listen[i].tls || (c->tls_certificate && c->tls_key)));
        HOLDS(c->workers >= 1 && c->workers <= CONFIG_WORKERS_MAX);
        HOLDS(c->limits.header_bytes >= 1024 && c->limits.body_bytes <= 1073741824);
        HOLDS(c->limits.connections >= 1 && c->database.fast_depth >= 1);
        HOLDS(c->state_dir[0] == '/' && c->plugins_directory && c->plugins_trust && c->migrations);
        HOLDS(!c->user || c->user[0]);
        config_free(c);
    } else {
        HOLDS(errors.len > 0 && !c);
    }
    buf_done(&errors);
}

static void trust(struct text in)
{
    struct sha256 ours = sha256_of(TEXT("ours")), other = sha256_of(in);
    int before, r;

    write_file(in);
    before = trust_check(file, &other);
    r = trust_add(file, &ours, "demo", "/opt/demo.so");
    if (before == -EINVAL) {
        HOLDS(r < 0); /* a damaged file is not written over */
        return;
    }
    HOLDS(r == 0 && trust_check(file, &ours) == 0);
    HOLDS(trust_check(file, &other) == before);
    HOLDS(trust_add(file, &ours, "demo", "/opt/demo.so") == 0);
}

static void quarantine(struct text in)
{
    struct sha256 ours = sha256_of(TEXT("ours")), other = sha256_of(in);
    int64_t now = INT64_C(1800000000000000);
    bool is_new, told = false, was;

    write_file(in);
    was = quarantine_has(file, &other);
    if (quarantine_has(file, &ours))
        return; /* not quarantined anew */
    for (int i = 0; i < QUARANTINE_CRASHES; i++) {
        HOLDS(quarantine_note(file, &ours, "demo", "Segmentation fault", now + i, &is_new) == 0);
        told |= is_new; /* by then: the file may hold earlier crashes of it */
    }
    HOLDS(told && quarantine_has(file, &ours));
    HOLDS(quarantine_has(file, &other) == was);
    HOLDS(quarantine_lift(file, "demo") == 0);
    HOLDS(!quarantine_has(file, &ours));
}

#define IDS_MAX 16

static void keyring(struct arena *a, struct text in)
{
    struct keyring *k, *after;
    struct sha256 macs[IDS_MAX], mac;
    const char *ids[IDS_MAX];
    size_t count = 0;
    json_t *root, *keys;
    const char *id;

    write_file(in);
    if (keyring_load(file, false, &k) < 0)
        return;
    HOLDS(json_parse(in, (struct json_limits){32, 20000000}, &root, NULL) == 0);
    keys = json_object_get(root, "keys");
    for (void *at = json_object_iter(keys); at && count < IDS_MAX; at = json_object_iter_next(keys, at)) {
        id = json_object_iter_key(at);
        HOLDS(keyring_mac(k, id, "audit", TEXT("x"), &macs[count]) == 0);
        ids[count++] = arena_dup(a, id);
    }
    json_decref(root);
    HOLDS(keyring_rotate(file) == 0 && keyring_load(file, false, &after) == 0);
    for (size_t i = 0; i < count; i++)
        HOLDS(keyring_mac(after, ids[i], "audit", TEXT("x"), &mac) == 0 &&
              memcmp(&mac, &macs[i], sizeof(mac)) == 0);
    HOLDS(strcmp(keyring_current(after), keyring_current(k)) != 0);
    keyring_free(after);
    keyring_free(k);
}

static void calendar(struct text in)
{
    struct calendar_day *days;
    struct calendar *c;
    char why[200] = "";
    int32_t year;
    size_t count;
    json_t *root;

    if (json_parse(in, JSON_LIMITS, &root, NULL) < 0)
        return;
    if (calendar_parse(root, &year, &days, &count, why) < 0) {
        HOLDS(why[0]);
        json_decref(root);
        return;
    }
    c = calendar_new(days, count);
    for (size_t i = 0; i < count; i++)
        HOLDS(date_year(days[i].day) == year && calendar_is_working(c, days[i].day) == days[i].is_workday);
    for (int32_t n = -30; n <= 30; n += 7) {
        int32_t day = calendar_add(c, days[0].day, n);

        HOLDS(n == 0 || calendar_is_working(c, day));
        HOLDS(n <= 0 || calendar_between(c, days[0].day, day) == n);
    }
    calendar_free(c);
    free(days);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct text in = fuzz_text(a, data, size);

    switch (size ? data[0] % 8 : 0) {
    case 0:
        wrapper(a, in, JSON_LIMITS);
        break;
    case 1:
        wrapper(a, in, (struct json_limits){3, 20});
        break;
    case 2:
        pointer_into(a, in);
        break;
    case 3:
        config(in);
        break;
    case 4:
        trust(in);
        break;
    case 5:
        quarantine(in);
        break;
    case 6:
        keyring(a, in);
        break;
    default:
        calendar(in);
        break;
    }
    arena_free(a);
    return 0;
}
