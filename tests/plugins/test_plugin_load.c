/* The loader against good and broken shared objects: what is loaded, and that each refusal names file, found, expected. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <elf.h>
#include <juxin/plugin.h>

#include "access/permission.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "imports.h"
#include "loop/slot.h"
#include "plugin/hook/hook_list.h"
#include "plugin/hook/offer.h"
#include "plugin/host/frame.h"
#include "plugin/load.h"
#include "plugin/package/quarantine.h"
#include "plugin/package/registry.h"
#include "plugin/package/trust.h"
#include "plugin/start.h"

static struct arena *arena;
static char *root; /* a directory of our own, readable by nobody else */

static int set_up(void **state)
{
    char name[] = "/tmp/juxin-load-XXXXXX";

    (void)state;
    arena = arena_new();
    assert_non_null(mkdtemp(name));
    root = arena_dup(arena, name);
    return 0;
}

static int tear_down(void **state)
{
    const char *command = arena_printf(arena, "rm -rf '%s'", root);

    (void)state;
    offers_clear();
    registry_clear();
    if (system(command) != 0)
        print_message("%s remains\n", root);
    arena_free(arena);
    return 0;
}

static void write_file(const char *path, struct text content)
{
    struct buf b = BUF_INIT;

    buf_add_text(&b, content);
    assert_int_equal(file_replace(path, buf_text(&b), 0644), 0);
    buf_done(&b);
}

/* root/plugins/NAME with a manifest and the fixture's object. */
static const char *install(const char *name)
{
    const char *dir = arena_printf(arena, "%s/plugins/%s", root, name), *manifest;
    struct buf object = BUF_INIT;

    mkdir(arena_printf(arena, "%s/plugins", root), 0755);
    assert_int_equal(mkdir(dir, 0755), 0);
    manifest = arena_printf(arena,
        "{\"id\": \"%s\", \"version\": \"0.1.0\", \"label\": {\"zh-CN\": \"试\", \"en\": \"Test\"}, "
        "\"library\": \"%s.so\"}",
        name, name);
    write_file(arena_printf(arena, "%s/plugin.json", dir), text_of(manifest));
    assert_int_equal(file_read(arena_printf(arena, "%s/%s.so", FIXTURES, name), 64u << 20, &object), 0);
    write_file(arena_printf(arena, "%s/%s.so", dir, name), buf_text(&object));
    buf_done(&object);
    return dir;
}

static const struct plugin_load_config development = {.is_development = true};

static struct plugin *load(const char *name, struct diags *d)
{
    diags_init(d, arena);
    return plugin_load_dir(install(name), &development, d);
}

static void good_objects_are_loaded(void **state)
{
    struct diags d;
    struct plugin *p = load("good", &d);

    (void)state;
    if (d.first)
        print_message("%s\n", diag_text(arena, d.first));
    assert_null(p->policy.unavailable);
    assert_non_null(p->code);
    assert_int_equal(offers()->filter_count, 2);
    assert_string_equal(offers()->filters[0].f.name, "early");
    assert_string_equal(offers()->filters[1].f.name, "late");
    assert_int_equal(registry_add(p), 0);
    /* A second plugin keeps an object, and a name, of its own. */
    p = load("veto", &d);
    assert_null(p->policy.unavailable);
    assert_int_equal(offers()->filter_count, 4);
    assert_string_equal(offers()->filters[0].plugin->id, "good");
    assert_string_equal(offers()->filters[1].plugin->id, "veto");
    assert_string_equal(offers()->filters[2].f.name, "late");
    assert_ptr_not_equal(offers()->filters[0].f.fn, offers()->filters[1].f.fn);
    assert_int_equal(registry_add(p), 0);
}

