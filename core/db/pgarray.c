/* PostgreSQL array literals. Strings are quoted always, so that nothing in them is special but '"' and '\'. */
#include "db/pgarray.h"

static void next(struct pgarray *a)
{
    buf_addc(&a->b, a->b.len ? ',' : '{');
}

void pgarray_uuid(struct pgarray *a, struct uuid id)
{
    next(a);
    buf_adds(&a->b, uuid_is_nil(id) ? "NULL" : uuid_format(id).s);
}

void pgarray_text(struct pgarray *a, struct text t)
{
    next(a);
    buf_addc(&a->b, '"');
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] == '"' || t.ptr[i] == '\\')
            buf_addc(&a->b, '\\');
        buf_addc(&a->b, t.ptr[i]);
    }
    buf_addc(&a->b, '"');
}

void pgarray_str(struct pgarray *a, const char *s)
{
    if (s) {
        pgarray_text(a, text_of(s));
        return;
    }
    next(a);
    buf_adds(&a->b, "NULL");
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

static const char *finish(struct pgarray *array, struct arena *a)
{
    const char *s = arena_dup(a, pgarray_end(array));

    pgarray_done(array);
    return s;
}

const char *pgarray_of_texts(struct arena *a, const struct text *items, size_t count)
{
    struct pgarray array = PGARRAY_INIT;

    for (size_t i = 0; i < count; i++)
        pgarray_text(&array, items[i]);
    return finish(&array, a);
}

const char *pgarray_of_uuids(struct arena *a, const struct uuid *ids, size_t count)
{
    struct pgarray array = PGARRAY_INIT;

    for (size_t i = 0; i < count; i++)
        pgarray_uuid(&array, ids[i]);
    return finish(&array, a);
}
