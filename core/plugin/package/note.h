/* What a plugin's shared object says about itself, read from its bytes before anything of it runs; and what it would
 * call, checked against the list of what plugins may not use. */
#pragma once

#include "base/base.h"
#include "base/text.h"

struct plugin_note {
    uint16_t abi_major, abi_minor;
    char name[65];
    char version[33];
};

#define NOTE_WHY_MAX 320

/* file: the whole object. `why` (NOTE_WHY_MAX bytes) names what was found and what was expected; the caller prefixes
 * the file's name. -ENOEXEC not an object for us, -ENOENT no note, -EINVAL a malformed one, -EPROTO another ABI. */
MUSTCHECK int plugin_note_read(struct text file, struct plugin_note *ret, char *why);

/* -EPERM when it imports what is banned (all of it is listed, up to the limit) or would have other files loaded,
 * -ENOENT when jx_plugin_entry is not exported, -EINVAL when the tables cannot be read. */
MUSTCHECK int plugin_symbols_check(struct text file, char *why);