static void broken_objects_are_named(void **state)
{
    static const struct {
        const char *name, *reason, *detail;
    } cases[] = {
        {"declines", "load_failed", "declines.so: the plugin declined to start"},
        {"magic", "load_failed", "magic.so: the note .note.juxin does not begin with the magic JXPLUGIN"},
        {"major", "abi_mismatch", "major.so: plugin ABI: found 2.0, expected 1.x"},
        {"oldmajor", "abi_mismatch", "oldmajor.so: plugin ABI: found 0.7, expected 1.x"},
        {"minor", "abi_mismatch", "minor.so: plugin ABI: found 1.9, expected at most 1.1"},
        {"entryless", "load_failed", "entryless.so: jx_plugin_entry is not exported"},
        {"noteless", "load_failed", "noteless.so: no note of owner Juxin"},
        {"misnamed", "load_failed", "the note names the plugin \"other\", expected \"misnamed\""},
        {"sleeper", "load_failed", "it imports 1 function(s) that plugins may not use: sleep"},
        {"badpoint", "load_failed", "filter late: found point 99, expected JX_VALIDATE to JX_SERIALISE"},
        {"badsize", "load_failed", "filters: an element has 8 bytes, expected at least"},
        {"badcount", "load_failed", "filters: found 100000 elements"},
        {"badtable", "load_failed", "struct jx_plugin: found 24 bytes, expected at least 88"},
        {"runpath", "load_failed", "it brings a search path for libraries"},
        {"rpath", "load_failed", "it brings a search path for libraries"},
        {"auditor", "load_failed", "it names libraries that are loaded before it"},
        {"auxiliary", "load_failed", "it names libraries that stand in for it"},
        {"needing", "load_failed", "it needs a library by path"},
        {"unresolved", "load_failed", "there_is_no_such_function"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diags d;
        struct plugin *p = load(cases[i].name, &d);

        assert_non_null(p->policy.unavailable);
        if (!strstr(p->unavailable_detail, cases[i].detail))
            print_message("found: %s\n", p->unavailable_detail);
        assert_string_equal(p->policy.unavailable, cases[i].reason);
        assert_non_null(strstr(p->unavailable_detail, cases[i].detail));
        assert_int_equal(d.count, 1);
        assert_null(p->code);
        plugin_free(p);
    }
    assert_int_equal(offers()->filter_count, 0);
}

/* The good object with `len` bytes written at `at`, cut to `size` where that is not 0. */
static struct plugin *load_damaged(size_t at, const void *bytes, size_t len, size_t size, struct diags *d)
{
    const char *dir = install("good"), *so = arena_printf(arena, "%s/good.so", dir);
    struct buf object = BUF_INIT;
    struct plugin *p;

    assert_int_equal(file_read(so, 64u << 20, &object), 0);
    assert_true(at + len <= object.len && size <= object.len);
    if (len > 0)
        memcpy(object.data + at, bytes, len);
    write_file(so, (struct text){object.data, size ? size : object.len});
    buf_done(&object);
    diags_init(d, arena);
    p = plugin_load_dir(dir, &development, d);
    assert_int_equal(unlink(so), 0);
    assert_int_equal(unlink(arena_printf(arena, "%s/plugin.json", dir)), 0);
    assert_int_equal(rmdir(dir), 0);
    return p;
}

static void assert_refused(struct plugin *p, const char *detail)
{
    assert_non_null(p->policy.unavailable);
    if (!strstr(p->unavailable_detail, detail))
        print_message("found: %s\nexpected: %s\n", p->unavailable_detail, detail);
    assert_non_null(strstr(p->unavailable_detail, detail));
    assert_null(p->code);
    assert_int_equal(offers()->filter_count, 0);
    plugin_free(p);
}

/* Where the note and a segment stand in the good object. */
static size_t find_bytes(const char *what, size_t len)
{
    struct buf object = BUF_INIT;
    const char *found;
    size_t at;

    assert_int_equal(file_read(FIXTURES "/good.so", 64u << 20, &object), 0);
    found = memmem(object.data, object.len, what, len);
    assert_non_null(found);
    at = (size_t)(found - object.data);
    buf_done(&object);
    return at;
}

static size_t load_segment(void)
{
    struct buf object = BUF_INIT;
    Elf64_Ehdr h;
    size_t at = 0;

    assert_int_equal(file_read(FIXTURES "/good.so", 64u << 20, &object), 0);
    memcpy(&h, object.data, sizeof(h));
    for (size_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, object.data + h.e_phoff + i * sizeof(p), sizeof(p));
        if (p.p_type == PT_LOAD && p.p_flags & PF_W)
            at = h.e_phoff + i * sizeof(p);
    }
    buf_done(&object);
    assert_true(at > 0);
    return at;
}

