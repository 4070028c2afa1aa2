/* Sealing what is sensitive, and showing it one record at a time. */
#include "resource/record/secret.h"

#include <errno.h>

#include "base/log.h"
#include "db/cipher.h"
#include "resource/record/person.h"

#define REASON_MAX 500 /* characters */

static const struct db_stmt note = {"secret.note",
    "INSERT INTO juxin.reveal (tenant_id, id, at, resource, record_id, person_id, actor_id, fields, reason) "
    "VALUES ($1, $2, $3, $4, "
    "$5, $6, $7, $8, $9)"};

bool secret_has_any(const struct resource *res)
{
    for (uint32_t i = 0; i < res->field_count; i++)
        if (res->fields[i].is_sensitive)
            return true;
    return false;
}

/* What a sealed value is bound to. */
static struct text binding(struct call *c, const struct record *rec, const struct field *f)
{
    return text_of(arena_printf(
        c->arena, "%d|%s|%s|%s", c->tenant->id, rec->res->full_name, uuid_format(rec->id).s, f->name));
}

static int no_key(struct call *c, const struct record *rec, const struct field *f, int error)
{
    log_event(LOG_ERROR, "secret.failed", LF_INT("tenant", c->tenant->id),
        LF_STR("resource", rec->res->full_name), LF_STR("field", f->name), LF_INT("error", error));
    return call_fail(c, 503, "not_readable", "A sensitive value cannot be sealed or opened now.",
        "敏感信息暂时无法加密或解密。");
}

int secret_seal(struct call *c, struct record *rec)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];
        CLEANUP(buf_done) struct buf sealed = BUF_INIT;
        int r;

        /* One that was not touched is as it was read; what looks sealed is not taken from a body. */
        if (!f->is_sensitive || !rec->values[i] || cipher_is_sealed(text_of(rec->values[i])))
            continue;
        r = cipher_seal(text_of(rec->values[i]), binding(c, rec, f), &sealed);
        if (r < 0)
            return no_key(c, rec, f, r);
        rec->values[i] = arena_dup(c->arena, buf_str(&sealed));
    }
    return 0;
}

void secret_wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->len);
    buf_done(b);
}

int secret_open_value(
    struct call *c, const struct record *rec, const struct field *f, const char *value, struct buf *ret)
{
    int r = cipher_open(text_of(value), binding(c, rec, f), ret);

    return r < 0 ? no_key(c, rec, f, r) : 0;
}

int secret_open(struct call *c, struct record *rec)
{
    for (uint32_t i = 0; i < rec->res->field_count; i++) {
        const struct field *f = &rec->res->fields[i];
        CLEANUP(secret_wipe) struct buf plain = BUF_INIT;
        int r;

        if (!f->is_sensitive || !rec->values[i] || rec->is_open)
            continue;
        r = secret_open_value(c, rec, f, rec->values[i], &plain);
        if (r < 0)
            return r;
        rec->values[i] = arena_dup(c->arena, buf_str(&plain));
    }
    rec->is_open = true;
    return 0;
}

/* ---- revealing ---- */

static bool is_shown_masked(const struct field *f)
{
    return f->is_sensitive || f->mask != MASK_NONE;
}

static int check_names(struct call *c, const struct record *rec, const char *names, const char **ret)
{
    struct text rest = text_of(names);
    const char *all = "";

    for (uint32_t i = 0; !names && i < rec->res->field_count; i++)
        if (is_shown_masked(&rec->res->fields[i]) && !rec->hidden[i])
            all = arena_printf(c->arena, "%s%s%s", all, *all ? "," : "", rec->res->fields[i].name);
    while (rest.ptr) {
        const struct field *f = resource_field(rec->res, text_split(&rest, ','));

        if (!f || !is_shown_masked(f) || rec->hidden[f->index])
            return call_fail_at(c, "/fields", "unknown_field", "Names of fields that are shown masked.",
                "应为脱敏显示的字段名称。");
    }
    *ret = names ? names : all;
    return 0;
}

static int add_note(struct call *c, const struct record *rec, const char *names, const char *reason)
{
    struct uuid person;
    struct db_args a;
    int r = person_find(c, rec, &person);

    if (r < 0)
        return r;
    db_args_reset(&a);
    db_arg_int(&a, c->tenant->id);
    db_arg_uuid(&a, uuid_new());
    db_arg_time(&a, c->now_us);
    db_arg_str(&a, rec->res->full_name);
    db_arg_uuid(&a, rec->id);
    db_arg_uuid_or_null(&a, person);
    db_arg_uuid_or_null(&a, c->who->account);
    db_arg_str(&a, names);
    db_arg_str(&a, reason);
    return db_exec_expect(c->tx, note, &a, 1);
}

int secret_reveal(struct call *c, struct record *rec, const struct secret_reveal *in, const char **ret_names)
{
    size_t chars = text_chars(text_of(in->reason));
    int r;

    if (!rec->is_own && !(rec->unit != TREE_NONE &&
                            subject_may(c->who, c->tenant, rec->res->permissions[ACTION_UNMASK], rec->unit)))
        return call_forbidden(c, arena_printf(c->arena, "%s.unmask", rec->res->full_name));
    if (chars == 0 || chars > REASON_MAX)
        return call_fail_at(c, "/reason", "required", "What for, 1 to 500 characters; the person reads it.",
            "请说明用途，1 至 500 个字，本人可见。");
    r = check_names(c, rec, in->fields, ret_names);
    if (r == 0)
        r = secret_open(c, rec);
    if (r == 0)
        r = add_note(c, rec, *ret_names, in->reason);
    if (r == 0)
        r = call_audit(c, arena_printf(c->arena, "%s.reveal", rec->res->full_name), rec->res->full_name,
            rec->id, rec->unit_id, *ret_names);
    c->result_status = 200;
    c->result_id = rec->id;
    return r;
}
