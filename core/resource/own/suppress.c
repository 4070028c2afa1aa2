/* Who is not invited again. */
#include "resource/own/suppress.h"

#include "access/phone.h"

static const struct db_stmt number_of = {"suppress.number",
    "SELECT phone FROM juxin.account WHERE tenant_id = $1 AND id = $2 AND phone IS NOT NULL"};
static const struct db_stmt add = {"suppress.add",
    "INSERT INTO juxin.suppression (tenant_id, phone_mac, purpose, since) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (tenant_id, phone_mac, purpose) DO UPDATE SET since = excluded.since"};
static const struct db_stmt lift = {"suppress.lift",
    "DELETE FROM juxin.suppression WHERE tenant_id = $1 AND phone_mac = $2 AND purpose IN ($3, '')"};
static const struct db_stmt since = {"suppress.since",
    "SELECT max(since) FROM juxin.suppression WHERE tenant_id = $1 AND phone_mac = $2 AND "
    "purpose IN ($3, '')"};

static void key_args(struct db_args *a, const struct call *c, const char *mac, const char *purpose)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_str(a, mac);
    db_arg_str(a, purpose);
}

/* *ret: NULL without a number. */
static int mac_of(struct call *c, struct uuid account, const char **ret)
{
    struct db_args a;
    struct db_call call = {.stmt = number_of, .args = &a};
    int r;

    *ret = NULL;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, account);
    r = call_read(c, &call, 1);
    return r < 0 || db_rows_count(call.rows) == 0 ? r : phone_mac(c, db_get(call.rows, 0, 0), ret);
}

int suppress_account(struct call *c, struct uuid account, const char *purpose)
{
    struct db_args a;
    const char *mac;
    int r = mac_of(c, account, &mac);

    if (r < 0 || !mac)
        return r;
    key_args(&a, c, mac, purpose);
    db_arg_time(&a, c->now_us);
    return db_exec(c->tx, add, &a, NULL);
}

int suppress_lift(struct call *c, const char *mac, const char *purpose)
{
    struct db_args a;

    key_args(&a, c, mac, purpose);
    return db_exec(c->tx, lift, &a, NULL);
}

int suppress_lift_account(struct call *c, struct uuid account, const char *purpose)
{
    const char *mac;
    int r = mac_of(c, account, &mac);

    return r < 0 || !mac ? r : suppress_lift(c, mac, purpose);
}

int suppress_since(struct call *c, const char *mac, const char *purpose, int64_t *ret)
{
    struct db_args a;
    struct db_call call = {.stmt = since, .args = &a};
    int r;

    key_args(&a, c, mac, purpose);
    r = call_read(c, &call, 1);
    *ret = r == 0 && db_get(call.rows, 0, 0) ? db_get_time(call.rows, 0, 0) : 0;
    return r;
}