static void damaged_objects_are_named(void **state)
{
    static const uint8_t small[4] = {8, 0, 0, 0}, none[16] = {0}, far[8] = {0, 0, 0, 16};
    const size_t magic = find_bytes(JX_NOTE_MAGIC, 8), note = magic - offsetof(struct jx_note, magic);
    const size_t segment = load_segment();
    const struct {
        size_t at, len;
        const void *bytes;
        const char *detail;
    } cases[] = {
        {0, 16, none, "good.so: not an ELF file"},
        {EI_CLASS, 1, (uint8_t[]){ELFCLASS32}, "good.so: not a 64-bit object"},
        {EI_DATA, 1, (uint8_t[]){ELFDATA2MSB}, "good.so: not little-endian"},
        {offsetof(Elf64_Ehdr, e_machine), 2, (uint8_t[]){EM_S390, 0}, "good.so: built for another processor"},
        {offsetof(Elf64_Ehdr, e_type), 2, (uint8_t[]){ET_EXEC, 0}, "good.so: not a shared object"},
        {magic, 8, "JXPLUGIM", "does not begin with the magic"},
        {note + offsetof(struct jx_note, descriptor_size), 4, small, "the note"},
        {note + offsetof(struct jx_note, size), 4, small, "the note says it has 8 bytes, expected 112"},
        {note + offsetof(struct jx_note, type), 4, small, "no note of owner Juxin"},
        {note + offsetof(struct jx_note, version), 5, "9.9.9",
            "the note says version 9.9.9, plugin.json says 0.1.0"},
        {segment + offsetof(Elf64_Phdr, p_filesz), 8, far, "is cut"},
        {segment + offsetof(Elf64_Phdr, p_offset), 8, far, "is cut"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diags d;

        assert_refused(load_damaged(cases[i].at, cases[i].bytes, cases[i].len, 0, &d), cases[i].detail);
    }
}

/* However short: what is not whole is never mapped. */
static void cut_objects_are_refused(void **state)
{
    struct buf object = BUF_INIT;
    size_t last, cuts = 0;

    (void)state;
    assert_int_equal(file_read(FIXTURES "/good.so", 64u << 20, &object), 0);
    last = object.len - 1;
    buf_done(&object);
    for (size_t size = 1; size <= last; size = size == last ? last + 1 : MIN(size + 499, last)) {
        struct diags d;

        assert_refused(load_damaged(0, NULL, 0, size, &d), "good.so: ");
        cuts++;
    }
    assert_true(cuts > 20);
}

static void every_function_of_the_list_is_refused(void **state)
{
#define COUNT(name) +1
    const int expected = 0 IMPORTS(COUNT);
    struct diags d;

    (void)state;
    assert_refused(load("importer", &d),
        arena_printf(arena, "it imports %d function(s) that plugins may not use", expected));
}

static void what_is_no_object_is_named(void **state)
{
    const char *dir = install("good"), *so = arena_printf(arena, "%s/good.so", dir);
    static const char *const contents[] = {"", "#!/bin/sh\nexit 0\n", "\177ELF"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct diags d;

        write_file(so, text_of(contents[i]));
        diags_init(&d, arena);
        assert_refused(plugin_load_dir(dir, &development, &d), "good.so: not an ELF file; expected");
    }
}

/* A constructor that crashes: the process dies, and the mark says whose fault it was. */
static void a_crash_while_loading_is_attributed(void **state)
{
    const char *dir = install("crasher");
    struct slot *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid;

    (void)state;
    assert_true(shared != MAP_FAILED);
    pid = fork();
    if (pid == 0) {
        struct diags d;

        for (int s = 1; s < 32; s++)
            signal(s, SIG_DFL); /* cmocka's own handler would say "test failed" and go on */
        slot_set_self(shared);
        diags_init(&d, arena);
        (void)plugin_load_dir(dir, &development, &d);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    assert_string_equal(shared->current.plugin, "crasher");
    assert_string_equal(shared->current.hook, "load");
    munmap(shared, sizeof(*shared));
}

/* The mark has so many bytes; what is cut is cut between characters. */
static void a_long_hook_is_cut_between_characters(void **state)
{
    static const char hook[] = "validate 一二三四五六七八九十一二三四五六七八九十";
    char id[] = "demo";
    struct plugin p = {.id = id};
    struct plugin_frame f;
    struct text mark;

    (void)state;
    frame_enter(&f, &p, hook, NULL, 0, UUID_NIL);
    mark = text_of(slot_self()->current.hook);
    frame_leave(&f);
    assert_true(text_is_utf8(mark));
    assert_int_equal(mark.len, 9 + 36);
    assert_true(text_has_prefix(text_of(hook), f.call.hook));
    frame_enter(&f, &p, "a\xff", NULL, 0, UUID_NIL);
    assert_string_equal(slot_self()->current.hook, "a");
    frame_leave(&f);
}

static void production_loads_what_is_trusted(void **state)
{
    const char *dir = install("good"), *so = arena_printf(arena, "%s/good.so", dir);
    struct plugin_load_config config = {.trust_file = arena_printf(arena, "%s/trust.json", root),
        .quarantine_file = arena_printf(arena, "%s/quarantine.json", root)};
    struct sha256 digest;
    struct diags d;
    struct plugin *p;
    bool quarantined;

    (void)state;
    diags_init(&d, arena);
    p = plugin_load_dir(dir, &config, &d);
    assert_string_equal(p->policy.unavailable, "untrusted");
    assert_non_null(strstr(p->unavailable_detail, "juxinctl plugin trust"));
    digest = p->digest;
    plugin_free(p);
    assert_int_equal(trust_add(config.trust_file, &digest, "good", so), 0);
    assert_int_equal(trust_add(config.trust_file, &digest, "good", so), 0);
    assert_int_equal(trust_check(config.trust_file, &digest), 0);
    diags_init(&d, arena);
    p = plugin_load_dir(dir, &config, &d);
    assert_null(p->policy.unavailable);
    plugin_free(p);
    offers_clear();
    /* Others may write to it: refused however it is trusted. */
    assert_int_equal(chmod(so, 0666), 0);
    diags_init(&d, arena);
    p = plugin_load_dir(dir, &config, &d);
    assert_string_equal(p->policy.unavailable, "untrusted");
    assert_non_null(strstr(p->unavailable_detail, "may be written by others (mode 0666)"));
    plugin_free(p);
    assert_int_equal(chmod(so, 0644), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    diags_init(&d, arena);
    p = plugin_load_dir(dir, &config, &d);
    assert_string_equal(p->policy.unavailable, "untrusted");
    plugin_free(p);
    assert_int_equal(chmod(dir, 0755), 0);
    /* Three crashes within the hour. */
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            quarantine_note(config.quarantine_file, &digest, "good", "SIGSEGV", 1000000 + i, &quarantined),
            0);
    assert_true(quarantined);
    /* What was under way in other workers crashes too: it is there already. */
    assert_int_equal(
        quarantine_note(config.quarantine_file, &digest, "good", "SIGSEGV", 1000009, &quarantined), 0);
    assert_false(quarantined);
    assert_true(quarantine_has(config.quarantine_file, &digest));
    diags_init(&d, arena);
    p = plugin_load_dir(dir, &config, &d);
    assert_string_equal(p->policy.unavailable, "quarantined");
    plugin_free(p);
    assert_int_equal(quarantine_lift(config.quarantine_file, "good"), 0);
    assert_false(quarantine_has(config.quarantine_file, &digest));
    assert_int_equal(quarantine_lift(config.quarantine_file, "good"), -ENOENT);
}

/* A trust file that is JSON but not ours is refused, and left as it is. */
static void a_damaged_trust_file_is_not_written(void **state)
{
    static const char *const damaged[] = {"[]", "1", "\"x\"", "null", "{\"trusted\": 1}", "{"};
    const char *file = arena_printf(arena, "%s/damaged.json", root);
    struct sha256 digest = sha256_of(TEXT("x"));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        struct buf content = BUF_INIT;

        buf_adds(&content, damaged[i]);
        assert_int_equal(file_replace(file, buf_text(&content), 0644), 0);
        assert_int_equal(trust_check(file, &digest), -EINVAL);
        assert_int_equal(trust_add(file, &digest, "good", "/good.so"), -EINVAL);
        buf_clear(&content);
        assert_int_equal(file_read(file, 100, &content), 0);
        assert_string_equal(buf_str(&content), damaged[i]);
        buf_done(&content);
    }
}

static void crashes_far_apart_do_not_count(void **state)
{
    const char *file = arena_printf(arena, "%s/q.json", root);
    struct sha256 a = sha256_of(TEXT("a")), b = sha256_of(TEXT("b"));
    bool quarantined = true;

    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            quarantine_note(file, &a, "p", "x", (i + 1) * (QUARANTINE_WINDOW_US / 2 + 1), &quarantined), 0);
        assert_false(quarantined);
    }
    /* Another build of the same plugin begins anew. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(quarantine_note(file, &b, "p", "x", 9 * QUARANTINE_WINDOW_US + i, &quarantined), 0);
    assert_false(quarantined);
    assert_int_equal(quarantine_note(file, &a, "p", "x", 9 * QUARANTINE_WINDOW_US + 5, &quarantined), 0);
    assert_false(quarantined);
    /* A damaged file is as good as none. */
    write_file(file, TEXT("{\"crashes\": ["));
    assert_int_equal(quarantine_note(file, &a, "p", "x", 5, &quarantined), 0);
    assert_false(quarantine_has(file, &a));
}

