/* Parts of a package: what may be in it, how far it expands, XML without document types. */
#include "sheet/zip.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"

#define PIECE (64u * 1024u)
#define ENTRIES_MAX 10000
/* Sheets of one value repeated are packed to about a hundredth; deflate can do a thousandth. */
#define RATIO_MAX 300
#define RATIO_FREE (16u << 20)

static bool has(const char *name, const char *part)
{
    return strcasestr(name, part) != NULL;
}

/* What may not be in it, by the names that parts of this kind have. */
static int check_names(struct package *p, struct sheet_fault *fault)
{
    zip_int64_t n = zip_get_num_entries(p->zip, 0);

    if (n > ENTRIES_MAX)
        return sheet_wrong(fault, WRONG_EXPANDS, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(p->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);

        if (!name)
            return sheet_wrong(fault, WRONG_DAMAGED, 0);
        if (has(name, "vbaProject") || has(name, "/macrosheets/") || has(name, "/activeX/"))
            return sheet_wrong(fault, WRONG_MACROS, 0);
        if (has(name, "/externalLinks/") || has(name, "/connections.xml") || has(name, "/queryTables/"))
            return sheet_wrong(fault, WRONG_EXTERNAL, 0);
    }
    return 0;
}

int package_open(int fd, uint64_t expanded_max, struct package *ret, struct sheet_fault *fault)
{
    int own = dup(fd), error, r;

    *ret = (struct package){.expanded_max = expanded_max};
    if (own < 0 || lseek(own, 0, SEEK_SET) < 0)
        r = sheet_wrong(fault, WRONG_DAMAGED, 0);
    else
        r = 0;
    if (r == 0)
        ret->zip = zip_fdopen(own, 0, &error);
    if (!ret->zip) {
        if (own >= 0)
            close(own);
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    }
    r = check_names(ret, fault);
    if (r < 0)
        package_close(ret);
    return r;
}

void package_close(struct package *p)
{
    if (p->zip)
        zip_discard(p->zip);
    p->zip = NULL;
}

bool package_has(struct package *p, const char *name)
{
    return zip_name_locate(p->zip, name, ZIP_FL_NOCASE) >= 0;
}

/* ---- parts ---- */

void xml_part_pause(struct xml_part *p)
{
    XML_StopParser(p->parser, XML_TRUE);
}

void xml_part_stop(struct xml_part *p, enum sheet_wrong why)
{
    if (p->is_wrong)
        return;
    p->is_wrong = true;
    p->wrong = why;
    XML_StopParser(p->parser, XML_FALSE);
}

static void on_doctype(
    void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
    struct xml_part *p = *(struct xml_part **)arg;

    (void)name, (void)system, (void)public, (void)internal;
    xml_part_stop(p, WRONG_DOCTYPE);
}

/* A name without its prefix. */
static const char *local_name(const char *name)
{
    const char *colon = strchr(name, ':');

    return colon ? colon + 1 : name;
}

/* Expat hands every function one argument: this, whose first member the doctype's function knows. */
struct hand {
    struct xml_part *part;
    struct xml_part_handlers h;
};

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct hand *hand = arg;

    hand->h.start(hand->h.arg, local_name(name), attributes);
}

static void on_end(void *arg, const XML_Char *name)
{
    struct hand *hand = arg;

    hand->h.end(hand->h.arg, local_name(name));
}

static void on_text(void *arg, const XML_Char *s, int len)
{
    struct hand *hand = arg;

    hand->h.text(hand->h.arg, s, len);
}

int xml_part_open(struct package *p, const char *name, const struct xml_part_handlers *h,
    struct xml_part *ret, struct sheet_fault *fault)
{
    zip_int64_t at = zip_name_locate(p->zip, name, ZIP_FL_NOCASE);
    struct hand *hand;
    zip_stat_t stat;

    *ret = (struct xml_part){.package = p};
    if (at < 0 || zip_stat_index(p->zip, (zip_uint64_t)at, 0, &stat) < 0)
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    if ((stat.valid & ZIP_STAT_SIZE) && stat.size > p->expanded_max)
        return sheet_wrong(fault, WRONG_EXPANDS, 0);
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE)
        return sheet_wrong(fault, WRONG_OLD, 0);
    ret->packed = stat.valid & ZIP_STAT_COMP_SIZE ? stat.comp_size : 0;
    ret->file = zip_fopen_index(p->zip, (zip_uint64_t)at, 0);
    if (!ret->file)
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    ret->parser = XML_ParserCreate(NULL);
    if (!ret->parser)
        give_up("no XML parser");
    hand = mem_zalloc(sizeof(*hand));
    *hand = (struct hand){ret, *h};
    XML_SetUserData(ret->parser, hand);
    XML_SetElementHandler(ret->parser, on_start, on_end);
    if (h->text)
        XML_SetCharacterDataHandler(ret->parser, on_text);
    XML_SetStartDoctypeDeclHandler(ret->parser, on_doctype);
    return 0;
}

static int check_growth(struct xml_part *p, size_t more)
{
    p->unpacked += more;
    p->package->expanded += more;
    return p->package->expanded > p->package->expanded_max ||
                   (p->unpacked > RATIO_FREE && p->unpacked / RATIO_MAX > p->packed)
               ? -EFBIG
               : 0;
}

static int after(struct xml_part *p, enum XML_Status status, struct sheet_fault *fault)
{
    if (p->is_wrong)
        return sheet_wrong(fault, p->wrong, 0);
    if (status == XML_STATUS_ERROR)
        return sheet_wrong(fault, WRONG_DAMAGED, 0);
    p->is_suspended = status == XML_STATUS_SUSPENDED;
    return p->is_suspended ? 1 : 0;
}

int xml_part_more(struct xml_part *p, struct sheet_fault *fault)
{
    int r = 0;

    if (p->is_suspended)
        r = after(p, XML_ResumeParser(p->parser), fault);
    while (r == 0 && !p->is_at_end) {
        void *into = XML_GetBuffer(p->parser, PIECE);
        zip_int64_t n;

        if (!into)
            give_up("no memory for XML");
        n = zip_fread(p->file, into, PIECE);
        if (n < 0)
            return sheet_wrong(fault, WRONG_DAMAGED, 0);
        if (check_growth(p, (size_t)n) < 0)
            return sheet_wrong(fault, WRONG_EXPANDS, 0);
        p->is_at_end = n == 0;
        r = after(p, XML_ParseBuffer(p->parser, (int)n, p->is_at_end), fault);
    }
    return r;
}

void xml_part_close(struct xml_part *p)
{
    if (p->parser) {
        free(XML_GetUserData(p->parser));
        XML_ParserFree(p->parser);
    }
    if (p->file)
        zip_fclose(p->file);
    *p = (struct xml_part){0};
}

int xml_part_read(struct package *p, const char *name, const struct xml_part_handlers *h,
    struct xml_part *part, struct sheet_fault *fault)
{
    int r = xml_part_open(p, name, h, part, fault);

    if (r == 0)
        r = xml_part_more(part, fault);
    xml_part_close(part);
    return r == 1 ? sheet_wrong(fault, WRONG_DAMAGED, 0) : r;
}

const char *xml_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(local_name(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}
