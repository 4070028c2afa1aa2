/* Who asks, where, by which calendar. Nothing here suspends. */
#include <errno.h>

#include "access/permission.h"
#include "base/clock.h"
#include "plugin/host/host.h"
#include "plugin/policy/policies.h"
#include "tenant/calendar.h"

static uint32_t subject_kind(struct jx_call *call)
{
    static const uint32_t kinds[] = {[SUBJECT_ANONYMOUS] = JX_SUBJECT_ANONYMOUS,
        [SUBJECT_ACCOUNT] = JX_SUBJECT_ACCOUNT,
        [SUBJECT_OPERATOR] = JX_SUBJECT_OPERATOR,
        [SUBJECT_SYSTEM] = JX_SUBJECT_SYSTEM,
        [SUBJECT_PLUGIN] = JX_SUBJECT_PLUGIN};

    return kinds[call->c->who->kind];
}

static struct jx_id subject_account(struct jx_call *call)
{
    return host_id(call->c->who->account);
}

static bool subject_has(struct jx_call *call, const char *permission, jx_unit unit)
{
    uint32_t p = permission_find(text_of(permission));

    return p != PERMISSION_NONE && host_has_unit(call, unit) &&
           subject_may(call->c->who, call->c->tenant, p, unit);
}

static bool subject_is_in(struct jx_call *call, struct jx_id department, bool as_head)
{
    return subject_in_department(call->c->who, host_unid(department), as_head);
}

static struct jx_id subject_department(struct jx_call *call, uint32_t n)
{
    return host_id(n < call->c->who->department_count ? call->c->who->departments[n] : UUID_NIL);
}

const struct jx_subject_api host_subject = {
    .size = sizeof(host_subject),
    .kind = subject_kind,
    .account = subject_account,
    .may = subject_has,
    .in_department = subject_is_in,
    .department = subject_department,
};

static const struct tree *tree_of(const struct jx_call *call)
{
    return call->c->tenant->tree;
}

static jx_unit unit_root(struct jx_call *call)
{
    return host_has_unit(call, 0) ? 0 : JX_UNIT_NONE;
}

static jx_unit unit_find(struct jx_call *call, struct jx_text id_or_code)
{
    if (!call->c->tenant || !id_or_code.ptr)
        return JX_UNIT_NONE;
    return tree_find_named(tree_of(call), host_untext(id_or_code));
}

static jx_unit unit_parent(struct jx_call *call, jx_unit unit)
{
    return host_has_unit(call, unit) ? tree_parent(tree_of(call), unit) : JX_UNIT_NONE;
}

static uint32_t unit_level(struct jx_call *call, jx_unit unit)
{
    return host_has_unit(call, unit) ? (uint32_t)tree_level(tree_of(call), unit) : JX_COUNTY;
}

static struct jx_id unit_id(struct jx_call *call, jx_unit unit)
{
    return host_id(host_has_unit(call, unit) ? tree_unit(tree_of(call), unit).id : UUID_NIL);
}

static struct jx_text unit_code(struct jx_call *call, jx_unit unit)
{
    return host_text(text_of(host_has_unit(call, unit) ? tree_unit(tree_of(call), unit).code : NULL));
}

static struct jx_text unit_name(struct jx_call *call, jx_unit unit)
{
    return host_text(text_of(host_has_unit(call, unit) ? tree_unit(tree_of(call), unit).name : NULL));
}

static bool unit_is_under(struct jx_call *call, jx_unit unit, jx_unit ancestor)
{
    return host_has_unit(call, unit) && host_has_unit(call, ancestor) &&
           tree_contains(unit, ancestor, tree_end(tree_of(call), ancestor));
}

const struct jx_unit_api host_unit = {
    .size = sizeof(host_unit),
    .root = unit_root,
    .find = unit_find,
    .parent = unit_parent,
    .level = unit_level,
    .id = unit_id,
    .code = unit_code,
    .name = unit_name,
    .is_under = unit_is_under,
};

static bool policy_on(struct jx_call *call, const char *plugin, jx_unit unit)
{
    return host_has_unit(call, unit) && policy_is_on(call->c, plugin, unit);
}

static jx_unit policy_nearest(struct jx_call *call, const char *plugin, jx_unit unit)
{
    return host_has_unit(call, unit) ? policy_nearest_on(call->c, plugin, unit) : JX_UNIT_NONE;
}

const struct jx_policy_api host_policy = {
    .size = sizeof(host_policy),
    .is_on = policy_on,
    .nearest_on = policy_nearest,
};

static int32_t calendar_of_today(struct jx_call *call)
{
    return calendar_today(call->c->now_us);
}

/* Calendars and texts of dates go from 0001-01-01 to 9999-12-31; arithmetic beyond would overflow. */
static bool is_date(int32_t days)
{
    return days >= -719162 && days <= 2932896;
}

static int32_t calendar_add_days(struct jx_call *call, int32_t from, int32_t count, int32_t *ret)
{
    const struct calendar *c = call->c->tenant ? tenant_calendar(call->c->tenant) : NULL;

    if (!c || !is_date(from) || count > 10000 || count < -10000)
        return JX_ENOTSUP;
    *ret = calendar_add(c, from, count);
    return 0;
}

static int32_t calendar_days_between(struct jx_call *call, int32_t from, int32_t to, int32_t *ret)
{
    const struct calendar *c = call->c->tenant ? tenant_calendar(call->c->tenant) : NULL;

    if (!c || !is_date(from) || !is_date(to) || to - from > 36600 || from - to > 36600)
        return JX_ENOTSUP;
    *ret = calendar_between(c, from, to);
    return 0;
}

static int32_t calendar_parse_date(struct jx_text text, int32_t *ret)
{
    return date_parse(host_untext(text), ret) < 0 ? JX_EINVAL : 0;
}

static struct jx_text calendar_date_text(struct jx_call *call, int32_t days)
{
    return host_text(
        is_date(days) ? text_of(arena_dup(call->c->arena, date_format(days).s)) : (struct text){NULL, 0});
}

const struct jx_calendar_api host_calendar = {
    .size = sizeof(host_calendar),
    .today = calendar_of_today,
    .add_working_days = calendar_add_days,
    .working_days_between = calendar_days_between,
    .date_parse = calendar_parse_date,
    .date_text = calendar_date_text,
};
