/* The plugin works of tests/fixtures on a database of its own: people with rights at units, and what they do with its items.
 * Two tenants; the first has a county k, streets s1 and s2, communities c1 and c2 below s1, c3 below s2, the accounts a1 to a3
 * and the departments d1 and d2 at the county. Whatever fails and is not asked for ends the test. */
#pragma once

#include "support.h"

#include "access/call.h"
#include "access/permission.h"
#include "resource/declare/resource.h"

/* The id of a unit, an account or a department: UNIT("04") is c1, UNIT("a1") the first account. */
#define UNIT(n) "00000000-0000-7000-8000-0000000000" n

struct works {
    struct db *db; /* within works_run */
    struct tenant *tenant;
    const struct resource *item;
    /* sets of permissions */
    uint64_t all[PERMISSIONS_MAX / 64], reads[PERMISSIONS_MAX / 64], submits[PERMISSIONS_MAX / 64],
        finishes[PERMISSIONS_MAX / 64];
};
extern struct works works;

/* Migrations, the plugin and the rows above; once, before works_run. */
void works_set_up(void);
/* fn in a fiber, with the tenant and connections. */
void works_run(void (*fn)(void));

struct works_person {
    struct subject subject;
    struct subject_grant grant;
    struct uuid department;
    bool head;
};
struct works_person works_person(
    const char *unit, enum reach reach, const uint64_t *permissions, const char *account);
struct uuid works_id(const char *text);
/* A call of theirs, for what has no function here; works_call_end ends it. */
struct call *works_call(struct works_person *p);
void works_call_end(struct call *c);

struct uuid works_create(struct works_person *p, const char *body);
/* The status of a create that is refused; pointer NULL: for whatever reason. */
int works_refused(struct works_person *p, const char *body, const char *pointer, const char *code);
/* 0 or the status of the fault. */
int works_take(
    struct works_person *p, struct uuid id, int64_t version, const char *transition, const char *body);
int works_update(struct works_person *p, struct uuid id, int64_t version, const char *body);
/* The JSON they see; "404" and the like when refused. Valid until the next call. */
const char *works_see(struct works_person *p, struct uuid id);

struct works_page {
    int status;
    uint32_t count;
    struct uuid ids[200];
    char next[600];
    int64_t total;
};
struct works_page works_list(struct works_person *p, const char *query);
bool works_page_has(const struct works_page *p, struct uuid id);
