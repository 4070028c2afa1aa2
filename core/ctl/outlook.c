/* Sentences, then tables; with --json what the API says. */
#include "ctl/outlook.h"

#include "api/outlook.h"
#include "resource/flow/stranded.h"

static const char *number(struct call *call, int64_t n)
{
    return arena_printf(call->arena, "%lld", (long long)n);
}

static void say_counts(struct ctl *c, uint32_t on, uint32_t off, uint32_t gaining, uint32_t losing)
{
    ctl_say(c, "%u units would be turned on, %u off; %u people gain something, %u lose something", on, off,
        gaining, losing);
}

static void show_flips(struct ctl *c, struct call *call, const struct outlook *o)
{
    static const char *const titles[] = {"plugin", "unit", "name", "before", "after", NULL};
    struct ctl_table *table;

    if (o->flip_count == 0)
        return;
    table = ctl_table_new(c, titles);
    for (uint32_t i = 0; i < o->flip_count; i++) {
        struct tree_unit u = tree_unit(call->tenant->tree, o->flips[i].unit);

        ctl_table_cell(table, o->side[OUTLOOK_BEFORE].sets[o->flips[i].plugin].plugin->id);
        ctl_table_cell(table, u.code);
        ctl_table_cell(table, u.name);
        ctl_table_cell(table, policy_state_name(o->flips[i].before));
        ctl_table_cell(table, policy_state_name(o->flips[i].after));
    }
    ctl_table_end(table);
}

static void show_people(struct ctl *c, const struct outlook *o)
{
    static const char *const titles[] = {"person", "account", "gains", "loses", NULL};
    struct ctl_table *table;

    if (o->person_count == 0)
        return;
    table = ctl_table_new(c, titles);
    for (uint32_t i = 0; i < o->person_count; i++) {
        ctl_table_cell(table, o->people[i].name);
        ctl_table_cell(table, uuid_format(o->people[i].account).s);
        ctl_table_cell(table, o->people[i].gains ? "yes" : "");
        ctl_table_cell(table, o->people[i].loses ? "yes" : "");
    }
    ctl_table_end(table);
}

int ctl_outlook(struct ctl *c, struct call *call, const struct outlook *o)
{
    const struct stranded *stranded;
    uint32_t count;
    int r;

    if (c->json)
        return outlook_write(call, o, &c->w);
    r = stranded_by(call, o, &stranded, &count);
    if (r == 0)
        r = call_fence(call); /* before a word is said: it may have to be asked again */
    if (r < 0)
        return r;
    say_counts(c, o->turned_on, o->turned_off, o->gaining, o->losing);
    for (uint32_t i = 0; i < count; i++)
        ctl_say(c, "%s: %lld open records would be frozen, %lld left without anybody who may act on them",
            stranded[i].res->full_name, (long long)stranded[i].frozen, (long long)stranded[i].unattended);
    show_flips(c, call, o);
    show_people(c, o);
    return 0;
}

void ctl_outlook_begin(struct ctl *c, struct ctl_outlook_sum *sum)
{
    static const char *const titles[] = {
        "tenant", "turned_on", "turned_off", "gaining", "losing", "frozen", "unattended", NULL};

    *sum = (struct ctl_outlook_sum){.ctl = c, .table = ctl_table_new(c, titles)};
}

int ctl_outlook_add(struct ctl_outlook_sum *sum, struct call *call, const struct outlook *o)
{
    const struct stranded *stranded;
    int64_t frozen = 0, unattended = 0;
    uint32_t count;
    int r = stranded_by(call, o, &stranded, &count);

    if (r == 0)
        r = call_fence(call); /* after it the tenant is not looked at again */
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < count; i++) {
        frozen += stranded[i].frozen;
        unattended += stranded[i].unattended;
    }
    ctl_table_cell(sum->table, call->tenant->slug);
    ctl_table_cell(sum->table, number(call, o->turned_on));
    ctl_table_cell(sum->table, number(call, o->turned_off));
    ctl_table_cell(sum->table, number(call, o->gaining));
    ctl_table_cell(sum->table, number(call, o->losing));
    ctl_table_cell(sum->table, number(call, frozen));
    ctl_table_cell(sum->table, number(call, unattended));
    sum->turned_on += o->turned_on;
    sum->turned_off += o->turned_off;
    sum->gaining += o->gaining;
    sum->losing += o->losing;
    return 0;
}

void ctl_outlook_end(struct ctl_outlook_sum *sum, bool is_whole)
{
    if (!is_whole) {
        ctl_table_free(sum->table);
        return;
    }
    say_counts(sum->ctl, sum->turned_on, sum->turned_off, sum->gaining, sum->losing);
    ctl_table_end(sum->table);
}
