/* Juxin plugin interface. The only header a plugin needs: C11 or C++11, nothing but the standard headers below.
 *
 * A plugin is a directory NAME/ with plugin.json, resources/, queries.sql, locales/ and, where it needs behaviour of
 * its own, NAME.so. The shared object says who it is in an ELF note that the server reads before it loads anything
 * (JX_PLUGIN emits it), and exports one function, jx_plugin_entry, which returns a constant struct jx_plugin.
 *
 * Rules that hold for every function here:
 *   - Text is UTF-8 with a length; a NULL pointer is "no value". Text returned by the host is followed by a NUL and is
 *     valid until the plugin's function returns, unless said otherwise. The host copies text that it is given.
 *   - Functions return 0 or a negative JX_E… value and write their outputs on success only.
 *   - "May suspend" means that other requests run meanwhile: keep no state of this request in static variables.
 *     JX_ECHANGED and JX_ECANCELED ask you to return at once; the host ends or repeats the request, whatever you return.
 *   - All is called on the worker's one thread. No threads, sleeps, sockets, processes or files of your own:
 *     `juxinctl plugin check` and the loader refuse an object that imports them.
 *   - Tables only grow at the end. A member later than the minor version you were built with is safe to use after
 *     JX_HAS(table, member). */
#ifndef JUXIN_PLUGIN_H
#define JUXIN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JX_ABI_MAJOR 1u
#define JX_ABI_MINOR 1u /* the version this header describes */

/* Is the member there in the table that this host gave us? */
#define JX_HAS(table, member)                                                                                \
    ((table) != NULL &&                                                                                      \
        (size_t)((const char *)(&(table)->member + 1) - (const char *)(table)) <= (table)->size)

#define JX_COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* ---- values ---------------------------------------------------------------------------------------------------- */

struct jx_text {
    const char *ptr; /* NULL: no value */
    uint64_t len;    /* bytes */
};

#define JX_LITERAL(s)                                                                                        \
    {                                                                                                        \
        (s), sizeof(s) - 1                                                                                   \
    }

struct jx_id {
    uint8_t b[16]; /* a UUID; all zero is "none" */
};

typedef uint32_t jx_unit; /* a unit's number; means something within the current call only */
#define JX_UNIT_NONE UINT32_MAX

enum {
    JX_ENOENT = -2,  /* no such thing, or not visible to who asks */
    JX_EACCES = -13, /* permission missing, or the plugin may not do that */
    JX_EEXIST = -17, /* a unique value is taken */
    JX_EINVAL = -22, /* refused; the reason is kept for the answer to the user */
    JX_E2BIG = -7,
    JX_EAGAIN = -11, /* overloaded; try later */
    JX_EIO = -5,
    JX_ENOTSUP = -95, /* this host cannot do that */
    JX_ETIMEDOUT = -110,
    JX_ESTALE = -116,    /* somebody else changed it meanwhile */
    JX_ECANCELED = -125, /* the request is over: return */
    JX_ECHANGED = -78    /* rights or policy moved under us: return, the host starts again */
};

/* Opaque handles. */
struct jx_call;   /* this invocation: who asks, the transaction, the memory */
struct jx_record; /* one record of a declared resource */
struct jx_rows;   /* the result of a named statement */
struct jx_json;   /* JSON being written */

/* ---- results --------------------------------------------------------------------------------------------------- */

enum jx_verdict {
    JX_ERROR = 0, /* what a plugin that died halfway leaves behind: never consent */
    JX_OK = 1,
    JX_VETO = 2, /* filters: refuse, with code and message. actions: give up, dead letter */
    JX_RETRY = 3 /* actions only: deliver again later */
};

/* Filled by the plugin; zeroed by the host before. Text must live until the function has returned and a little longer:
 * literals, or memory from core->alloc / core->format. */
struct jx_result {
    uint32_t size;
    uint32_t verdict; /* enum jx_verdict */
    const char *code; /* stable, snake_case: "too_many_reopens" */
    const char *message_en;
    const char *message_zh;
    const char *pointer; /* JSON Pointer of the field it is about, or NULL */
};

