/* The parts of an XLSX file as XML, with an account of how much they expand to. */
#pragma once

#include <expat.h>
#include <zip.h>

#include "sheet/parts.h"

struct package {
    zip_t *zip;
    uint64_t expanded, expanded_max;
};

MUSTCHECK int package_open(int fd, uint64_t expanded_max, struct package *ret, struct sheet_fault *fault);
void package_close(struct package *p);
bool package_has(struct package *p, const char *name);

/* One part being read, a piece at a time; the functions get `arg`. */
struct xml_part {
    struct package *package;
    zip_file_t *file;
    uint64_t packed, unpacked;
    XML_Parser parser;
    bool is_suspended, is_at_end;
    enum sheet_wrong wrong; /* set by a handler, which then calls xml_part_stop */
    bool is_wrong;
};
typedef void xml_part_start_fn(void *arg, const char *name, const char **attributes);
typedef void xml_part_end_fn(void *arg, const char *name);
typedef void xml_part_text_fn(void *arg, const char *s, int len);

struct xml_part_handlers {
    xml_part_start_fn *start;
    xml_part_end_fn *end;
    xml_part_text_fn *text; /* NULL: none wanted */
    void *arg;
};
MUSTCHECK int xml_part_open(struct package *p, const char *name, const struct xml_part_handlers *h,
    struct xml_part *ret, struct sheet_fault *fault);
/* Reads on until a handler pauses (1), the part ends (0), or something is wrong: -EINVAL. */
MUSTCHECK int xml_part_more(struct xml_part *p, struct sheet_fault *fault);
void xml_part_close(struct xml_part *p);
/* For handlers: the rest of this piece waits for the next xml_part_more. */
void xml_part_pause(struct xml_part *p);
void xml_part_stop(struct xml_part *p, enum sheet_wrong why);
/* All of a part at once. */
MUSTCHECK int xml_part_read(struct package *p, const char *name, const struct xml_part_handlers *h,
    struct xml_part *part, struct sheet_fault *fault);

/* An attribute by its name without a prefix; NULL. */
const char *xml_attribute(const char **attributes, const char *name);
