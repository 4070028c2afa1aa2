/* Fuzz target: a plugin's shared object, before it is trusted. What is accepted has a name and a version that may be
 * shown, and the ABI of this server; a file cut anywhere is read without going past its end. The first byte says where
 * it is cut. */
#include "fuzz.h"

#include <errno.h>
#include <juxin/plugin.h>

#include "plugin/package/elf.h"
#include "plugin/package/note.h"

static void check_word(const char *s, size_t size)
{
    size_t len = strnlen(s, size);

    HOLDS(len > 0 && len < size);
    for (size_t i = 0; i < len; i++)
        HOLDS(s[i] > ' ' && s[i] <= '~');
}

static void read_note(struct text file)
{
    struct plugin_note note = {0};
    char why[NOTE_WHY_MAX] = "";
    int r = plugin_note_read(file, &note, why);

    if (r == 0) {
        HOLDS(note.abi_major == JX_ABI_MAJOR && note.abi_minor <= JX_ABI_MINOR);
        check_word(note.name, sizeof(note.name));
        check_word(note.version, sizeof(note.version));
    } else {
        HOLDS(r == -ENOEXEC || r == -ENOENT || r == -EINVAL || r == -EPROTO);
        HOLDS(why[0] && strnlen(why, sizeof(why)) < sizeof(why));
    }
}

struct seen {
    struct text file;
    size_t count;
};

static int see(const char *name, bool is_defined, void *arg)
{
    struct seen *s = arg;

    (void)is_defined;
    HOLDS(name >= s->file.ptr && name < s->file.ptr + s->file.len);
    HOLDS(memchr(name, 0, (size_t)(s->file.ptr + s->file.len - name)));
    s->count++;
    return 0;
}

static void read_symbols(struct text file)
{
    struct seen s = {file, 0};
    char why[NOTE_WHY_MAX] = "";
    int r = elf_symbols(file, see, &s);

    HOLDS(r == 0 || r == -EINVAL || r == -ENOENT);
    HOLDS(s.count * 24 <= file.len); /* sizeof(Elf64_Sym): no symbol that the file has no room for */
    if (plugin_symbols_check(file, why) < 0)
        HOLDS(why[0]);
    else
        HOLDS(r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct text file = fuzz_text(a, data, size);
    size_t cut = file.len * (size ? data[0] : 0) / 256;

    read_note(file);
    read_symbols(file);
    if (cut) {
        char *part = malloc(cut);

        memcpy(part, file.ptr, cut);
        read_note((struct text){part, cut});
        read_symbols((struct text){part, cut});
        free(part);
    }
    arena_free(a);
    return 0;
}
