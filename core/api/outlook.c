/* The answer to every question of the kind "what would happen". */
#include "api/outlook.h"

#include "access/core_permissions.h"
#include "base/clock.h"
#include "resource/flow/stranded.h"

static void write_flips(struct jsonw *w, const struct call *c, const struct outlook *o)
{
    uint32_t listed = 0;

    jsonw_key(w, "flips");
    jsonw_array(w);
    for (uint32_t i = 0; i < o->flip_count && listed < OUTLOOK_LISTED_MAX; i++) {
        const struct outlook_flip *f = &o->flips[i];
        struct tree_unit unit = tree_unit(c->tenant->tree, f->unit);

        if (!subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), f->unit))
            continue;
        jsonw_object(w);
        jsonw_kstr(w, "plugin", o->side[OUTLOOK_BEFORE].sets[f->plugin].plugin->id);
        jsonw_kstr(w, "unit", uuid_format(unit.id).s);
        jsonw_kstr(w, "unit_name", unit.name);
        jsonw_kstr(w, "before", policy_state_name(f->before));
        jsonw_kstr(w, "after", policy_state_name(f->after));
        jsonw_object_end(w);
        listed++;
    }
    jsonw_array_end(w);
}

/* Every plugin that flips somewhere. */
static void write_plugins(struct jsonw *w, const struct outlook *o)
{
    jsonw_key(w, "plugins");
    jsonw_array(w);
    for (uint32_t i = 0; i < o->flip_count; i++)
        if (i == 0 || o->flips[i].plugin != o->flips[i - 1].plugin)
            jsonw_str(w, o->side[OUTLOOK_BEFORE].sets[o->flips[i].plugin].plugin->id);
    jsonw_array_end(w);
}

static void write_people(struct jsonw *w, const struct outlook *o)
{
    uint32_t listed = 0;

    jsonw_key(w, "who");
    jsonw_array(w);
    for (uint32_t i = 0; i < o->person_count && listed < OUTLOOK_LISTED_MAX; i++) {
        const struct outlook_person *p = &o->people[i];

        if (!p->name)
            continue;
        jsonw_object(w);
        jsonw_kstr(w, "account", uuid_format(p->account).s);
        jsonw_kstr(w, "name", p->name);
        jsonw_kbool(w, "gains", p->gains);
        jsonw_kbool(w, "loses", p->loses);
        jsonw_object_end(w);
        listed++;
    }
    jsonw_array_end(w);
}

int outlook_write(struct call *c, const struct outlook *o, struct jsonw *w)
{
    const struct stranded *stranded;
    uint32_t count;
    int r = stranded_by(c, o, &stranded, &count);

    if (r < 0)
        return r;
    jsonw_object(w);
    jsonw_kstr(w, "at", clock_format(o->at_us).s);
    jsonw_kint(w, "turned_on", o->turned_on);
    jsonw_kint(w, "turned_off", o->turned_off);
    write_plugins(w, o);
    write_flips(w, c, o);
    jsonw_kint(w, "people", o->person_count);
    jsonw_kint(w, "gaining", o->gaining);
    jsonw_kint(w, "losing", o->losing);
    write_people(w, o);
    jsonw_key(w, "stranded");
    jsonw_array(w);
    for (uint32_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_kstr(w, "resource", stranded[i].res->full_name);
        jsonw_kint(w, "frozen", stranded[i].frozen);
        jsonw_kint(w, "unattended", stranded[i].unattended);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
    jsonw_object_end(w);
    return call_fence(c);
}