static inline void jx_ok(struct jx_result *r)
{
    r->verdict = JX_OK;
}

static inline void jx_veto(
    struct jx_result *r, const char *pointer, const char *code, const char *en, const char *zh)
{
    r->verdict = JX_VETO;
    r->pointer = pointer;
    r->code = code;
    r->message_en = en;
    r->message_zh = zh;
}

/* ---- what a plugin offers -------------------------------------------------------------------------------------- */

enum jx_point {
    JX_VALIDATE = 1, /* filters, in the request's transaction */
    JX_BEFORE_CREATE = 2,
    JX_BEFORE_UPDATE = 3,
    JX_BEFORE_DELETE = 4,
    JX_BEFORE_TRANSITION = 5,
    JX_SERIALISE = 6,     /* filter, when records are shown: may hide fields; must not write */
    JX_AFTER_CREATE = 33, /* actions, after the commit, at least once */
    JX_AFTER_UPDATE = 34,
    JX_AFTER_DELETE = 35,
    JX_AFTER_TRANSITION = 36
};

enum jx_phase { JX_NORMAL = 0, JX_EARLY = 1, JX_LATE = 2 }; /* order: early, normal, late; then plugin id */

enum jx_flags {
    JX_FAIL_CLOSED = 0, /* an ERROR refuses the request */
    JX_FAIL_OPEN = 1,   /* an ERROR is logged and passed over; not honoured at JX_VALIDATE */
    JX_WRITES = 2       /* the filter changes other records or rows: it gets a savepoint */
};

/* Takes part before something happens. Entered only where the plugin is effective at the records' unit. All records are
 * of one resource and unit. May suspend. Since 1.0. */
struct jx_filter {
    uint32_t point; /* enum jx_point, 1 to 6 */
    uint32_t phase; /* enum jx_phase */
    uint32_t flags; /* enum jx_flags */
    uint32_t reserved;
    const char *name;       /* in traces and logs: "reopen_limit" */
    const char *resource;   /* "suggestions.suggestion" */
    const char *transition; /* JX_BEFORE_TRANSITION: its name; NULL: any */
    void (*fn)(
        struct jx_call *call, struct jx_record *const *records, uint32_t count, struct jx_result *result);
};

/* What an action is told: ids and names, no values; read the record if you need them (it may have changed since). */
struct jx_event {
    uint32_t size;
    uint32_t point;
    const char *resource;
    const char *transition; /* NULL unless JX_AFTER_TRANSITION */
    const char *changed;    /* comma-separated field names; "" */
    struct jx_id id;        /* of the record */
    jx_unit unit;           /* that handles it; JX_UNIT_NONE when the unit is gone */
    uint32_t reserved;
    int64_t version; /* of the record when it happened */
};

/* Takes part after a commit. Runs at least once, in order per record: make it idempotent. Runs as the plugin. JX_OK: done;
 * JX_RETRY or JX_ERROR: again later, with back-off; JX_VETO: give up. May suspend. Since 1.0. */
struct jx_action {
    uint32_t point; /* enum jx_point, 33 to 36 */
    uint32_t reserved;
    const char *name;
    const char *resource;
    const char *transition; /* NULL: any */
    void (*fn)(struct jx_call *call, const struct jx_event *event, struct jx_result *result);
};

enum jx_provider_kind {
    JX_STATISTICS = 1,
    JX_CARD = 2,
    JX_MENU = 3,
    JX_SEARCH = 4,
    JX_REPORT = 5,
    JX_HEALTH = 7
};

/* Contributes one JSON value to an answer that others contribute to as well. Read-only; if it fails its part is missing
 * and the answer says so. May suspend. Since 1.0. */
struct jx_provider {
    uint32_t kind; /* enum jx_provider_kind */
    uint32_t reserved;
    const char *name;
    const char *label_zh;
    const char *label_en;
    const char *permission; /* full name; asked for at the unit first. NULL: signed in is enough */
    void (*fn)(struct jx_call *call, jx_unit unit, struct jx_json *out, struct jx_result *result);
};

