/* A resource declaration: what plugins/NAME/resources/RES.json says, checked and compiled. Everything the engine does
 * (tables, API, validation, lists, transitions) follows from this structure. docs/plugins.md explains the format;
 * schemas/resource.schema.json is its JSON Schema. */
#pragma once

#include <jansson.h>
#include <regex.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/text.h"
#include "base/uuid.h"

enum field_type {
    FIELD_TEXT,
    FIELD_LONGTEXT,
    FIELD_INTEGER,
    FIELD_MONEY,
    FIELD_BOOLEAN,
    FIELD_DATE,
    FIELD_DATETIME,
    FIELD_ENUM,
    FIELD_REFERENCE,
    FIELD_JSON,
    FIELD_DEPARTMENT,
    FIELD_DEPARTMENTS,
    FIELD_ACCOUNT,
    FIELD_UNIT,
    FIELD_TYPES
};
enum field_unique { UNIQUE_NO, UNIQUE_TENANT, UNIQUE_UNIT };
enum field_set_by { SET_BY_USER, SET_BY_PLUGIN, SET_BY_TRANSITION };
/* How the person whom a record is about has it put right: an officer decides, at once, not at all. */
enum field_correction { CORRECTION_REQUEST, CORRECTION_DIRECT, CORRECTION_NO };
extern const char *const field_correction_names[]; /* request, direct, no; NULL at the end */
enum field_mask { MASK_NONE, MASK_ALL, MASK_PHONE, MASK_NAME, MASK_EMAIL, MASK_ID_NUMBER };

struct label {
    const char *zh, *en;
};

struct enum_value {
    const char *value;
    struct label label;
    /* Of a dictionary's: */
    const char *parent;              /* "" for none; NULL where there are no dictionaries */
    int32_t position;                /* what lists are ordered by */
    int32_t valid_from, valid_until; /* days on which it may be chosen, both included; 0: no end */
};

struct field {
    const char *name;     /* also the column's name */
    struct text json_key; /* "name": as it stands in answers */
    struct label label;
    enum field_type type;
    uint32_t index; /* in resource.fields */
    bool is_required, is_immutable, is_searchable, is_sortable, is_filterable, has_min, has_max;
    bool is_assignment; /* the account in it has to do with the record: handed over with what they hold */
    bool is_hidden_submitter; /* listed in anonymity.fields */
    enum field_unique unique;
    enum field_set_by set_by;
    enum field_mask mask;
    enum field_correction correction;
    bool is_sensitive;    /* sealed at rest, masked everywhere, shown one record at a time */
    const char *fallback; /* the default in text form, or NULL */
    int64_t min, max;
    uint32_t min_length, max_length; /* code points */
    const char *pattern;
    regex_t *regex;
    struct enum_value *values;
    uint32_t value_count;
    const char *dictionary;  /* whose values these are, in the tenant's edition; NULL: its own */
    const char *reference;   /* "plugin.resource" */
    const char *sensitivity; /* none, personal, sensitive */
    const char *purpose,
        *retention; /* of personal data: why it is asked for, and how long it is kept (P3Y) */
    /* Of a tenant's own, which has no column in the resource's table: custom_field.h. */
    bool is_custom, is_retired;
    struct uuid id;
};

struct state {
    const char *name;
    struct label label;
    bool is_initial, is_final;
};

/* To a state; nowhere: an act, noted and nothing else; to an earlier step that is chosen; to where it was taken back from; to
 * where it was before it was merged. */
enum transition_goal { GOAL_STATE, GOAL_STAY, GOAL_BACK, GOAL_RESUME, GOAL_UNMERGE };
enum transition_move { MOVE_NO, MOVE_PARENT, MOVE_UNIT, MOVE_BELOW };
enum deadline_kind { DEADLINE_KEEP, DEADLINE_CLEAR, DEADLINE_DAYS, DEADLINE_FIELD, DEADLINE_EXTEND };

