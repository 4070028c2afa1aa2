/* Fuzz target (libFuzzer): a plugin's shared object, before it is trusted. Seeds: any .so of tests/plugins. */
#include <stdint.h>

#include "plugin/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text file = {(const char *)data, size};
    struct plugin_note note;
    char why[NOTE_WHY_MAX];

    if (plugin_note_read(file, &note, why) == 0 && (!note.name[0] || !note.version[0]))
        __builtin_trap();
    (void)!plugin_symbols_check(file, why);
    return 0;
}
