/* ELF64, read by copies out of checked ranges. */
#include "plugin/package/elf.h"

#include <elf.h>
#include <errno.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OUR_MACHINE EM_RISCV
#elif defined(__loongarch__)
#define OUR_MACHINE 258
#else
#error "which ELF machine is this?"
#endif

static bool in_file(struct text file, uint64_t offset, uint64_t size)
{
    return offset <= file.len && size <= file.len - offset;
}

static int fetch(struct text file, uint64_t offset, void *out, size_t size)
{
    if (!in_file(file, offset, size))
        return -EINVAL;
    memcpy(out, file.ptr + offset, size);
    return 0;
}

int elf_check(struct text file, const char **ret_why)
{
    Elf64_Ehdr h;

    if (fetch(file, 0, &h, sizeof(h)) < 0 || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        *ret_why = "not an ELF file";
    else if (h.e_ident[EI_CLASS] != ELFCLASS64)
        *ret_why = "not a 64-bit object";
    else if (h.e_ident[EI_DATA] != ELFDATA2LSB)
        *ret_why = "not little-endian";
    else if (h.e_machine != OUR_MACHINE)
        *ret_why = "built for another processor";
    else if (h.e_type != ET_DYN)
        *ret_why = "not a shared object";
    else
        return 0;
    return -ENOEXEC;
}

/* Program header i; -EINVAL outside the file. */
static int fetch_program(struct text file, const Elf64_Ehdr *h, uint32_t i, Elf64_Phdr *ret)
{
    if (h->e_phentsize != sizeof(*ret) || !in_file(file, h->e_phoff, (uint64_t)(i + 1) * sizeof(*ret)))
        return -EINVAL;
    return fetch(file, h->e_phoff + (uint64_t)i * sizeof(*ret), ret, sizeof(*ret));
}

int elf_is_whole(struct text file)
{
    Elf64_Ehdr h;
    Elf64_Phdr p;

    if (fetch(file, 0, &h, sizeof(h)) < 0)
        return -EINVAL;
    for (uint32_t i = 0; i < h.e_phnum; i++)
        if (fetch_program(file, &h, i, &p) < 0 ||
            (p.p_type == PT_LOAD && !in_file(file, p.p_offset, p.p_filesz)))
            return -EINVAL;
    return 0;
}

/* Notes are packed as owner size, descriptor size, type, owner, descriptor, the last two padded to 4 bytes. */
static int note_in(struct text segment, const char *owner, uint32_t type, struct text *ret)
{
    size_t owner_len = strlen(owner) + 1;

    while (segment.len >= 12) {
        uint32_t head[3];
        uint64_t name_end, end;

        memcpy(head, segment.ptr, sizeof(head));
        name_end = 12 + (((uint64_t)head[0] + 3) & ~3ull);
        end = name_end + (((uint64_t)head[1] + 3) & ~3ull);
        if (name_end + head[1] > segment.len)
            return -EINVAL;
        if (head[2] == type && head[0] == owner_len && memcmp(segment.ptr + 12, owner, owner_len) == 0) {
            *ret = (struct text){segment.ptr + name_end, head[1]};
            return 0;
        }
        segment = text_skip(segment, MIN(end, segment.len));
    }
    return -ENOENT;
}

int elf_note(struct text file, const char *owner, uint32_t type, struct text *ret)
{
    Elf64_Ehdr h;

    if (fetch(file, 0, &h, sizeof(h)) < 0)
        return -EINVAL;
    for (uint32_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        int r;

        if (fetch_program(file, &h, i, &p) < 0)
            return -EINVAL;
        if (p.p_type != PT_NOTE)
            continue;
        if (!in_file(file, p.p_offset, p.p_filesz))
            return -EINVAL;
        r = note_in((struct text){file.ptr + p.p_offset, p.p_filesz}, owner, type, ret);
        /* A segment with 8-byte padded notes (GNU properties) does not parse as ours does: try the next one. */
        if (r == 0)
            return 0;
    }
    return -ENOENT;
}

static const char *tag_fault(int64_t tag)
{
    switch (tag) {
    case DT_RPATH:
    case DT_RUNPATH:
        return "it brings a search path for libraries, which nobody has verified";
    case DT_AUDIT:
    case DT_DEPAUDIT:
        return "it names libraries that are loaded before it, which nobody has verified";
    case DT_FILTER:
    case DT_AUXILIARY:
        return "it names libraries that stand in for it, which nobody has verified";
    default:
        return NULL;
    }
}

/* Does the text at an address, once loaded, have a slash? What is not in the file is not taken for harmless. */
static bool has_slash(struct text file, const Elf64_Ehdr *h, uint64_t address)
{
    Elf64_Phdr p;

    for (uint32_t i = 0; i < h->e_phnum && fetch_program(file, h, i, &p) == 0; i++) {
        uint64_t into = address - p.p_vaddr;

        if (p.p_type == PT_LOAD && in_file(file, p.p_offset, p.p_filesz) && address >= p.p_vaddr &&
            into < p.p_filesz) {
            const char *text = file.ptr + p.p_offset + into;

            return memchr(text, '/', strnlen(text, p.p_filesz - into)) != NULL;
        }
    }
    return true;
}

static int check_dynamic(struct text file, const Elf64_Ehdr *h, const Elf64_Phdr *p, const char **ret_why)
{
    uint64_t strings = 0;
    Elf64_Dyn d;

    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t at = 0; at + sizeof(d) <= p->p_filesz; at += sizeof(d)) {
            if (fetch(file, p->p_offset + at, &d, sizeof(d)) < 0)
                return -EINVAL;
            if (d.d_tag == DT_NULL)
                break;
            if (d.d_tag == DT_STRTAB)
                strings = d.d_un.d_ptr;
            *ret_why = tag_fault(d.d_tag);
            if (!*ret_why && pass == 1 && d.d_tag == DT_NEEDED && has_slash(file, h, strings + d.d_un.d_val))
                *ret_why = "it needs a library by path, which nobody has verified";
            if (*ret_why)
                return -EPERM;
        }
    }
    return 0;
}