enum jx_method { JX_GET = 1, JX_POST = 2, JX_PUT = 3, JX_PATCH = 4, JX_DELETE = 5 };

/* Answers /t/{tenant}/api/v1/{plugin}{path}. It is about one unit: the path parameter {unit}, else the query parameter
 * `unit` (id or code), else the tenant's root. Before fn runs the host has authenticated, asked whether the plugin is
 * effective at that unit and whether the subject has the permission there. What fn wrote is committed when it returns
 * JX_OK and rolled back otherwise. May suspend. Since 1.0. */
struct jx_route {
    uint32_t method; /* enum jx_method */
    uint32_t reserved;
    const char *path;       /* "/summary", "/summary/{unit}" */
    const char *permission; /* full name; required */
    const char *summary_zh; /* one line for OpenAPI */
    const char *summary_en;
    const char *members; /* accepted members of the JSON body, comma-separated; NULL: no body */
    void (*fn)(struct jx_call *call, jx_unit unit, struct jx_result *result);
};

enum jx_lifecycle_event {
    JX_LOAD = 1,         /* once per process, call is NULL: no host function that takes a call */
    JX_WORKER_START = 2, /* call is NULL */
    JX_ENABLE_UNIT = 3,  /* the plugin became effective at the unit, one made later too; told soon after */
    JX_DISABLE_UNIT = 4, /* … stopped being so */
    JX_DRAIN = 5         /* call is NULL */
};

/* Idempotent: may be told the same more than once. May suspend when there is a call. Since 1.0. */
struct jx_lifecycle {
    uint32_t event;
    uint32_t reserved;
    void (*fn)(struct jx_call *call, jx_unit unit, struct jx_result *result);
};

/* What a step of a job is told. Since 1.1. */
struct jx_job_step {
    uint32_t size;
    uint32_t attempt; /* from 1 */
    struct jx_id job;
    jx_unit unit;
    uint32_t reserved;
    struct jx_text input;      /* JSON, as it was added */
    struct jx_text checkpoint; /* as the last step left it; no value at first */
    int64_t done, total;       /* likewise; total 0: not known */
};

/* What takes longer than a request may: begun by host->job->add, done step by step. Each call of fn is one unit of work, committed
 * together with what host->job->progress said in it, or not at all: a job that is broken off (kill, reload, lost database) goes on
 * behind its last step, and no step is done twice. JX_OK: the step is done, and behind host->job->finish, or where it said nothing of
 * progress, so is the job. JX_RETRY: again later; JX_ERROR: again, five times at most; JX_VETO: failed for good, with code and
 * message. Runs for whoever added it, with the rights they have then; what an action added runs as the plugin. Where the plugin is
 * not effective the job waits; it ends between two steps when somebody cancels it. May suspend. Since 1.1. */
struct jx_job {
    uint32_t flags; /* 0 */
    uint32_t reserved;
    const char *name; /* 1 to 40 of a-z, 0-9 and _ */
    const char *label_zh;
    const char *label_en;
    void (*fn)(struct jx_call *call, const struct jx_job_step *step, struct jx_result *result);
};

/* Everything, constant for the life of the process. *_size is the size of one element as the plugin knows it, so that
 * elements may grow in later minor versions; the macros below fill count and size. */
struct jx_plugin {
    uint32_t size; /* sizeof(struct jx_plugin) */
    uint32_t filter_count, filter_size;
    uint32_t action_count, action_size;
    uint32_t provider_count, provider_size;
    uint32_t route_count, route_size;
    uint32_t lifecycle_count, lifecycle_size;
    uint32_t reserved;
    const struct jx_filter *filters;
    const struct jx_action *actions;
    const struct jx_provider *providers;
    const struct jx_route *routes;
    const struct jx_lifecycle *lifecycle;
    uint32_t job_count, job_size; /* since 1.1, and jobs */
    const struct jx_job *jobs;
};

