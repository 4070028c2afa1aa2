/* PostgreSQL array literals. Strings are quoted always, so that nothing in them is special but '"' and '\'. */
#include "tenant/pgarray.h"

static void next(struct pgarray *a)
{
    buf_addc(&a->b, a->b.len ? ',' : '{');
}

void pgarray_uuid(struct pgarray *a, struct uuid id)
{
    next(a);
    buf_adds(&a->b, uuid_is_nil(id) ? "NULL" : uuid_format(id).s);
}

void pgarray_str(struct pgarray *a, const char *s)
{
    next(a);
    if (!s) {
        buf_adds(&a->b, "NULL");
        return;
    }
    buf_addc(&a->b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_addc(&a->b, '\\');
        buf_addc(&a->b, *s);
    }
    buf_addc(&a->b, '"');
}

void pgarray_int(struct pgarray *a, int64_t v)
{
    next(a);
    buf_addf(&a->b, "%lld", (long long)v);
}

const char *pgarray_end(struct pgarray *a)
{
    buf_adds(&a->b, a->b.len ? "}" : "{}");
    return buf_str(&a->b);
}

void pgarray_done(struct pgarray *a)
{
    buf_done(&a->b);
}