struct transition_participant {
    const struct field *field;
    const char *role;
    bool opens; /* each has an open part from now on */
};

struct transition_set { /* a field that the transition itself sets */
    const struct field *field;
    const char *value; /* text form; NULL clears */
};

enum transition_tells { TELLS_SUBMITTER = 1, TELLS_HOLDERS = 2 };

struct transition {
    const char *name;
    struct label label;
    uint64_t from; /* bit per state */
    enum transition_goal goal;
    uint32_t to;            /* of GOAL_STATE */
    uint64_t back_to;       /* of GOAL_BACK: bit per state */
    const char *permission; /* full name */
    bool has_permission;    /* said by the declaration, so asked even of a submitter or holder */
    uint32_t permission_id;
    bool by_submitter;
    const struct field *holder; /* department field whose members may */
    bool holder_head;
    const struct field **required, **fields; /* fields it may set, required ones among them */
    uint32_t required_count, field_count;
    struct transition_set *sets;
    uint32_t set_count;
    enum transition_move move;
    /* What has to have happened before. */
    const struct transition *not_by; /* whoever took that one last may not take this */
    const struct transition *after;  /* an act that this one decides on: possible while it waits for that */
    bool is_asked;                   /* some other one is `after` this: not twice while it waits */
    const char *completes;           /* the role of which the caller's open part is done by this */
    const char *waits_for;           /* the role that may have no open part */
    struct transition_participant *participants;
    uint32_t participant_count;
    enum deadline_kind deadline;
    uint32_t deadline_days;
    const struct field *deadline_field;
    uint32_t auto_days;         /* 0: never by itself */
    uint32_t auto_overdue_days; /* taken by the system so long behind the deadline, once for each; 0: no */
    uint32_t max_times;         /* 0: any */
    unsigned tells;             /* enum transition_tells: whom, besides those it is assigned to */
    bool merges;                /* the record is a duplicate of another, which is named: struct merging */
};

/* Index names are made of both and must stay within PostgreSQL's 63 bytes. */
#define RESOURCE_NAME_MAX 24
#define FIELD_NAME_MAX 32
#define RESOURCE_FIELDS_MAX 40 /* with the standard columns a row fits into DB_ARGS_MAX parameters */
#define CUSTOM_FIELDS_MAX 20   /* of a tenant's own, retired ones included */
#define ALL_FIELDS_MAX (RESOURCE_FIELDS_MAX + CUSTOM_FIELDS_MAX)
#define IMPORT_KEY_MAX 4
#define RESOURCE_STATES_MAX 64
#define STATE_NONE UINT32_MAX
#define RESOURCE_TRANSITIONS_MAX 64

/* From viewers whose access comes only through a department: who created the record, the fields marked
 * is_hidden_submitter, and the actor of whatever the submitter did. */
struct anonymity {
    bool is_on;
    const struct field *unless; /* boolean: the submitter agreed to be named */
};

/* Duplicates: a record that says the same as another ends in a state of its own and refers to the one that stays. */
struct merging {
    const struct field *field; /* the reference; NULL: the resource knows no duplicates */
    uint32_t state;
    uint64_t into;              /* bit per state in which the other may be */
    const struct field **shows; /* of the other, to those who submitted the duplicate */
    uint32_t show_count;
};

/* What a resource takes beside its records. */
struct attachments_rule {
    bool is_on;
    uint32_t types; /* bit per enum file_group (file_type.h) */
    uint32_t max_count;
    uint64_t max_bytes; /* of one */
    uint32_t permission;
};
struct comments_rule {
    bool is_on;
    bool may_be_internal;
    uint32_t permission;
};

enum resource_action {
    ACTION_READ,
    ACTION_CREATE,
    ACTION_UPDATE,
    ACTION_DELETE,
    ACTION_UNMASK,
    ACTION_STATISTICS, /* to count what one may not read; docs/statistics.md */
    ACTION_IMPORT,
    ACTION_EXPORT,
    RESOURCE_ACTIONS
};
extern const char *const resource_action_names[RESOURCE_ACTIONS];