/* Use in the initialiser: { .size = sizeof(struct jx_plugin), JX_FILTERS(my_filters), JX_ROUTES(my_routes) } */
#define JX_FILTERS(a) .filters = (a), .filter_count = JX_COUNT(a), .filter_size = sizeof((a)[0])
#define JX_ACTIONS(a) .actions = (a), .action_count = JX_COUNT(a), .action_size = sizeof((a)[0])
#define JX_PROVIDERS(a) .providers = (a), .provider_count = JX_COUNT(a), .provider_size = sizeof((a)[0])
#define JX_ROUTES(a) .routes = (a), .route_count = JX_COUNT(a), .route_size = sizeof((a)[0])
#define JX_LIFECYCLE(a) .lifecycle = (a), .lifecycle_count = JX_COUNT(a), .lifecycle_size = sizeof((a)[0])
#define JX_JOBS(a) .jobs = (a), .job_count = JX_COUNT(a), .job_size = sizeof((a)[0])

/* ---- what the host offers -------------------------------------------------------------------------------------- */

enum jx_log_level { JX_LOG_DEBUG, JX_LOG_INFO, JX_LOG_WARN, JX_LOG_ERROR };

/* Since 1.0. None of these suspends. */
struct jx_core_api {
    uint64_t size;
    /* Writes one log line naming the plugin and the request. Never personal data: ids and numbers. call may be NULL. */
    void (*log)(struct jx_call *call, uint32_t level, const char *event, const char *detail);
    /* Microseconds since 1970, UTC. The moment of the call, the same throughout it. call NULL: now. */
    int64_t (*now)(struct jx_call *call);
    /* A new time-ordered UUID (version 7). */
    struct jx_id (*id_new)(void);
    /* 36 characters, lower case, in the call's memory. */
    struct jx_text (*id_text)(struct jx_call *call, struct jx_id id);
    /* JX_EINVAL when it is no UUID. */
    int32_t (*id_parse)(struct jx_text text, struct jx_id *ret);
    /* Zeroed memory that lives as long as the call. At most 1 MiB at once; NULL beyond. Never freed by the plugin. */
    void *(*alloc)(struct jx_call *call, uint64_t size);
    /* printf into the call's memory, at most 64 KiB. */
    struct jx_text (*format)(struct jx_call *call, const char *format, ...);
    /* The text as a JSON string with its quotes; "null" for no value. */
    struct jx_text (*json_quote)(struct jx_call *call, struct jx_text text);
    /* This plugin's setting at a unit (nearest value wins, else the manifest's default); no value when not declared. */
    struct jx_text (*setting)(struct jx_call *call, jx_unit unit, const char *key);
};

enum jx_as {
    JX_AS_USER = 0,  /* with the rights of who asks */
    JX_AS_PLUGIN = 1 /* with the plugin's own: its own resources, and fields set by the plugin */
};

/* Records, the plugin's own and those of others. Values are text: decimal integers, true/false, RFC 3339 times,
 * YYYY-MM-DD dates, UUIDs, JSON for objects. Since 1.0. */
struct jx_record_api {
    uint64_t size;
    /* Members of a record at hand. Do not suspend. */
    const char *(*resource)(const struct jx_record *rec);
    struct jx_id (*id)(const struct jx_record *rec);
    jx_unit (*unit)(const struct jx_record *rec);                          /* that handles it now */
    struct jx_text (*get)(const struct jx_record *rec, const char *field); /* as it will be; "state" too */
    struct jx_text (*get_old)(
        const struct jx_record *rec, const char *field); /* as it was; no value on create */
    bool (*is_changed)(const struct jx_record *rec, const char *field);
    /* Filters before create, update, transition: changes a field. JX_ENOENT no such field; JX_EINVAL not a valid value. */
    int32_t (*set)(struct jx_call *call, struct jx_record *rec, const char *field, struct jx_text value);
    /* JX_SERIALISE: leaves the field out and says so. */
    void (*hide)(struct jx_record *rec, const char *field);

