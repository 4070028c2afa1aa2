/* Shared by the files that read a declaration: declaration_member.c has the pieces, declaration_field.c the fields,
 * declaration_flow.c states and transitions, declaration_goal.c where those lead and what they ask for,
 * declaration_merge.c duplicates, declaration_beside.c attachments and comments, declaration.c the whole. */
#pragma once

#include "resource/declare/declaration.h"
#include "resource/declare/declaration_report.h"

struct parse {
    struct arena *a;
    struct declaration_report *report;
    struct resource *res;
};

#define AT(p, ...) arena_printf((p)->a, __VA_ARGS__)

/* Members with their type checked; a wrong type is reported. Return the fallback when absent. */
const char *parse_str(struct parse *p, const char *at, const json_t *object, const char *key, bool required);
int64_t parse_int(struct parse *p, const char *at, const json_t *object, const char *key, int64_t min,
    int64_t max, int64_t fallback);
bool parse_bool(struct parse *p, const char *at, const json_t *object, const char *key);
/* Index of a word in a NULL-terminated list; -1 after a report. NULL word gives 0. */
int parse_word(struct parse *p, const char *at, const char *key, const char *word, const char *const *known);
void parse_label(struct parse *p, const char *at, const json_t *object, struct label *ret);
/* A name that may stand in SQL and in paths. */
bool parse_name(struct parse *p, const char *at, const char *name, size_t max);
/* The field a name refers to; reports when unknown. NULL name gives NULL silently. */
const struct field *parse_field_ref(struct parse *p, const char *at, const char *name);
/* The state a name refers to; -1 after a report. */
int parse_state_ref(struct parse *p, const char *at, const char *name);

void parse_fields(struct parse *p, const json_t *json);
void parse_states(struct parse *p, const json_t *json);
void parse_transitions(struct parse *p, const json_t *json);
void parse_reminders(struct parse *p, const json_t *json);
void parse_beside(struct parse *p, const json_t *json); /* attachments and comments */
void parse_goal(struct parse *p, const char *at, const json_t *v, struct transition *t);
void parse_sets(struct parse *p, const char *at, const json_t *v, struct transition *t);
void parse_conditions(struct parse *p, const json_t *transitions);
void parse_subjects(struct parse *p, const json_t *json); /* what may not be recorded */
void parse_anonymity(struct parse *p, const json_t *json);
void parse_merging(struct parse *p, const json_t *json); /* once fields, states and transitions are known */
