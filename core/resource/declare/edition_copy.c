/* Copies of compiled declarations: whatever points into the one points into the other. */
#include "resource/declare/edition.h"

static const struct field *moved(const struct resource *to, const struct field *f)
{
    return f ? &to->fields[f->index] : NULL;
}

static const struct field **moved_list(
    struct arena *a, const struct resource *to, const struct field **list, uint32_t count)
{
    const struct field **out = arena_array(a, count + 1, sizeof(*out));

    for (uint32_t i = 0; i < count; i++)
        out[i] = moved(to, list[i]);
    return out;
}

static void copy_fields(struct arena *a, struct resource *to, const struct resource *base, uint32_t more)
{
    to->fields = arena_array(a, base->field_count + more + 1, sizeof(*to->fields));
    memcpy(to->fields, base->fields, base->field_count * sizeof(*to->fields));
    for (uint32_t i = 0; i < base->field_count; i++) {
        struct field *f = &to->fields[i];

        if (!f->value_count)
            continue;
        f->values = arena_array(a, f->value_count, sizeof(*f->values));
        memcpy(f->values, base->fields[i].values, f->value_count * sizeof(*f->values));
    }
}

static void copy_transition(struct arena *a, struct resource *to, const struct resource *base, uint32_t i)
{
    const struct transition *from = &base->transitions[i];
    struct transition *t = &to->transitions[i];

    t->holder = moved(to, from->holder);
    t->required = moved_list(a, to, from->required, from->required_count);
    t->fields = moved_list(a, to, from->fields, from->field_count);
    t->sets = arena_array(a, from->set_count + 1, sizeof(*t->sets));
    for (uint32_t k = 0; k < from->set_count; k++)
        t->sets[k] = (struct transition_set){moved(to, from->sets[k].field), from->sets[k].value};
    t->participants = arena_array(a, from->participant_count + 1, sizeof(*t->participants));
    for (uint32_t k = 0; k < from->participant_count; k++) {
        t->participants[k] = from->participants[k];
        t->participants[k].field = moved(to, from->participants[k].field);
    }
    t->deadline_field = moved(to, from->deadline_field);
    t->not_by = from->not_by ? &to->transitions[from->not_by - base->transitions] : NULL;
    t->after = from->after ? &to->transitions[from->after - base->transitions] : NULL;
}

struct resource *resource_copy(struct arena *a, const struct resource *base, uint32_t more)
{
    struct resource *to = arena_alloc(a, sizeof(*to));

    *to = *base;
    copy_fields(a, to, base, more);
    to->states = arena_array(a, base->state_count + 1, sizeof(*to->states));
    memcpy(to->states, base->states, base->state_count * sizeof(*to->states));
    to->transitions = arena_array(a, base->transition_count + 1, sizeof(*to->transitions));
    if (base->transition_count)
        memcpy(to->transitions, base->transitions, base->transition_count * sizeof(*to->transitions));
    for (uint32_t i = 0; i < base->transition_count; i++)
        copy_transition(a, to, base, i);
    to->anonymity.unless = moved(to, base->anonymity.unless);
    to->merging.field = moved(to, base->merging.field);
    to->merging.shows = moved_list(a, to, base->merging.shows, base->merging.show_count);
    to->sort = moved(to, base->sort);
    to->columns = NULL; /* made anew by whoever is done with it */
    return to;
}

static struct label *value_label(struct field *f, struct text rest)
{
    if (f->dictionary || !text_is(text_split(&rest, '/'), "values") || !rest.ptr)
        return NULL; /* a dictionary's words are said in the dictionary */
    for (uint32_t i = 0; i < f->value_count; i++)
        if (text_is(rest, f->values[i].value))
            return &f->values[i].label;
    return NULL;
}

struct label *resource_label(struct resource *res, struct text place)
{
    struct text kind, name;

    if (place.len == 0)
        return &res->label;
    if (text_split(&place, '/').len > 0 || !place.ptr)
        return NULL;
    kind = text_split(&place, '/');
    if (!place.ptr)
        return NULL;
    name = text_split(&place, '/');
    if (text_is(kind, "fields")) {
        struct field *f = (struct field *)resource_field(res, name);

        return !f || f->is_custom ? NULL : place.ptr ? value_label(f, place) : &f->label;
    }
    for (uint32_t i = 0; !place.ptr && text_is(kind, "states") && i < res->state_count; i++)
        if (text_is(name, res->states[i].name))
            return &res->states[i].label;
    for (uint32_t i = 0; !place.ptr && text_is(kind, "transitions") && i < res->transition_count; i++)
        if (text_is(name, res->transitions[i].name))
            return &res->transitions[i].label;
    return NULL;
}