    /* Whole operations: validation, permission, policy gate, hooks, history and audit included; part of the request's
     * transaction. All may suspend. JX_ENOENT, JX_EACCES, JX_EINVAL, JX_ESTALE, JX_EEXIST, JX_EAGAIN, JX_EIO. */
    int32_t (*read)(
        struct jx_call *call, uint32_t as, const char *resource, struct jx_id id, struct jx_record **ret);
    /* filter as in the API: "state=in.(new,late)&order=due.desc"; at most 1000. Array in the call's memory. */
    int32_t (*list)(struct jx_call *call, uint32_t as, const char *resource, const char *filter,
        uint32_t limit, struct jx_record ***ret, uint32_t *ret_count);
    /* json: an object of field values; create also takes "unit". ret may be NULL. */
    int32_t (*create)(
        struct jx_call *call, uint32_t as, const char *resource, struct jx_text json, struct jx_record **ret);
    int32_t (*update)(struct jx_call *call, uint32_t as, const char *resource, struct jx_id id,
        struct jx_text json, struct jx_record **ret);
    int32_t (*transition)(struct jx_call *call, uint32_t as, const char *resource, struct jx_id id,
        const char *name, struct jx_text json, struct jx_record **ret);
};

/* Named statements of the plugin's queries.sql, on the plugin's own tables. $1 is the tenant, filled in by the host;
 * the plugin's parameters are $2, $3, … as declared there. Since 1.0. */
struct jx_query_api {
    uint64_t size;
    /* May suspend. SELECT outside a transaction is one round trip; INSERT, UPDATE, DELETE open or join the request's
     * transaction. JX_ENOENT no such statement; JX_EINVAL wrong number or type of parameters; JX_EACCES writing where
     * only reading is allowed (providers, JX_SERIALISE). */
    int32_t (*run)(struct jx_call *call, const char *statement, const struct jx_text *params, uint32_t count,
        struct jx_rows **ret);
    /* The rest does not suspend. Row and column from 0; no value outside and for SQL NULL. */
    uint32_t (*count)(const struct jx_rows *rows);
    uint64_t (*affected)(const struct jx_rows *rows);
    struct jx_text (*get)(const struct jx_rows *rows, uint32_t row, uint32_t column);
};

/* The request and the answer; for routes. Providers use the json_* functions on the writer they are given. None
 * suspends. Since 1.0. */
struct jx_http_api {
    uint64_t size;
    struct jx_text (*param)(struct jx_call *call, const char *name); /* of the path; no value elsewhere */
    struct jx_text (*query)(struct jx_call *call, const char *name);
    /* A member of the JSON body: strings as they are, numbers and booleans as text, objects and arrays as JSON. */
    struct jx_text (*body)(struct jx_call *call, const char *member);
    /* Begins the answer; the writer makes one JSON value. NULL outside a route. */
    struct jx_json *(*respond)(struct jx_call *call, int32_t status);
    void (*json_object)(struct jx_json *out);
    void (*json_object_end)(struct jx_json *out);
    void (*json_array)(struct jx_json *out);
    void (*json_array_end)(struct jx_json *out);
    void (*json_key)(struct jx_json *out, const char *key);
    void (*json_text)(struct jx_json *out, struct jx_text value); /* no value writes null */
    void (*json_int)(struct jx_json *out, int64_t value);
    void (*json_bool)(struct jx_json *out, bool value);
    /* The status of a JX_VETO's problem document; 409 unless set. 400 to 499. */
    void (*veto_status)(struct jx_call *call, int32_t status);
};

enum jx_subject_kind {
    JX_SUBJECT_ANONYMOUS,
    JX_SUBJECT_ACCOUNT,
    JX_SUBJECT_OPERATOR,
    JX_SUBJECT_SYSTEM,
    JX_SUBJECT_PLUGIN
};

/* Who asks. None suspends. Since 1.0. */
struct jx_subject_api {
    uint64_t size;
    uint32_t (*kind)(struct jx_call *call);
    struct jx_id (*account)(struct jx_call *call); /* zero when there is none */
    /* Has the subject the permission (full name) at the unit? */
    bool (*may)(struct jx_call *call, const char *permission, jx_unit unit);
    bool (*in_department)(struct jx_call *call, struct jx_id department, bool as_head);
    /* Departments of the subject: the n-th, zero beyond the last. */
    struct jx_id (*department)(struct jx_call *call, uint32_t n);
};