/* The master notes a crash while juxinctl trusts or lifts: who would write what the other has read waits, and gives up with
 * -EAGAIN; only the crash is noted whatever happens. */
static void one_process_at_a_time_writes(void **state)
{
    const char *file = arena_printf(arena, "%s/two.json", root);
    struct sha256 digest = sha256_of(TEXT("x"));
    int held, second = -1;
    int64_t began_ms;
    bool quarantined;

    (void)state;
    assert_int_equal(file_replace(file, TEXT("{}"), 0644), 0);
    assert_int_equal(file_lock(file, 0, &held), 0);
    assert_int_equal(file_lock(file, 10, &second), -EAGAIN);
    assert_int_equal(trust_add(file, &digest, "p", "/p.so"), -EAGAIN);
    assert_int_equal(quarantine_lift(file, "p"), -EAGAIN);
    began_ms = clock_mono_ms();
    for (int i = 0; i < QUARANTINE_CRASHES; i++)
        assert_int_equal(quarantine_note(file, &digest, "p", "x", 1000000 + i, &quarantined), 0);
    assert_true(quarantined);
    assert_true(clock_mono_ms() - began_ms >= 100); /* it did wait for a while */
    close(held);
    assert_int_equal(quarantine_lift(file, "p"), 0);
    assert_false(quarantine_has(file, &digest));
    assert_int_equal(file_lock(file, 0, &second), 0); /* nobody keeps it */
    close(second);
}

