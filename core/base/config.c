/* The configuration: a table of keys, and a walk over the file that uses it. */
#include "base/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_MAX (1024 * 1024)

enum kind { KIND_TEXT, KIND_PATH, KIND_ADDRESS, KIND_INT, KIND_BOOL, KIND_CHOICE };

struct key {
    const char *pointer;
    enum kind kind;
    size_t offset;
    int64_t fallback, min, max;
    const char *choices; /* "a|b": the value is the position; for texts: the default */
};

#define AT(member) offsetof(struct config, member)
#define INT(pointer, member, fallback, min, max)                                                             \
    {                                                                                                        \
        pointer, KIND_INT, AT(member), fallback, min, max, NULL                                              \
    }
#define LIMIT(name, fallback, min, max) INT("/limits/" #name, limits.name, fallback, min, max)
#define DATABASE(name, fallback, min, max) INT("/database/" #name, database.name, fallback, min, max)

static const struct key keys[] = {
    {"/state_dir", KIND_PATH, AT(state_dir), 0, 0, 0, "/var/lib/juxin"},
    {"/install_dir", KIND_PATH, AT(install_dir), 0, 0, 0, NULL},
    {"/admin_listen/address", KIND_ADDRESS, AT(admin.address), 0, 0, 0, NULL},
    INT("/admin_listen/port", admin.port, 8081, 1, 65535),
    {"/tls/certificate", KIND_PATH, AT(tls_certificate), 0, 0, 0, NULL},
    {"/tls/key", KIND_PATH, AT(tls_key), 0, 0, 0, NULL},
    INT("/workers", workers, 0, 1, CONFIG_WORKERS_MAX),
    {"/user", KIND_TEXT, AT(user), 0, 0, 0, NULL},
    {"/database/app", KIND_TEXT, AT(database.app), 0, 0, 0, NULL},
    {"/database/owner", KIND_TEXT, AT(database.owner), 0, 0, 0, NULL},
    {"/database/dispatch", KIND_TEXT, AT(database.dispatch), 0, 0, 0, NULL},
    {"/database/aggregate", KIND_TEXT, AT(database.aggregate), 0, 0, 0, NULL},
    DATABASE(fast_connections, 2, 1, 64),
    DATABASE(fast_depth, 8, 1, 64),
    DATABASE(slow_connections, 8, 1, 256),
    DATABASE(queue, 256, 1, 65536),
    DATABASE(tenant_queue, 64, 1, 65536),
    DATABASE(fast_timeout_ms, 2000, 10, 600000),
    DATABASE(slow_timeout_ms, 30000, 10, 3600000),
    {"/keys/file", KIND_PATH, AT(keys_file), 0, 0, 0, "/var/lib/juxin/keys.json"},
    {"/plugins/directory", KIND_PATH, AT(plugins_directory), 0, 0, 0, NULL},
    {"/plugins/mode", KIND_CHOICE, AT(plugins_development), 0, 0, 0, "production|development"},
    {"/plugins/trust", KIND_PATH, AT(plugins_trust), 0, 0, 0, NULL},
    {"/migrations", KIND_PATH, AT(migrations), 0, 0, 0, NULL},
    {"/files/directory", KIND_PATH, AT(files_directory), 0, 0, 0, NULL},
    {"/assets", KIND_PATH, AT(assets), 0, 0, 0, NULL},
    {"/trusted_proxy", KIND_ADDRESS, AT(trusted_proxy), 0, 0, 0, NULL},
    {"/outgoing/allow", KIND_TEXT, AT(outgoing.allow), 0, 0, 0, NULL},
    {"/outgoing/ca_file", KIND_PATH, AT(outgoing.ca_file), 0, 0, 0, NULL},
    INT("/outgoing/side_by_side", outgoing.side_by_side, 32, 1, 1000),
    LIMIT(header_bytes, 16384, 1024, 1048576),
    LIMIT(header_fields, 100, 8, 1000),
    LIMIT(url_bytes, 8192, 256, 65536),
    LIMIT(body_bytes, 1048576, 1024, 1073741824),
    LIMIT(header_ms, 10000, 10, 600000),
    LIMIT(body_ms, 60000, 10, 3600000),
    LIMIT(write_ms, 60000, 10, 3600000),
    LIMIT(keepalive_ms, 75000, 10, 3600000),
    LIMIT(request_ms, 30000, 10, 3600000),
    LIMIT(connections, 12000, 1, 1000000),
    LIMIT(in_flight, 512, 1, 100000),
    LIMIT(buffered_bytes, 134217728, 1048576, 4294967295),
    LIMIT(drain_ms, 30000, 0, 3600000),
    LIMIT(drain_idle_ms, 2000, 0, 3600000),
    LIMIT(hash_threads, 1, 1, 64),
    LIMIT(hash_waiting, 32, 1, 10000),
    LIMIT(session_idle_ms, 1800000, 100, 86400000),
    LIMIT(session_ms, 43200000, 1000, 2592000000),
    LIMIT(sign_ins_per_minute, 120, 1, 100000),
    LIMIT(worker_memory_bytes, 2147483648, 33554432, 1099511627776),
    LIMIT(jobs, 2, 1, 32),
    LIMIT(upload_bytes, 104857600, 1024, 4294967295),
    LIMIT(uploads, 64, 1, 10000),
    {"/log/level", KIND_CHOICE, AT(log_level), LOG_INFO, 0, 0, "debug|info|warn|error"},
    {"/log/access", KIND_BOOL, AT(access_log), 0, 0, 0, NULL},
};