enum jx_level { JX_COUNTY, JX_STREET, JX_COMMUNITY, JX_PARK };

/* The tenant's tree as this call sees it. None suspends. Since 1.0. */
struct jx_unit_api {
    uint64_t size;
    jx_unit (*root)(struct jx_call *call);
    jx_unit (*find)(struct jx_call *call, struct jx_text id_or_code); /* JX_UNIT_NONE */
    jx_unit (*parent)(struct jx_call *call, jx_unit unit);            /* JX_UNIT_NONE for the root */
    uint32_t (*level)(struct jx_call *call, jx_unit unit);            /* enum jx_level */
    struct jx_id (*id)(struct jx_call *call, jx_unit unit);
    struct jx_text (*code)(struct jx_call *call, jx_unit unit);
    struct jx_text (*name)(struct jx_call *call, jx_unit unit);
    bool (*is_under)(struct jx_call *call, jx_unit unit, jx_unit ancestor); /* a unit is under itself */
};

/* Which plugin runs where. None suspends. Since 1.0. */
struct jx_policy_api {
    uint64_t size;
    bool (*is_on)(struct jx_call *call, const char *plugin, jx_unit unit);
    /* The unit itself or the nearest above it where the plugin is effective; JX_UNIT_NONE. */
    jx_unit (*nearest_on)(struct jx_call *call, const char *plugin, jx_unit unit);
};

/* Working days of the tenant's calendar. Dates are days since 1970-01-01 in the tenant's time zone. None suspends.
 * Since 1.0. */
struct jx_calendar_api {
    uint64_t size;
    int32_t (*today)(struct jx_call *call);
    /* The date `count` working days after `from` (before it when negative). JX_ENOTSUP when the calendar does not reach. */
    int32_t (*add_working_days)(struct jx_call *call, int32_t from, int32_t count, int32_t *ret);
    /* Working days after `from` up to and including `to`; negative when `to` is earlier. */
    int32_t (*working_days_between)(struct jx_call *call, int32_t from, int32_t to, int32_t *ret);
    int32_t (*date_parse)(struct jx_text text, int32_t *ret); /* YYYY-MM-DD; JX_EINVAL */
    struct jx_text (*date_text)(struct jx_call *call, int32_t days);
};

/* A request to another system. Since 1.1. */
struct jx_http_request {
    uint32_t size;   /* sizeof(struct jx_http_request) */
    uint32_t method; /* enum jx_method */
    const char *url; /* https, or http where the operator allows the host; no user and no password in it */
    const char *const *headers; /* "Name: value", ended by NULL; at most 32 of 4096 bytes; NULL for none */
    struct jx_text body;        /* at most 1 MiB */
    uint32_t timeout_ms; /* for all of it; 0: 10000; at most 30000, and what is left of the call's time */
    uint32_t answer_max; /* bytes of the answer; 0: 65536; at most 1 MiB */
};

#define JX_SENT 1u /* the other side may have got the request, or part of it */

/* Its answer, in the call's memory. Since 1.1. */
struct jx_http_answer {
    uint32_t size; /* sizeof(struct jx_http_answer), set by the plugin */
    uint32_t
        flags; /* JX_SENT; after an error too: what must not be done twice is then not asked for again blindly */
    int32_t status; /* 0: none came */
    uint32_t retry_after_s;
    struct jx_text body;
    struct jx_text content_type;
};

