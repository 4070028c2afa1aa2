/* Who may put something beside a record. */
#include "resource/beside/beside.h"

#include "access/permission.h"
#include "resource/record/change.h"
#include "resource/record/reader.h"

bool beside_may(const struct call *c, const struct record *rec, uint32_t permission)
{
    if (change_may(c, rec->res, permission, rec->unit))
        return true;
    if (c->who->kind != SUBJECT_ACCOUNT)
        return false;
    if (reader_reaches(c, rec) && !uuid_eq(c->who->account, rec->created_by))
        return false;
    return subject_may_anywhere(c->who, permission);
}

int beside_forbidden(struct call *c, uint32_t permission)
{
    return call_forbidden(c, permission_info(permission)->name);
}

int beside_note(struct call *c, const struct record *rec, const char *verb, const char *object_kind,
    struct uuid object, enum beside_who who)
{
    int r = call_audit(c, arena_printf(c->arena, "%s.%s", rec->res->full_name, verb), object_kind, object,
        rec->unit_id, NULL);

    if (r == 0 && who == BESIDE_OPEN)
        r = change_publish(c, rec, verb);
    c->result_id = object;
    return r;
}

bool beside_hides(const struct record *rec, struct uuid account)
{
    return rec->hides_submitter && uuid_eq(account, rec->created_by);
}

void beside_write_account(
    struct jsonw *w, const struct record *rec, const char *key, struct uuid account, const char *name)
{
    bool hides = beside_hides(rec, account);
    char name_key[60];

    snprintf(name_key, sizeof(name_key), "%s_name", key);
    jsonw_kstr(w, key, hides || uuid_is_nil(account) ? NULL : uuid_format(account).s);
    jsonw_kstr(w, name_key, hides ? NULL : name);
    if (hides) {
        snprintf(name_key, sizeof(name_key), "%s_hidden", key);
        jsonw_kbool(w, name_key, true);
    }
}
