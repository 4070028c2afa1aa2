/* The host after the interface has grown: every sized table of the header this file and plugin/hook/offer.c are compiled
 * with has a member more (tests/abi/abi.py grow). A plugin built with today's header is taken over all the same. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/hook/offer.h"

typedef const struct jx_plugin *entry_fn(const struct jx_host *host);

static const struct plugin owner = {.id = (char *)"every"};

static const struct jx_plugin *load(const char *file)
{
    void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    entry_fn *entry;

    if (!so)
        print_message("%s\n", dlerror());
    assert_non_null(so);
    *(void **)&entry = dlsym(so, "jx_plugin_entry");
    assert_non_null(entry);
    return entry(NULL);
}

static void an_older_plugin_is_taken_over(void **state)
{
    const struct jx_plugin *code = load(FIXTURES "/every.so");
    char why[OFFER_WHY_MAX] = "";

    (void)state;
    assert_true(code->size < sizeof(struct jx_plugin));
    assert_true(code->filter_size < sizeof(struct jx_filter));
    if (offer_take(&owner, code, why) < 0)
        fail_msg("%s", why);
    assert_int_equal(offers()->filter_count, 2);
    assert_string_equal(offers()->filters[0].f.name, "early");
    assert_null(offers()->filters[0].f.appended);
    assert_string_equal(offers()->filters[1].f.name, "late");
    assert_null(offers()->filters[1].f.appended);
    assert_int_equal(offers()->action_count, 1);
    assert_string_equal(offers()->actions[0].a.name, "act");
    assert_null(offers()->actions[0].a.appended);
    assert_int_equal(offers()->provider_count, 1);
    assert_null(offers()->providers[0].p.appended);
    assert_int_equal(offers()->route_count, 1);
    assert_string_equal(offers()->routes[0].r.path, "/route");
    assert_null(offers()->routes[0].r.appended);
    assert_int_equal(offers()->lifecycle_count, 1);
    assert_null(offers()->lifecycle[0].l.appended);
    offers_clear();
}

/* What the plugin knows of it, as the host has it. */
static struct jx_plugin copy_of(const struct jx_plugin *code)
{
    struct jx_plugin copy;

    memset(&copy, 0, sizeof(copy));
    memcpy(&copy, code, code->size);
    return copy;
}

/* What the first version had was never optional. */
static void a_plugin_smaller_than_the_first_version_is_refused(void **state)
{
    struct jx_plugin small = copy_of(load(FIXTURES "/every.so"));
    char why[OFFER_WHY_MAX] = "";

    (void)state;
    small.route_size -= sizeof(void *);
    assert_true(offer_take(&owner, &small, why) < 0);
    assert_non_null(strstr(why, "routes: an element has"));
    small = copy_of(load(FIXTURES "/every.so"));
    small.size = offsetof(struct jx_plugin, lifecycle); /* members of later versions are not missed */
    assert_true(offer_take(&owner, &small, why) < 0);
    assert_non_null(strstr(why, "struct jx_plugin: found"));
    assert_int_equal(offers()->filter_count + offers()->route_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_plugin_is_taken_over),
        cmocka_unit_test(a_plugin_smaller_than_the_first_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
