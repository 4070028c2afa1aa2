/* Reports of periods: a definition's indicators, counted once for a unit and a month, quarter or year; then checked, signed off
 * by somebody else, and frozen. Numbers are only ever added: counting again makes new ones beside the old, a correction is a
 * new version beside the one it corrects. docs/statistics.md has the rules. */
#pragma once

#include "base/jsonw.h"
#include "resource/report/indicator.h"

enum report_state {
    REPORT_COMPUTING,
    REPORT_COMPUTED,
    REPORT_CHECKED,
    REPORT_SIGNED_OFF,
    REPORT_FROZEN,
    REPORT_STATES
};
extern const char *const report_state_names[REPORT_STATES];

struct report {
    struct uuid id, job, checked_by;
    const char *definition;
    struct label label;
    const char *indicators; /* names with commas between */
    uint32_t unit;
    const char *unit_name; /* when it was made */
    struct period period;
    int64_t version, revision, computation;
    const char *reason; /* of a correction; "" */
    const char *note;   /* why it was sent back; "" */
    enum report_state state;
    const char *checked_name, *signed_name, *frozen_name; /* NULL: not yet */
    int64_t created_us, computed_us, checked_us, signed_us, frozen_us;
    bool is_latest;        /* nothing corrects it */
    const char *job_state; /* of the counting; NULL: gone */
    const char *error_en, *error_zh;
};

struct report_number {
    const char *indicator;
    struct label label, measure, definition;
    const char *kind; /* count, sum, money */
    bool is_at_end;
    bool is_off; /* the plugin ran nowhere in the unit */
    bool
        is_hidden; /* too few stand behind it for who may not see them, or it would give away such a number */
    int64_t number, records;
};

/* ---- definitions: of plugins, and the tenant's own ---- */

struct report_definition {
    const char *name; /* plugin.name, or an id */
    struct label label;
    const char *indicators;
    uint32_t periods;
    bool is_own;
};
struct report_definition_input {
    struct label label;
    const char *indicators; /* names with commas between, each once */
    uint32_t periods;
};
MUSTCHECK int report_definitions(struct call *c, struct report_definition **ret, uint32_t *ret_count);
MUSTCHECK int report_definition_create(
    struct call *c, const struct report_definition_input *in, struct uuid *ret_id);
/* What was reported by it stays. */
MUSTCHECK int report_definition_delete(struct call *c, struct uuid id);

/* ---- reports ---- */

struct report_query {
    uint32_t unit;                  /* and below; TREE_NONE: all */
    struct text period, definition; /* NULL pointers: any */
    bool only_latest;
    struct uuid before; /* of the page before; nil */
    uint32_t limit;
};
/* Those the caller may read, newest first. *ret_next: nil at the end. */
MUSTCHECK int report_list(struct call *c, const struct report_query *q, struct report **ret,
    uint32_t *ret_count, struct uuid *ret_next);
MUSTCHECK int report_read(struct call *c, struct uuid id, struct report *ret); /* 404 */
bool report_has_failed(const struct report *r); /* nobody counts it any more, and it has no numbers */
/* As its reader may see them; none while it is being counted. */
MUSTCHECK int report_numbers(
    struct call *c, const struct report *r, struct report_number **ret, uint32_t *ret_count);

/* The first version, and the job that counts it. 409 when there is one. */
MUSTCHECK int report_create(
    struct call *c, const char *definition, uint32_t unit, const struct period *period, struct uuid *ret_id);
/* A version that corrects a frozen one. */
MUSTCHECK int report_correct(struct call *c, struct uuid id, const char *reason, struct uuid *ret_id);

enum report_step { STEP_COMPUTE, STEP_CHECK, STEP_SIGN_OFF, STEP_FREEZE, STEP_RETURN, REPORT_STEPS };
/* 403, 409 for a step that its state or who took the last one does not allow, -ESTALE for another revision. */
MUSTCHECK int report_step(struct call *c, struct uuid id, enum report_step step, int64_t revision,
    const char *reason, int64_t *ret_revision);

/* Its events go to who may read it. */
MUSTCHECK int report_note_download(struct call *c, const struct report *r);

void report_register(void); /* the kind of job */

/* ---- for the files of reports ---- */

MUSTCHECK int report_definition_find(
    struct call *c, struct text name, struct report_definition *ret); /* 404 */
MUSTCHECK int report_queue(struct call *c, const struct report *r, struct uuid *ret_job);
MUSTCHECK int report_stored_numbers(
    struct call *c, const struct report *r, struct report_number **ret, uint32_t *ret_count);
/* What of a frozen report goes out above the tenant; in the call's unit of work. */
MUSTCHECK int report_figures(struct call *c, const struct report *r);