static void a_directory_with_faults_does_not_stop_the_others(void **state)
{
    struct plugin_load_config config = {.is_development = true};

    (void)state;
    install("good");
    install("minor");
    mkdir(arena_printf(arena, "%s/plugins/empty", root), 0755);
    config.directory = arena_printf(arena, "%s/plugins:%s/nowhere", root, root);
    assert_int_equal(plugin_load_all(&config), 0);
    assert_int_equal(plugin_count(), 3);
    assert_string_equal(plugin_at(0)->id, "empty");
    assert_string_equal(plugin_at(0)->policy.unavailable, "invalid");
    assert_true(plugin_is_available(plugin_find("good")));
    assert_string_equal(plugin_find("minor")->policy.unavailable, "abi_mismatch");
    assert_null(plugin_find("nobody"));
}

static size_t all_offers(void)
{
    const struct offers *o = offers();

    return o->filter_count + o->action_count + o->provider_count + o->route_count + o->lifecycle_count;
}

/* What stands in a later directory under a name that is taken is not run: it would be offered and then be gone. */
static void the_first_directory_of_a_name_wins(void **state)
{
    struct plugin_load_config config = {.is_development = true};
    const char *first = install("good");
    size_t alone;

    (void)state;
    assert_int_equal(system(arena_printf(arena, "cp -r '%s/plugins' '%s/other'", root, root)), 0);
    config.directory = arena_printf(arena, "%s/plugins", root);
    assert_int_equal(plugin_load_all(&config), 0);
    alone = all_offers();
    assert_true(alone > 0);
    offers_clear();
    registry_clear();
    config.directory = arena_printf(arena, "%s/plugins:%s/other", root, root);
    assert_int_equal(plugin_load_all(&config), 0);
    assert_int_equal(plugin_count(), 1);
    assert_string_equal(plugin_at(0)->dir, first);
    assert_int_equal(all_offers(), alone);
    for (size_t i = 0; i < offers()->filter_count; i++)
        assert_ptr_equal(offers()->filters[i].plugin, plugin_at(0));
}

