/* A bounded reader for 64-bit little-endian ELF shared objects, for files that are not trusted yet: no offset is
 * followed before it was checked against the file's size. */
#pragma once

#include "base/base.h"
#include "base/text.h"

/* 0, or -ENOEXEC with *ret_why, a static sentence: not an ELF file, other class, byte order, machine or type. */
MUSTCHECK int elf_check(struct text file, const char **ret_why);

/* -EINVAL when the program headers, or what they would have mapped, lie outside the file: it was cut. */
MUSTCHECK int elf_is_whole(struct text file);

/* The descriptor of the first note with this owner and type in a PT_NOTE segment. -ENOENT; -EINVAL for a cut one. */
MUSTCHECK int elf_note(struct text file, const char *owner, uint32_t type, struct text *ret);

/* Whether it would have other files loaded than libraries of the system by name. 0; -EPERM with *ret_why, a static
 * sentence; -EINVAL when the dynamic section does not fit the file. */
MUSTCHECK int elf_companions_check(struct text file, const char **ret_why);

/* Calls fn for each symbol of the dynamic symbol table, while it returns 0; its other results end the walk.
 * -EINVAL when the table does not fit the file, -ENOENT when there is none. */
typedef int elf_symbol_fn(const char *name, bool is_defined, void *arg);
MUSTCHECK int elf_symbols(struct text file, elf_symbol_fn *fn, void *arg);