struct walk {
    struct config *config;
    struct buf *errors;
};

static void PRINTF_LIKE(3, 4) fault(struct walk *w, const char *pointer, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_addf(w->errors, "%s: %s\n", pointer[0] ? pointer : "/", text);
}

/* The names a table of keys knows directly under a prefix, comma-separated. */
static void names_under(const char *prefix, struct buf *out)
{
    size_t len = strlen(prefix);
    struct text last = {NULL, 0};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct text name;

        if (strncmp(keys[i].pointer, prefix, len) != 0 || keys[i].pointer[len] != '/')
            continue;
        name.ptr = keys[i].pointer + len + 1;
        name.len = strcspn(name.ptr, "/");
        if (last.ptr && text_eq(name, last))
            continue;
        buf_addf(out, "%s%.*s", last.ptr ? ", " : "", (int)name.len, name.ptr);
        last = name;
    }
    if (!len)
        buf_adds(out, ", listen");
}

static bool is_section(const char *pointer)
{
    size_t len = strlen(pointer);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strncmp(keys[i].pointer, pointer, len) == 0 && keys[i].pointer[len] == '/')
            return true;
    return false;
}

static const struct key *key_find(const char *pointer)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].pointer, pointer) == 0)
            return &keys[i];
    return NULL;
}

static bool is_address(const char *s)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

static bool is_loopback(const char *s)
{
    return strncmp(s, "127.", 4) == 0 || strcmp(s, "::1") == 0;
}

static void take_choice(struct walk *w, const struct key *k, const json_t *value)
{
    struct text rest = text_of(k->choices);
    const char *s = json_string_value(value);

    for (int64_t n = 0; s && rest.ptr; n++) {
        if (text_is(text_split(&rest, '|'), s)) {
            *(int64_t *)((char *)w->config + k->offset) = n;
            return;
        }
    }
    fault(w, k->pointer, "expected one of %s", k->choices);
}

static void take(struct walk *w, const struct key *k, const json_t *value)
{
    void *at = (char *)w->config + k->offset;
    const char *s = json_string_value(value);

    switch (k->kind) {
    case KIND_INT:
        if (json_is_integer(value) && json_integer_value(value) >= k->min &&
            json_integer_value(value) <= k->max)
            *(int64_t *)at = json_integer_value(value);
        else
            fault(w, k->pointer, "expected a whole number from %lld to %lld", (long long)k->min,
                (long long)k->max);
        return;
    case KIND_BOOL:
        if (json_is_boolean(value))
            *(bool *)at = json_is_true(value);
        else
            fault(w, k->pointer, "expected true or false");
        return;
    case KIND_CHOICE:
        take_choice(w, k, value);
        return;
    case KIND_PATH:
        if (!s || s[0] != '/')
            fault(w, k->pointer, "expected an absolute path");
        break;
    case KIND_ADDRESS:
        if (!s || !is_address(s))
            fault(w, k->pointer, "expected a numeric address such as 127.0.0.1 or ::1");
        break;
    case KIND_TEXT:
        if (!s || !s[0])
            fault(w, k->pointer, "expected a text that is not empty");
        break;
    }
    free(*(char **)at);
    *(char **)at = str_dup(s);
}

static void walk_object(struct walk *w, const char *prefix, const json_t *object);

static void walk_member(struct walk *w, const char *pointer, const char *prefix, const json_t *value)
{
    const struct key *k = key_find(pointer);

    if (k) {
        take(w, k, value);
    } else if (is_section(pointer)) {
        if (json_is_object(value))
            walk_object(w, pointer, value);
        else
            fault(w, pointer, "expected an object");
    } else {
        CLEANUP(buf_done) struct buf names = BUF_INIT;

        names_under(prefix, &names);
        fault(w, pointer, "unknown key; accepted here: %s", buf_str(&names));
    }
}

static void walk_object(struct walk *w, const char *prefix, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        CLEANUP(mem_freep) char *pointer = str_printf("%s/%s", prefix, name);

        if (strcmp(pointer, "/listen") != 0)
            walk_member(w, pointer, prefix, value);
    }
}

static void take_listen_member(struct walk *w, size_t at, const char *name, const json_t *value)
{
    struct config_listen *l = &w->config->listen[at];
    CLEANUP(mem_freep) char *pointer = str_printf("/listen/%zu/%s", at, name);

    if (strcmp(name, "address") == 0) {
        if (!json_is_string(value) || !is_address(json_string_value(value)))
            fault(w, pointer, "expected a numeric address such as 127.0.0.1, 0.0.0.0 or ::");
        free(l->address);
        l->address = str_dup(json_string_value(value));
    } else if (strcmp(name, "port") == 0) {
        if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > 65535)
            fault(w, pointer, "expected a whole number from 1 to 65535");
        l->port = json_integer_value(value);
    } else if (strcmp(name, "tls") == 0) {
        if (!json_is_boolean(value))
            fault(w, pointer, "expected true or false");
        l->tls = json_is_true(value);
    } else {
        fault(w, pointer, "unknown key; accepted here: address, port, tls");
    }
}

