/* Connection strings: one host at a time, named so that nothing looks names up while the loop waits. */
#include <errno.h>

#include "db/internal.h"

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    return NULL;
}

/* The n-th of a comma-separated list; a list of one stands for all. */
static struct text nth(const char *list, uint32_t n)
{
    struct text rest = text_of(list), item = text_split(&rest, ',');

    if (!rest.ptr)
        return item;
    while (n-- > 0 && rest.ptr)
        item = text_split(&rest, ',');
    return item;
}

static uint32_t list_length(const char *list)
{
    uint32_t n = list ? 1 : 0;

    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

int conninfo_parse(const char *text, PQconninfoOption **ret_options, uint32_t *ret_hosts)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    const char *hosts, *addresses;
    uint32_t count;

    if (!options)
        return -EINVAL;
    hosts = option(options, "host");
    addresses = option(options, "hostaddr");
    count = MAX(list_length(hosts), list_length(addresses));
    for (uint32_t i = 0; i < count; i++) {
        struct text host = nth(hosts, i), address = nth(addresses, i);

        if (address.len == 0 && (host.len == 0 || (host.ptr[0] != '/' && host.ptr[0] != '@'))) {
            PQconninfoFree(options);
            return -EINVAL;
        }
    }
    *ret_options = options;
    *ret_hosts = MAX(count, 1u);
    return 0;
}

static void set(struct conninfo *c, size_t *n, const char *keyword, const char *value)
{
    if (!value || !value[0] || *n + 1 >= CONNINFO_MAX)
        return;
    c->keyword[*n] = keyword;
    c->value[(*n)++] = value;
}

static const char *copy_nth(char *out, size_t size, const char *list, uint32_t n)
{
    struct text item = nth(list, n);

    snprintf(out, size, "%.*s", (int)item.len, item.ptr ? item.ptr : "");
    return out;
}

void conninfo_for(const PQconninfoOption *options, uint32_t host, const char *extra, struct conninfo *ret)
{
    static const char *const ours[] = {"host", "hostaddr", "port", "options", "client_encoding"};
    /* A host that is gone is noticed within half a minute, not after the kernel's two hours. */
    static const char *const patience[][2] = {{"keepalives_idle", "10"}, {"keepalives_interval", "5"},
        {"keepalives_count", "3"}, {"tcp_user_timeout", "25000"}};
    const char *user_options = option(options, "options");
    size_t n = 0;

    snprintf(ret->options, sizeof(ret->options), "%s %s", user_options ? user_options : "", extra);
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        bool is_ours = false;

        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
            is_ours |= strcmp(o->keyword, ours[i]) == 0;
        if (!is_ours)
            set(ret, &n, o->keyword, o->val);
    }
    set(ret, &n, "host", copy_nth(ret->host, sizeof(ret->host), option(options, "host"), host));
    set(ret, &n, "hostaddr",
        copy_nth(ret->hostaddr, sizeof(ret->hostaddr), option(options, "hostaddr"), host));
    set(ret, &n, "port", copy_nth(ret->port, sizeof(ret->port), option(options, "port"), host));
    set(ret, &n, "options", ret->options);
    set(ret, &n, "client_encoding", "UTF8");
    set(ret, &n, "fallback_application_name", "juxin");
    for (size_t i = 0; i < ARRAY_LEN(patience); i++)
        if (!option(options, patience[i][0]))
            set(ret, &n, patience[i][0], patience[i][1]);
    ret->keyword[n] = ret->value[n] = NULL;
}

uint32_t conninfo_timeout_ms(const PQconninfoOption *options)
{
    const char *s = option(options, "connect_timeout");
    int64_t seconds;

    return s && text_to_i64(text_of(s), 1, 60, &seconds) == 0 ? (uint32_t)seconds * 1000 : 3000;
}