struct resource {
    const char *plugin, *name;
    const char *full_name; /* "plugin.resource" */
    const char *table;     /* quoted: px_plugin."resource" */
    struct label label;
    uint32_t levels;           /* bit per enum level at which records may be created */
    const char *number_prefix; /* NULL: not numbered */
    bool number_per_year;
    uint32_t number_digits;
    struct field *fields;
    uint32_t field_count;
    uint32_t column_count; /* of these: declared, with a column each; behind them come the tenant's own */
    struct state *states;
    uint32_t state_count, initial_state;
    struct transition *transitions;
    uint32_t transition_count;
    bool submitter_may_update, submitter_may_delete; /* the creator, while in the initial state */
    uint32_t remind_before;                          /* working days before the deadline; 0: not */
    bool remind_overdue;
    struct anonymity anonymity;
    struct merging merging;
    bool is_about_person; /* each record is about one person, who may read all that is said there */
    const struct field
        *person; /* leads to that person: an account, or a record about them; NULL: to nobody who signs in */
    const char *consent;                 /* the purpose that person must have agreed to; NULL: none */
    uint32_t import_key[IMPORT_KEY_MAX]; /* of fields, which tell a record again */
    uint32_t import_key_count;
    struct attachments_rule attachments;
    struct comments_rule comments;
    const struct field *sort; /* of lists that ask for none; NULL: newest first */
    bool sort_desc;
    uint32_t permissions[RESOURCE_ACTIONS];
    uint32_t index;      /* in the registry */
    const char *columns; /* of SELECTs, made once when the registry takes the resource */
    json_t *json;        /* the declaration itself */
};

/* What is wrong with a declaration. Lines count from 1; 0 when the source text is not at hand. */
struct declaration_fault {
    struct declaration_fault *next;
    const char *pointer, *message, *suggestion; /* suggestion may be NULL */
    uint32_t line, column;
};

struct declaration_report {
    struct arena *arena;
    struct text source; /* to find lines in; may be empty */
    struct declaration_fault *first, **tail;
    uint32_t count;
};

/* Checks and compiles. 0 and *ret in the arena, which must outlive it; -EINVAL with the report filled. Declares no
 * permission and registers nothing, so that `plugin check` may call it too. */
MUSTCHECK int declaration_parse(struct arena *a, const char *plugin, json_t *json,
    struct declaration_report *report, struct resource **ret);

const struct field *resource_field(const struct resource *res, struct text name); /* NULL */
/* May lists show it, besides fields? */
bool resource_is_standard_column(struct text name);
/* Does the text have the form of the field's pattern, if it has one? */
bool field_matches(const struct field *f, const char *s);
const struct transition *resource_transition(const struct resource *res, struct text name); /* NULL */
uint32_t resource_state(const struct resource *res, struct text name); /* its index; STATE_NONE */
/* Is there anything that its deadlines set going? */
bool resource_watches_deadlines(const struct resource *res);
/* Is the unit named in the request? */
bool transition_takes_unit(const struct transition *t);
extern const char *const transition_goal_names[]; /* state, stay, back, resume, unmerge */
extern const char *const transition_move_names[]; /* no, parent, unit, below; NULL at the end */
extern const char *const field_type_names[];      /* by enum field_type; NULL at the end */
extern const char *const field_mask_names[];      /* by enum field_mask; NULL at the end */
bool field_is_retention(const char *s);           /* P3Y, P6M, P30D */
const char *field_type_name(enum field_type t);
bool field_is_uuid(enum field_type t);
/* Does the account in the field hold the record? */
bool field_is_assignment(const struct resource *res, const struct field *f);
bool field_is_ordered(enum field_type t); /* may be sorted and filtered: a leakproof column type */
