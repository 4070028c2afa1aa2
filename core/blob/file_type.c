/* Kinds of files. */
#include "blob/file_type.h"

#include "base/text.h"

const char *const file_group_names[] = {"image", "document", "text", "archive", "audio", "video", NULL};

/* As libmagic calls them. SVG, HTML, XML, scripts and programs are none of these. */
static const struct file_type types[] = {
    {"image/jpeg", FILE_IMAGE, "jpg,jpeg", true},
    {"image/png", FILE_IMAGE, "png", true},
    {"image/gif", FILE_IMAGE, "gif", true},
    {"image/webp", FILE_IMAGE, "webp", true},
    {"image/bmp", FILE_IMAGE, "bmp", true},
    {"image/tiff", FILE_IMAGE, "tif,tiff", false},
    {"image/heic", FILE_IMAGE, "heic", false},
    {"application/pdf", FILE_DOCUMENT, "pdf", false},
    {"application/msword", FILE_DOCUMENT, "doc,wps", false},
    {"application/vnd.ms-excel", FILE_DOCUMENT, "xls,et", false},
    {"application/vnd.ms-powerpoint", FILE_DOCUMENT, "ppt,dps", false},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", FILE_DOCUMENT, "docx", false},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", FILE_DOCUMENT, "xlsx", false},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", FILE_DOCUMENT, "pptx",
        false},
    {"application/vnd.oasis.opendocument.text", FILE_DOCUMENT, "odt", false},
    {"application/vnd.oasis.opendocument.spreadsheet", FILE_DOCUMENT, "ods", false},
    {"application/vnd.oasis.opendocument.presentation", FILE_DOCUMENT, "odp", false},
    {"text/rtf", FILE_DOCUMENT, "rtf", false},
    {"text/plain", FILE_TEXT, "txt,md,log,csv", false},
    {"text/csv", FILE_TEXT, "csv,txt", false},
    {"application/zip", FILE_ARCHIVE, "zip,ofd", false},
    {"application/x-rar", FILE_ARCHIVE, "rar", false},
    {"application/x-7z-compressed", FILE_ARCHIVE, "7z", false},
    {"application/gzip", FILE_ARCHIVE, "gz,tgz", false},
    {"audio/mpeg", FILE_AUDIO, "mp3", false},
    {"audio/x-m4a", FILE_AUDIO, "m4a", false},
    {"audio/x-wav", FILE_AUDIO, "wav", false},
    {"audio/ogg", FILE_AUDIO, "ogg", false},
    {"audio/AMR", FILE_AUDIO, "amr", false},
    {"video/mp4", FILE_VIDEO, "mp4,m4v", false},
    {"video/quicktime", FILE_VIDEO, "mov", false},
    {"video/webm", FILE_VIDEO, "webm", false},
};

const struct file_type *file_type_find(const char *media)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].media, media) == 0)
            return &types[i];
    return NULL;
}

const char *file_type_name(struct arena *a, const struct file_type *t, const char *name)
{
    struct text rest = text_of(t->extensions), first = {NULL, 0};
    const char *dot = strrchr(name, '.');

    while (rest.ptr) {
        struct text one = text_split(&rest, ',');
        char *extension = arena_ndup(a, one.ptr, one.len);

        if (dot && dot > name && text_is_nocase(text_of(dot + 1), extension))
            return name;
        if (!first.ptr)
            first = one;
    }
    return arena_printf(a, "%s.%.*s", name, (int)first.len, first.ptr);
}