static void walk_listen(struct walk *w, const json_t *list)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count < 1 || count > CONFIG_LISTEN_MAX) {
        fault(w, "/listen", "expected a list of 1 to %d objects {\"address\", \"port\", \"tls\"}",
            CONFIG_LISTEN_MAX);
        return;
    }
    w->config->listen_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        CLEANUP(mem_freep) char *pointer = str_printf("/listen/%zu", i);
        const char *name;
        json_t *value;

        w->config->listen[i].tls = true;
        if (!json_is_object(entry)) {
            fault(w, pointer, "expected an object {\"address\", \"port\", \"tls\"}");
            continue;
        }
        json_object_foreach((json_t *)entry, name, value) take_listen_member(w, i, name, value);
        if (!json_object_get(entry, "address") || !json_object_get(entry, "port"))
            fault(w, pointer, "address and port are required");
    }
}

static void check_together(struct walk *w, const json_t *root)
{
    struct config *c = w->config;

    if (!json_object_get(root, "listen"))
        fault(w, "/listen", "required: a list of objects {\"address\", \"port\", \"tls\"}");
    for (uint32_t i = 0; i < c->listen_count; i++) {
        if (c->listen[i].tls && (!c->tls_certificate || !c->tls_key)) {
            fault(w, "/tls", "required: {\"certificate\", \"key\"}, because /listen/%u has TLS", i);
            break;
        }
    }
    if (c->admin.address && !is_loopback(c->admin.address))
        fault(w, "/admin_listen/address",
            "expected a loopback address (127.0.0.0/8 or ::1): health and metrics are "
            "not for the public");
}

static void set_defaults(struct config *c)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        void *at = (char *)c + keys[i].offset;

        if (keys[i].kind == KIND_INT || keys[i].kind == KIND_CHOICE)
            *(int64_t *)at = keys[i].fallback;
        else if (keys[i].kind == KIND_BOOL)
            *(bool *)at = keys[i].fallback != 0;
        else
            *(char **)at = str_dup(keys[i].choices);
    }
    c->workers = MAX(1, MIN(8, sysconf(_SC_NPROCESSORS_ONLN)));
}

/* PREFIX/bin/juxind stands in PREFIX. */
static char *own_prefix(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    for (int i = 0; n > 0 && i < 2; i++)
        while (n > 0 && path[--n] != '/')
            ;
    return n > 0 ? str_ndup(path, (size_t)n) : str_dup("");
}

static void set_places(struct config *c)
{
    if (!c->install_dir)
        c->install_dir = own_prefix();
    if (!c->migrations)
        c->migrations = str_printf("%s/share/juxin/migrations", c->install_dir);
    if (!c->plugins_directory)
        c->plugins_directory = str_printf("%s/lib/juxin/plugins", c->install_dir);
    if (!c->files_directory)
        c->files_directory = str_printf("%s/files", c->state_dir);
    if (!c->plugins_trust)
        c->plugins_trust = str_printf("%s/trust.json", c->state_dir);
}

int config_load(const char *path, struct config **ret, struct buf *errors)
{
    struct config *c;
    struct json_fault why;
    struct walk w;
    json_t *root;
    size_t before = errors->len;
    int r;

    r = json_read_file(path, FILE_MAX, &root, &why);
    if (r < 0) {
        if (r == -EINVAL || r == -E2BIG)
            buf_addf(errors, "%s:%u:%u: %s\n", path, why.line, why.column, why.message);
        else
            buf_addf(errors, "%s: %s\n", path, strerror(-r));
        return r;
    }
    c = mem_zalloc(sizeof(*c));
    w = (struct walk){c, errors};
    set_defaults(c);
    if (json_is_object(root)) {
        c->file = realpath(path, NULL);
        walk_object(&w, "", root);
        if (json_object_get(root, "listen"))
            walk_listen(&w, json_object_get(root, "listen"));
        check_together(&w, root);
        if (errors->len == before)
            set_places(c);
    } else {
        fault(&w, "", "expected an object");
    }
    json_decref(root);
    if (errors->len > before) {
        config_free(c);
        return -EINVAL;
    }
    *ret = c;
    return 0;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].kind == KIND_TEXT || keys[i].kind == KIND_PATH || keys[i].kind == KIND_ADDRESS)
            free(*(char **)((char *)c + keys[i].offset));
    for (uint32_t i = 0; i < CONFIG_LISTEN_MAX; i++)
        free(c->listen[i].address);
    free(c->file);
    free(c);
}

const char *config_key(size_t n)
{
    return n < ARRAY_LEN(keys) ? keys[n].pointer : NULL;
}
