/* The plugin against a host of our own: behaviour is tested without a server. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "../@NAME@.c"

static const char *title;
static int32_t status;

static struct jx_text text_of(const char *s)
{
    struct jx_text t = {s, s ? strlen(s) : 0};

    return t;
}

static struct jx_text fake_get(const struct jx_record *rec, const char *field)
{
    (void)rec;
    return text_of(strcmp(field, "title") == 0 ? title : NULL);
}

static jx_unit fake_unit(const struct jx_record *rec)
{
    (void)rec;
    return 0;
}

static struct jx_text fake_setting(struct jx_call *call, jx_unit unit, const char *key)
{
    (void)call;
    (void)unit;
    return text_of(strcmp(key, "title_max") == 0 ? "10" : NULL);
}

static void fake_status(struct jx_call *call, int32_t s)
{
    (void)call;
    status = s;
}

static const struct jx_core_api core = {.size = sizeof(core), .setting = fake_setting};
static const struct jx_record_api record = {.size = sizeof(record), .get = fake_get, .unit = fake_unit};
static const struct jx_http_api http = {.size = sizeof(http), .veto_status = fake_status};
static const struct jx_host fake = {.size = sizeof(fake),
    .abi_major = JX_ABI_MAJOR,
    .abi_minor = JX_ABI_MINOR,
    .core = &core,
    .record = &record,
    .http = &http};

static uint32_t verdict_on(const char *a_title)
{
    struct jx_record *one[1] = {NULL};
    struct jx_result result = {.size = sizeof(result)};

    title = a_title;
    short_title(NULL, one, 1, &result);
    return result.verdict;
}

int main(void)
{
    const struct jx_plugin *p = jx_plugin_entry(&fake);

    assert(p && p->filter_count == 2 && p->route_count == 1);
    assert(verdict_on("short") == JX_OK);
    assert(verdict_on("much too long a title") == JX_VETO && status == 422);
    puts("@NAME@: ok");
    return 0;
}
