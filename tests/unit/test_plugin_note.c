/* The ELF note: what a good object says, and that no damaged one is more than refused. The object is the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "plugin/package/note.h"

#include <elf.h>
#include <juxin/plugin.h>

/* A smallest shared object with one note: header, one program header, the note. */
struct object {
    Elf64_Ehdr head;
    Elf64_Phdr program;
    struct jx_note note;
};

static struct object make_object(void)
{
    struct object o;

    memset(&o, 0, sizeof(o));
    memcpy(o.head.e_ident, ELFMAG, SELFMAG);
    o.head.e_ident[EI_CLASS] = ELFCLASS64;
    o.head.e_ident[EI_DATA] = ELFDATA2LSB;
    o.head.e_type = ET_DYN;
#if defined(__x86_64__)
    o.head.e_machine = EM_X86_64;
#elif defined(__aarch64__)
    o.head.e_machine = EM_AARCH64;
#endif
    o.head.e_phoff = offsetof(struct object, program);
    o.head.e_phentsize = sizeof(Elf64_Phdr);
    o.head.e_phnum = 1;
    o.program.p_type = PT_NOTE;
    o.program.p_offset = offsetof(struct object, note);
    o.program.p_filesz = sizeof(o.note);
    o.note.owner_size = 6;
    o.note.descriptor_size = JX_DESCRIPTOR_SIZE;
    o.note.type = JX_NOTE_TYPE;
    memcpy(o.note.owner, "Juxin", 6);
    memcpy(o.note.magic, JX_NOTE_MAGIC, 8);
    o.note.size = JX_DESCRIPTOR_SIZE;
    o.note.abi_major = JX_ABI_MAJOR;
    memcpy(o.note.name, "demo", 5);
    memcpy(o.note.version, "0.1.0", 6);
    return o;
}

static int read_note(const struct object *o, size_t len, struct plugin_note *note, char *why)
{
    return plugin_note_read((struct text){(const char *)o, len}, note, why);
}

static void a_good_note_is_read(void **state)
{
    struct object o = make_object();
    struct plugin_note note;
    char why[NOTE_WHY_MAX] = "";

    (void)state;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), 0);
    assert_string_equal(note.name, "demo");
    assert_string_equal(note.version, "0.1.0");
    assert_int_equal(note.abi_major, JX_ABI_MAJOR);
}

static void what_is_wrong_is_named(void **state)
{
    struct plugin_note note;
    char why[NOTE_WHY_MAX] = "";
    struct object o = make_object();

    (void)state;
    o.note.abi_major = 9;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EPROTO);
    assert_non_null(strstr(why, "found 9.0, expected 1.x"));
    o = make_object();
    o.note.abi_minor = 77;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EPROTO);
    assert_non_null(strstr(why, "found 1.77, expected at most 1.1"));
    o = make_object();
    memcpy(o.note.magic, "XXPLUGIN", 8);
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EINVAL);
    assert_non_null(strstr(why, "magic"));
    o = make_object();
    memset(o.note.name, 'a', sizeof(o.note.name));
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EINVAL);
    o = make_object();
    o.note.name[20] = 'x'; /* bytes behind the end of the name */
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EINVAL);
    o = make_object();
    o.program.p_type = PT_LOAD;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -ENOENT);
    o = make_object();
    o.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -ENOEXEC);
    o = make_object();
    o.program.p_offset = UINT64_MAX - 3;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EINVAL);
    o = make_object();
    o.note.descriptor_size = UINT32_MAX;
    assert_true(read_note(&o, sizeof(o), &note, why) < 0);
    o = make_object();
    o.head.e_phnum = 65535;
    assert_int_equal(read_note(&o, sizeof(o), &note, why), -EINVAL);
    assert_non_null(strstr(why, "the file is cut"));
    assert_int_equal(read_note(&o, 0, &note, why), -ENOEXEC);
    for (size_t len = 1; len < offsetof(struct object, note) + sizeof(o.note); len++)
        assert_true(read_note(&o, len, &note, why) < 0);
}

/* Every single byte, changed in several ways: no crash (ASan watches), and the same answer or a refusal. The copy is
 * exactly as long as the object, so that a read behind it is seen. */
static void mutations_of_the_note(void **state)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x7f};
    struct object o = make_object();

    (void)state;
    for (size_t at = 0; at < sizeof(o); at++) {
        for (size_t f = 0; f < sizeof(flips); f++) {
            char *copy = malloc(sizeof(o)), why[NOTE_WHY_MAX];
            struct plugin_note note;

            assert_non_null(copy);
            memcpy(copy, &o, sizeof(o));
            copy[at] = (char)(copy[at] ^ flips[f]);
            (void)!plugin_note_read((struct text){copy, sizeof(o)}, &note, why);
            (void)!plugin_symbols_check((struct text){copy, sizeof(o)}, why);
            free(copy);
        }
    }
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* A real object (this program) with random damage and random cuts: symbols and notes. */
static void mutations_of_a_real_object(void **state)
{
    struct buf file = BUF_INIT;
    uint64_t seed = 20261123;

    (void)state;
    assert_int_equal(file_read("/proc/self/exe", 64u << 20, &file), -ELOOP); /* a link: not followed */
    {
        char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        assert_true(n > 0);
        path[n] = '\0';
        assert_int_equal(file_read(path, 64u << 20, &file), 0);
    }
    for (int round = 0; round < 300; round++) {
        size_t len = round % 3 == 0 ? next_random(&seed) % file.len : file.len;
        char *copy = malloc(len + 1), why[NOTE_WHY_MAX];
        struct plugin_note note;

        assert_non_null(copy);
        memcpy(copy, file.data, len);
        for (int n = 0; n < 40 && len > 0; n++) {
            /* Headers and tables are where damage matters: the beginning and the end of the file. */
            size_t window = MIN(len, (size_t)4096), where = next_random(&seed) % window;

            copy[n % 2 ? where : len - 1 - where] = (char)next_random(&seed);
        }
        if (len > 16)
            memcpy(copy, file.data, 20);
        (void)!plugin_note_read((struct text){copy, len}, &note, why);
        (void)!plugin_symbols_check((struct text){copy, len}, why);
        free(copy);
    }
    buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_note_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(mutations_of_the_note),
        cmocka_unit_test(mutations_of_a_real_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
