/* juxin-media: what is in a file that somebody sent. The libraries that look into it have had their faults, so they look
 * here, in a process without anything worth having: the file is standard input, the answer goes to standard output, and
 * once the libraries are ready nothing else can be opened, started or connected to (sandbox.c).
 *
 *   juxin-media type               its media type
 *   juxin-media thumbnail KIND     a small JPEG of a picture; KIND is jpeg or png
 *
 * Exit: 0 answered, 1 it cannot be read, 127 this program cannot work here. */
#include <magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "media/sandbox.h"
#include "media/thumbnail.h"

#define UNREADABLE 1
#define UNABLE 127
#define EDGE 320 /* of a thumbnail, in pixels */

/* Exits without the libraries' farewells: what an exit handler may want is not allowed any more. */
static int finish(int status)
{
    fflush(stdout);
    _exit(status);
}

static int type_of_file(void)
{
    magic_t m = magic_open(MAGIC_MIME_TYPE | MAGIC_ERROR);
    const char *type;

    if (!m || magic_load(m, NULL) < 0 || sandbox_close() < 0)
        return finish(UNABLE);
    type = magic_descriptor(m, STDIN_FILENO);
    if (!type)
        return finish(UNREADABLE);
    fputs(type, stdout);
    return finish(0);
}

static int make_thumbnail(const char *kind)
{
    int r = strcmp(kind, "jpeg") == 0 || strcmp(kind, "png") == 0 ? thumbnail_write(kind, EDGE) : 2;

    return finish(r == 2 ? UNABLE : r);
}

int main(int argc, char **argv)
{
    if (sandbox_limit() < 0)
        return UNABLE;
    if (argc == 2 && strcmp(argv[1], "type") == 0)
        return type_of_file();
    if (argc == 3 && strcmp(argv[1], "thumbnail") == 0)
        return make_thumbnail(argv[2]);
    return UNABLE;
}
