/* Which plugin runs where, said once more: the six rules of docs/plugins.md ("Where it runs") read off the page, over plain
 * arrays. Shares no code with core/plugin/policy/policy.c, only the words for rules, states and levels. */
#pragma once

#include "plugin/policy/policy.h"

#define ORACLE_REQUIRES_MAX 4

struct oracle_unit {
    int parent; /* -1 for the root */
    enum level level;
};

struct oracle_row {
    int unit; /* -1: the deployment, above the root */
    enum policy_rule rule;
    bool is_subtree;
    uint8_t levels; /* bit per level; 0: all */
    int64_t from, until;
};

struct oracle_plugin {
    uint8_t levels;
    bool default_on, is_available;
    int requires[ORACLE_REQUIRES_MAX];
    int require_count;
    const struct oracle_row *rows;
    int row_count;
};

struct oracle_answer {
    enum policy_state state;
    int row;        /* which row decided; -1: none */
    int blocked_by; /* which plugin; -1: none */
};

static inline bool oracle_is_ceiling(enum policy_rule r)
{
    return r == POLICY_MANDATORY || r == POLICY_FORBIDDEN;
}

/* A row speaks about a unit when the unit's level is among its levels and it stands at the unit, or above it with the
 * whole subtree in its reach. What the deployment says reaches everything. */
static inline bool oracle_reaches(const struct oracle_unit *units, const struct oracle_row *row, int unit)
{
    if (row->levels != 0 && (row->levels >> units[unit].level & 1) == 0)
        return false;
    if (row->unit == -1 || row->unit == unit)
        return true;
    if (!row->is_subtree)
        return false;
    for (int up = units[unit].parent; up != -1; up = units[up].parent)
        if (up == row->unit)
            return true;
    return false;
}

/* Rules 2 to 4 at one place of the way from the deployment to the unit: its row that counts, or -1. */
static inline int oracle_row_at(const struct oracle_unit *units, const struct oracle_plugin *p, int place,
    int unit, int64_t now, bool ceiling)
{
    for (int i = 0; i < p->row_count; i++) {
        const struct oracle_row *row = &p->rows[i];

        if (row->unit == place && oracle_is_ceiling(row->rule) == ceiling && row->from <= now &&
            now < row->until && oracle_reaches(units, row, unit))
            return i;
    }
    return -1;
}

static inline struct oracle_answer oracle_own(
    const struct oracle_unit *units, const struct oracle_plugin *p, int unit, int64_t now)
{
    struct oracle_answer a = {EFFECTIVE_NOT_APPLICABLE, -1, -1};
    int way[8], n = 0;

    /* 1. the unit's level is not among the manifest's */
    if ((p->levels >> units[unit].level & 1) == 0)
        return a;
    for (int at = unit; at != -1; at = units[at].parent)
        way[n++] = at;
    way[n++] = -1;
    /* 2. the mandatory or forbidden nearest the root */
    for (int i = n - 1; i >= 0 && a.row == -1; i--)
        a.row = oracle_row_at(units, p, way[i], unit, now, true);
    /* 3. else the nearest on or off, the unit itself first */
    for (int i = 0; i < n && a.row == -1; i++)
        a.row = oracle_row_at(units, p, way[i], unit, now, false);
    /* 4. else the manifest's default */
    if (a.row == -1)
        a.state = p->default_on ? EFFECTIVE_ON : EFFECTIVE_OFF;
    else
        a.state = p->rows[a.row].rule == POLICY_ON || p->rows[a.row].rule == POLICY_MANDATORY ? EFFECTIVE_ON
                                                                                              : EFFECTIVE_OFF;
    return a;
}

/* plugins: all of them; requirements name others by number and never lead in a circle. */
static inline struct oracle_answer oracle_answer(
    const struct oracle_unit *units, const struct oracle_plugin *plugins, int plugin, int unit, int64_t now)
{
    const struct oracle_plugin *p = &plugins[plugin];
    struct oracle_answer a = oracle_own(units, p, unit, now);

    if (a.state != EFFECTIVE_ON)
        return a;
    /* 5. a required plugin that is not effective here */
    for (int i = 0; i < p->require_count; i++) {
        if (oracle_answer(units, plugins, p->requires[i], unit, now).state == EFFECTIVE_ON)
            continue;
        a.state = EFFECTIVE_BLOCKED;
        a.blocked_by = p->requires[i];
        return a;
    }
    /* 6. last, availability */
    if (!p->is_available)
        a.state = EFFECTIVE_UNAVAILABLE;
    return a;
}

/* The first moment after now at which the answer is another one: every moment at which any row begins or ends is tried. */
static inline int64_t oracle_next_change(const struct oracle_unit *units, const struct oracle_plugin *plugins,
    int plugin_count, int plugin, int unit, int64_t now)
{
    struct oracle_answer is = oracle_answer(units, plugins, plugin, unit, now);
    int64_t first = INT64_MAX;

    for (int p = 0; p < plugin_count; p++) {
        for (int i = 0; i < 2 * plugins[p].row_count; i++) {
            const struct oracle_row *row = &plugins[p].rows[i / 2];
            int64_t at = i % 2 ? row->until : row->from;
            struct oracle_answer then;

            if (at <= now || at >= first)
                continue;
            then = oracle_answer(units, plugins, plugin, unit, at);
            if (then.state != is.state || then.row != is.row || then.blocked_by != is.blocked_by)
                first = at;
        }
    }
    return first;
}
