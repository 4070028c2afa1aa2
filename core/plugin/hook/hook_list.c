/* The order of dispatch, as a list. */
#include "plugin/hook/hook_list.h"

#include "plugin/hook/offer.h"

static const char *phase_name(uint32_t phase)
{
    return phase == JX_EARLY ? "early" : phase == JX_LATE ? "late" : "normal";
}

void hook_list(const char *point, void (*fn)(const struct hook_entry *e, void *arg), void *arg)
{
    const struct offers *all = offers();

    for (uint32_t p = JX_VALIDATE; p <= JX_AFTER_TRANSITION; p++) {
        const char *name = offer_point_name(p);

        if (!name || (point && strcmp(point, name) != 0))
            continue;
        for (size_t i = 0; i < all->filter_count; i++) {
            const struct jx_filter *f = &all->filters[i].f;

            if (f->point == p)
                fn(&(struct hook_entry){name, all->filters[i].plugin->id, f->name, f->resource, f->transition,
                       phase_name(f->phase), f->flags & JX_FAIL_OPEN && p != JX_VALIDATE ? "open" : "closed",
                       true, (f->flags & JX_WRITES) != 0},
                    arg);
        }
        for (size_t i = 0; i < all->action_count; i++) {
            const struct jx_action *a = &all->actions[i].a;

            if (a->point == p)
                fn(&(struct hook_entry){name, all->actions[i].plugin->id, a->name, a->resource, a->transition,
                       "after", "retry", false, false},
                    arg);
        }
    }
}
