/* Fuzz target (libFuzzer): plugin.json and queries.sql. The first byte says which. */
#include <stdint.h>

#include "base/jsonpos.h"
#include "plugin/manifest.h"
#include "plugin/statements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct plugin *p = arena_alloc(a, sizeof(*p));
    struct diag_file f = {"input", {(const char *)data + (size > 0), size > 0 ? size - 1 : 0}};
    struct statement *list;
    struct diags d;
    size_t count;
    uint32_t line, column;

    p->arena = a;
    p->id = arena_dup(a, "demo");
    diags_init(&d, a);
    if (size > 0 && data[0] % 2)
        (void)!plugin_manifest_read(&f, p, &d);
    else
        (void)!statements_parse(&f, "demo", a, &list, &count, &d);
    for (const struct diag *e = d.first; e; e = e->next)
        (void)diag_text(a, e);
    json_position(f.source, "/permissions/demo.x/zh-CN", &line, &column);
    json_decref(p->manifest);
    arena_free(a);
    return 0;
}