int elf_companions_check(struct text file, const char **ret_why)
{
    Elf64_Ehdr h;
    int r = 0;

    if (fetch(file, 0, &h, sizeof(h)) < 0)
        return -EINVAL;
    for (uint32_t i = 0; i < h.e_phnum && r == 0; i++) {
        Elf64_Phdr p;

        r = fetch_program(file, &h, i, &p);
        if (r == 0 && p.p_type == PT_DYNAMIC)
            r = check_dynamic(file, &h, &p, ret_why);
    }
    return r;
}

static int symbols_of(
    struct text file, const Elf64_Shdr *symbols, const Elf64_Shdr *strings, elf_symbol_fn *fn, void *arg)
{
    uint64_t count = symbols->sh_size / sizeof(Elf64_Sym);
    const char *names;

    if (!in_file(file, symbols->sh_offset, symbols->sh_size) || count > 1000000 ||
        !in_file(file, strings->sh_offset, strings->sh_size) || strings->sh_size == 0)
        return -EINVAL;
    names = file.ptr + strings->sh_offset;
    if (names[strings->sh_size - 1] != '\0')
        return -EINVAL;
    for (uint64_t i = 1; i < count; i++) {
        Elf64_Sym s;
        int r;

        if (fetch(file, symbols->sh_offset + i * sizeof(s), &s, sizeof(s)) < 0 ||
            s.st_name >= strings->sh_size)
            return -EINVAL;
        r = fn(names + s.st_name, s.st_shndx != SHN_UNDEF, arg);
        if (r != 0)
            return r;
    }
    return 0;
}

int elf_symbols(struct text file, elf_symbol_fn *fn, void *arg)
{
    Elf64_Ehdr h;

    if (fetch(file, 0, &h, sizeof(h)) < 0)
        return -EINVAL;
    if (h.e_shnum == 0)
        return -ENOENT;
    if (h.e_shentsize != sizeof(Elf64_Shdr) ||
        !in_file(file, h.e_shoff, (uint64_t)h.e_shnum * sizeof(Elf64_Shdr)))
        return -EINVAL;
    for (uint32_t i = 0; i < h.e_shnum; i++) {
        Elf64_Shdr s, strings;

        if (fetch(file, h.e_shoff + (uint64_t)i * sizeof(s), &s, sizeof(s)) < 0)
            return -EINVAL;
        if (s.sh_type != SHT_DYNSYM)
            continue;
        if (s.sh_link >= h.e_shnum ||
            fetch(file, h.e_shoff + (uint64_t)s.sh_link * sizeof(s), &strings, sizeof(strings)) < 0)
            return -EINVAL;
        return symbols_of(file, &s, &strings, fn, arg);
    }
    return -ENOENT;
}