/* Since 1.1. */
struct jx_fetch_api {
    uint64_t size;
    /* Suspends. 0 with any status; redirects are not followed. The host has to be named in the manifest's "hosts", and its
     * address to be public or allowed by the operator: else JX_EACCES. JX_ENOTSUP in filters and providers and once the call
     * has begun to write (a request with an Idempotency-Key has at its beginning): a transaction waits for nobody, so ask
     * from an action. JX_EINVAL no such request; JX_E2BIG too large an answer; JX_ETIMEDOUT; JX_EAGAIN too many at once;
     * JX_EIO nobody there, a certificate that is not believed, an answer broken off. */
    int32_t (*http)(struct jx_call *call, const struct jx_http_request *request, struct jx_http_answer *ret);
};

/* A notice to people, by a template of the manifest's "notices". Since 1.1. */
struct jx_notice {
    uint32_t size;               /* sizeof(struct jx_notice) */
    jx_unit unit;                /* where the plugin is not effective the notice is not shown */
    const char *kind;            /* a name of the manifest's notices */
    const struct jx_id *holders; /* accounts, and departments for all their members; at most 1000 */
    uint32_t holder_count;
    uint32_t reserved;
    const char *resource; /* with record: what it is about, full name; NULL for nothing */
    struct jx_id record;
    struct jx_text
        params; /* JSON, an object of at most 20 texts of 200 characters; no value: none. Never personal data */
};

/* Since 1.1. */
struct jx_notify_api {
    uint64_t size;
    /* May suspend. Part of the call's unit of work. Who has muted the kind or is disabled is left out. JX_ENOENT no such
     * kind; JX_EINVAL params that are none, no such unit; JX_EACCES where only reading is allowed. */
    int32_t (*tell)(struct jx_call *call, const struct jx_notice *notice);
};

/* A job to be added. Since 1.1. */
struct jx_job_input {
    uint32_t size;    /* sizeof(struct jx_job_input) */
    jx_unit unit;     /* where the plugin has to be effective; JX_UNIT_NONE: the root */
    const char *name; /* one of the plugin's jobs */
    const char *key;  /* at most one open job of that name has it; NULL: any number */
    struct jx_text
        input; /* JSON, an object of at most 16 KiB of ids, names and numbers, never personal values; no value: {} */
    int64_t run_at; /* wall clock, microseconds; 0: soon after the commit */
};

/* Since 1.1. */
struct jx_job_api {
    uint64_t size;
    /* May suspend. Part of the call's unit of work. ret may be NULL. JX_ENOENT the plugin has no such job; JX_EEXIST one of that key is
     * open; JX_EINVAL; JX_EACCES where only reading is allowed. */
    int32_t (*add)(struct jx_call *call, const struct jx_job_input *input, struct jx_id *ret);
    /* May suspend. Part of the call's unit of work. Asks one of the plugin's own jobs to end, at once where it waits and behind its
     * step where it runs, as who asks: the subject's own, or any with core.job.manage. JX_ENOENT, JX_EINVAL it has ended. */
    int32_t (*cancel)(struct jx_call *call, struct jx_id job);
    /* In a step of a job, else JX_ENOTSUP: how far it is with this step, and what the next one goes on from (UTF-8, at most 16 KiB; no
     * value: none). The last one said counts. JX_EINVAL. */
    int32_t (*progress)(struct jx_call *call, int64_t done, int64_t total, struct jx_text checkpoint);
    /* In a step of a job: this is the last. result: a JSON object for who asks after the job, likewise without personal values. */
    int32_t (*finish)(struct jx_call *call, struct jx_text result);
};

/* Files beside records, by the record's permission, as whoever is named by `as` (enum jx_as). All may suspend. Since 1.1. */
#define JX_FILE_MAX (4u << 20) /* bytes of one that a plugin adds */
struct jx_file_api {
    uint64_t size;
    /* {"items": […]} as GET …/attachments has it. JX_ENOENT no such record, or its resource has no files. */
    int32_t (*list)(
        struct jx_call *call, uint32_t as, const char *resource, struct jx_id record, struct jx_text *ret);
    /* At most max bytes (1 MiB at once) from offset on; fewer, or none, behind its end. */
    int32_t (*read)(struct jx_call *call, uint32_t as, const char *resource, struct jx_id record,
        struct jx_id file, uint64_t offset, uint64_t max, struct jx_text *ret);
    /* Part of the call's unit of work. What the file is counts by its content, its name gets the ending for it. ret may be NULL.
     * JX_E2BIG more than JX_FILE_MAX or than the resource allows; JX_EINVAL a name that is none, a kind that is not accepted, as many
     * files as there may be; JX_EACCES. */
    int32_t (*add)(struct jx_call *call, uint32_t as, const char *resource, struct jx_id record,
        const char *name, struct jx_text content, struct jx_id *ret);
};