/* A plugin that declares nothing but so many permissions. */
static void install_greedy(const char *name, int permissions)
{
    const char *dir = arena_printf(arena, "%s/plugins/%s", root, name);
    struct buf manifest = BUF_INIT;

    assert_int_equal(mkdir(dir, 0755), 0);
    buf_addf(&manifest,
        "{\"id\":\"%s\",\"version\":\"0.1.0\",\"label\":{\"zh-CN\":\"贪\",\"en\":\"G\"},\"permissions\":{",
        name);
    for (int i = 0; i < permissions; i++)
        buf_addf(&manifest, "%s\"%s.p%d\":{\"zh-CN\":\"权\",\"en\":\"P\"}", i ? "," : "", name, i);
    buf_adds(&manifest, "}}");
    write_file(arena_printf(arena, "%s/plugin.json", dir), buf_text(&manifest));
    buf_done(&manifest);
}

/* More permissions than one plugin may have, or than the server has room for: that plugin does not run, the server does. */
static void permissions_without_end_are_refused(void **state)
{
    struct config config = {.limits.request_ms = 1000, .plugins_development = 1};

    (void)state;
    install("good");
    install_greedy("greedy", 257);
    for (int i = 0; i < 9; i++)
        install_greedy(arena_printf(arena, "many%d", i), 250);
    config.plugins_directory = arena_printf(arena, "%s/plugins", root);
    assert_int_equal(plugins_start(&config, false), 0);
    assert_true(plugin_is_available(plugin_find("good")));
    assert_non_null(strstr(plugin_find("greedy")->unavailable_detail, "/permissions: more than 256 members"));
    for (int i = 0; i < 8; i++)
        assert_true(plugin_is_available(plugin_find(arena_printf(arena, "many%d", i))));
    assert_string_equal(plugin_find("many8")->policy.unavailable, "invalid");
    assert_non_null(strstr(plugin_find("many8")->unavailable_detail, "find no room"));
}

static void count_hook(const struct hook_entry *e, void *arg)
{
    (void)e;
    ++*(int *)arg;
}

static void hooks_are_listed(void **state)
{
    struct diags d;
    int n = 0;

    (void)state;
    assert_int_equal(registry_add(load("good", &d)), 0);
    hook_list("validate", count_hook, &n);
    assert_int_equal(n, 2);
    hook_list("after_create", count_hook, &n);
    assert_int_equal(n, 2);
    hook_list(NULL, count_hook, &n);
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_objects_are_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(broken_objects_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_objects_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_objects_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_function_of_the_list_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_while_loading_is_attributed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_hook_is_cut_between_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(production_loads_what_is_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_trust_file_is_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(crashes_far_apart_do_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_process_at_a_time_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_with_faults_does_not_stop_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hooks_are_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_directory_of_a_name_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permissions_without_end_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
