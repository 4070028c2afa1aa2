/* juxinctl: a table of commands, one file each. A command parses nothing itself: its table says which options and
 * arguments it takes, and it says what it found through the ctl_ functions, so that --json works everywhere. */
#pragma once

#include "access/call.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/jsonw.h"
#include "db/db.h"

enum ctl_exit { CTL_OK, CTL_FAILED, CTL_USAGE, CTL_NOT_FOUND, CTL_REFUSED, CTL_NO_DATABASE };

struct ctl;

struct ctl_option {
    const char *name;  /* without dashes */
    const char *value; /* "NAME"; NULL for a flag */
    const char *help;
    bool is_required;
};

enum ctl_needs {
    CTL_PLAIN,    /* nothing */
    CTL_CONFIG,   /* c->config */
    CTL_DATABASE, /* runs in a fiber, c->db open as the app role */
    CTL_OWNER,    /* … as the owner role */
    CTL_AGGREGATE /* … as the role for counts above tenants */
};

#define CTL_OPTIONS_MAX 16
#define CTL_ARGUMENTS_MAX 64

struct ctl_command {
    const char *name;      /* "tenant create" */
    const char *arguments; /* "SLUG"; for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* what it does, and an example that works */
    uint32_t arguments_min, arguments_max;
    enum ctl_needs needs;
    int (*run)(struct ctl *c); /* enum ctl_exit */
    struct ctl_option options[CTL_OPTIONS_MAX];
};

struct ctl {
    struct config *config;
    const char *config_file;
    bool json, yes;
    const struct ctl_command *command;
    const char *argument[CTL_ARGUMENTS_MAX];
    uint32_t argument_count;
    const char *option[CTL_OPTIONS_MAX]; /* as in the command's table; NULL when not given */
    struct db *db;
    struct arena *arena; /* until the command ends */
    struct subject who;  /* SUBJECT_OPERATOR */
    struct buf out;      /* the JSON answer, written at the end */
    struct jsonw w;
};

const char *ctl_option(const struct ctl *c, const char *name); /* NULL when not given */
bool ctl_flag(const struct ctl *c, const char *name);

/* Says what went wrong and what to do about it, on standard error; returns `code`. */
int ctl_fail(struct ctl *c, enum ctl_exit code, const char *format, ...) PRINTF_LIKE(3, 4);
/* The exit code for an errno of the floors below, having said so. `what` is what was tried. */
int ctl_fail_errno(struct ctl *c, int error, const char *what);
/* The exit code for a call that ended with `error`: its fault's texts, line by line. */
int ctl_fail_call(struct ctl *c, const struct call *call, int error, const char *what);
/* A line for people; nothing with --json. Progress goes to standard error. */
void ctl_say(struct ctl *c, const char *format, ...) PRINTF_LIKE(2, 3);
void ctl_progress(struct ctl *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* Asks for what hurts: true with --yes or a "yes" typed at a terminal. */
bool ctl_confirm(struct ctl *c, const char *question);

/* Reads at most `max` bytes of a file, "-" for standard input. The exit code, having said what is wrong. */
MUSTCHECK int ctl_read_file(struct ctl *c, const char *path, size_t max, struct buf *out);
/* A file with JSON in it: *ret is the caller's to json_decref. The exit code, having said what is wrong and in which line. */
MUSTCHECK int ctl_read_json(struct ctl *c, const char *path, size_t max, json_t **ret);

/* Runs fn in a call of the tenant, from the start again when somebody changes the tenant meanwhile, and commits what it
 * began. fn returns 0 or what the services return; what is wrong is said here. The exit code. `what` is what is tried:
 * "creating unit 330102". */
int ctl_in_tenant(struct ctl *c, const char *slug, int (*fn)(struct ctl *c, struct call *call, void *arg),
    void *arg, const char *what);

/* The audit row of what the operator does in a unit of work that no call has opened. */
MUSTCHECK int ctl_audit(
    struct ctl *c, struct db_tx *tx, const char *action, const char *object_kind, const char *fields);

/* A table: with --json an array of objects keyed by the titles, else aligned columns under them. */
struct ctl_table;
struct ctl_table *ctl_table_new(struct ctl *c, const char *const *titles); /* NULL-terminated, snake_case */
void ctl_table_cell(struct ctl_table *t, const char *value); /* row by row; copied; NULL is empty */
void ctl_table_end(struct ctl_table *t);                     /* writes and frees it */
/* A read whose columns are those of the table, row by row as they come: 0 or an error of call_read. */
MUSTCHECK int ctl_table_read(
    struct ctl *c, struct call *call, struct db_call *read, const char *const *titles);
void ctl_table_free(struct ctl_table *t); /* frees it unwritten */
