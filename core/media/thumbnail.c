/* Thumbnails, by gdk-pixbuf: its loaders of JPEG and PNG are built into the library, so that no other is ever asked. */
#include "media/thumbnail.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <unistd.h>

#include "media/sandbox.h"

/* What is decoded at all; a PNG of this size takes 160 MB, within the process's limit. */
#define PIXELS_MAX 40000000

enum { DONE = 0, UNREADABLE = 1, UNABLE = 2 };

/* Before anything is decoded: the size to decode to. None at all ends the loading. */
static void on_size(GdkPixbufLoader *loader, int width, int height, gpointer data)
{
    int edge = *(const int *)data;

    if (width < 1 || height < 1 || (gint64)width * height > PIXELS_MAX)
        gdk_pixbuf_loader_set_size(loader, 0, 0);
    else if (width > edge || height > edge)
        gdk_pixbuf_loader_set_size(loader,
            width >= height ? edge : MAX(1, (int)((gint64)width * edge / height)),
            height >= width ? edge : MAX(1, (int)((gint64)height * edge / width)));
}

static gboolean load(GdkPixbufLoader *loader)
{
    static guchar piece[65536];
    ssize_t n;

    while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
        if (!gdk_pixbuf_loader_write(loader, piece, (gsize)n, NULL))
            return FALSE;
    return n == 0 && gdk_pixbuf_loader_close(loader, NULL);
}

static int save(GdkPixbuf *picture)
{
    gchar *bytes = NULL;
    gsize len = 0;

    if (!gdk_pixbuf_save_to_buffer(picture, &bytes, &len, "jpeg", NULL, "quality", "80", NULL))
        return UNREADABLE;
    for (gsize done = 0; done < len;) {
        ssize_t n = write(STDOUT_FILENO, bytes + done, len - done);

        if (n <= 0)
            return UNREADABLE;
        done += (gsize)n;
    }
    return DONE;
}

int thumbnail_write(const char *kind, int edge)
{
    GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type(kind, NULL);
    GdkPixbuf *upright, *flat;

    if (!loader || sandbox_close() < 0)
        return UNABLE;
    g_signal_connect(loader, "size-prepared", G_CALLBACK(on_size), &edge);
    if (!load(loader) || !gdk_pixbuf_loader_get_pixbuf(loader))
        return UNREADABLE;
    upright = gdk_pixbuf_apply_embedded_orientation(gdk_pixbuf_loader_get_pixbuf(loader));
    if (!upright)
        return UNREADABLE;
    flat = gdk_pixbuf_composite_color_simple(upright, gdk_pixbuf_get_width(upright),
        gdk_pixbuf_get_height(upright), GDK_INTERP_NEAREST, 255, 16, 0xffffff, 0xffffff);
    return flat ? save(flat) : UNREADABLE;
}