struct jx_host {
    uint32_t size;
    uint16_t abi_major, abi_minor; /* of the host */
    const char *version;           /* of the server, for logs */
    const struct jx_core_api *core;
    const struct jx_record_api *record;
    const struct jx_query_api *query;
    const struct jx_http_api *http;
    const struct jx_subject_api *subject;
    const struct jx_unit_api *unit;
    const struct jx_policy_api *policy;
    const struct jx_calendar_api *calendar;
    const struct jx_fetch_api *fetch;   /* since 1.1 */
    const struct jx_notify_api *notify; /* since 1.1 */
    const struct jx_job_api *job;       /* since 1.1 */
    const struct jx_file_api *file;     /* since 1.1 */
};

/* ---- who the plugin is ----------------------------------------------------------------------------------------- */

#define JX_NOTE_OWNER "Juxin"
#define JX_NOTE_TYPE 1u
#define JX_NOTE_MAGIC "JXPLUGIN"

/* The ELF note, byte for byte (little-endian, no pointers, no padding). Frozen for ever. */
struct jx_note {
    uint32_t owner_size, descriptor_size, type;
    char owner[8];                 /* "Juxin" and zeros */
    char magic[8];                 /* descriptor from here on; without a NUL */
    uint32_t size;                 /* of the descriptor */
    uint16_t abi_major, abi_minor; /* minor: the least the plugin needs */
    char name[64];                 /* as in plugin.json and as the directory is called */
    char version[32];
};
#define JX_DESCRIPTOR_SIZE 112u

#define JX_EXPORT __attribute__((visibility("default")))

/* Exactly one exported function. Called once per process, after the note was accepted. NULL: the plugin declines. */
JX_EXPORT const struct jx_plugin *jx_plugin_entry(const struct jx_host *host);

#ifdef __cplusplus
}
#define JX_STATIC_ASSERT static_assert
#else
#define JX_STATIC_ASSERT _Static_assert
#endif

/* JX_PLUGIN("suggestions", "0.1.0", start): once, at file level, without a semicolon.
 * start: const struct jx_plugin *start(const struct jx_host *host). Keep the host pointer: it stays valid.
 * JX_PLUGIN_NEEDS additionally names the least minor version the plugin can do with. */
#define JX_PLUGIN(plugin_name, plugin_version, start) JX_PLUGIN_NEEDS(plugin_name, plugin_version, 0, start)
#define JX_PLUGIN_NEEDS(plugin_name, plugin_version, minor, start)                                           \
    JX_STATIC_ASSERT(                                                                                        \
        sizeof(plugin_name) <= 64 && sizeof(plugin_version) <= 32, "name or version is too long");           \
    JX_STATIC_ASSERT(sizeof(struct jx_note) == 20 + JX_DESCRIPTOR_SIZE, "the note has no padding");          \
    __attribute__((section(".note.juxin"), used,                                                             \
        aligned(4))) static const struct jx_note jx_note_of_plugin = {6, JX_DESCRIPTOR_SIZE, JX_NOTE_TYPE,   \
        {'J', 'u', 'x', 'i', 'n', 0, 0, 0}, {'J', 'X', 'P', 'L', 'U', 'G', 'I', 'N'}, JX_DESCRIPTOR_SIZE,    \
        (uint16_t)JX_ABI_MAJOR, (uint16_t)(minor), plugin_name, plugin_version};                             \
    const struct jx_plugin *jx_plugin_entry(const struct jx_host *jx_host_)                                  \
    {                                                                                                        \
        return start(jx_host_);                                                                              \
    }

#endif
