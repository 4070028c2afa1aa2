/* What plugins make of records before they are shown. */
#include "plugin/hook/hook.h"
#include "resource/record/record.h"

static int by_unit(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;

    return x->unit == y->unit ? 0 : x->unit < y->unit ? -1 : 1;
}

int records_serialise(struct call *c, struct record **records, uint32_t count)
{
    struct record **sorted = arena_array(c->arena, count + 1, sizeof(*sorted));

    if (count == 0)
        return 0;
    memcpy(sorted, records, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_unit);
    for (uint32_t from = 0, to; from < count; from = to) {
        int r;

        for (to = from + 1; to < count && sorted[to]->unit == sorted[from]->unit;)
            to++;
        r = hook_filter(c, HOOK_SERIALISE, sorted[from]->res->full_name, NULL, sorted + from, to - from);
        if (r < 0)
            return r;
    }
    return 0;
}
