/* The request, and the plan made of it. */
#include "resource/flow/reorganise.h"

#include <errno.h>

#include "access/core_permissions.h"
#include "access/job.h"
#include "access/org.h"
#include "access/post.h"
#include "base/digest.h"
#include "base/json.h"
#include "db/pgarray.h"

static const struct db_stmt read_versions = {
    "reorg.versions", "SELECT id, version FROM juxin.unit WHERE tenant_id = $1 AND id = ANY ($2::uuid[])"};
static const struct db_stmt read_setting = {"reorg.setting",
    "SELECT value = 'on' FROM juxin.tenant_setting WHERE tenant_id = $1 AND key = '" REORG_TWO_PERSONS "'"};
static const struct db_stmt list_tenures = {"reorg.tenures",
    "SELECT t.id, p.title, t.account_id, a.display_name FROM juxin.tenure t JOIN juxin.post p ON p.tenant_id "
    "= $1 AND p.id "
    "= t.post_id JOIN juxin.account a ON a.tenant_id = $1 AND a.id = t.account_id WHERE t.tenant_id = $1 AND "
    "p.unit_id = "
    "ANY ($2::uuid[]) AND (t.valid_until IS NULL OR t.valid_until > greatest(t.valid_from, now())) ORDER BY "
    "t.id LIMIT 5000"};

static struct uuid id_of(const struct call *c, uint32_t unit)
{
    return tree_unit(c->tenant->tree, unit).id;
}

/* ---- the request ---- */

/* What is not seen is not there. */
static uint32_t take_unit(struct call *c, const json_t *v, const char *pointer)
{
    uint32_t unit = TREE_NONE;
    struct uuid id;

    if (json_is_string(v) && uuid_parse(text_of(json_string_value(v)), &id) == 0)
        unit = tree_find(c->tenant->tree, id);
    if (unit != TREE_NONE && subject_may(c->who, c->tenant, core_permission(CORE_UNIT_READ), unit))
        return unit;
    (void)call_fail_at(c, pointer, "unknown", "There is no such unit.", "机构不存在。");
    return TREE_NONE;
}

static void take_from(struct call *c, const json_t *list, struct reorg_input *in)
{
    size_t n = json_array_size(list);

    if (n == 0 || n > REORG_FROM_MAX || (in->is_split && n > 1)) {
        (void)call_fail_at(c, "/from", "range", "A split is of one unit, a merge of 1 to 20 others.",
            "拆分限一个机构，合并限 1 至 20 个。");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t unit = take_unit(c, json_array_get(list, i), arena_printf(c->arena, "/from/%zu", i));

        for (uint32_t k = 0; unit != TREE_NONE && k < in->from_count; k++)
            if (in->from[k] == unit)
                (void)call_fail_at(
                    c, arena_printf(c->arena, "/from/%zu", i), "twice", "Named twice.", "重复。");
        in->from[in->from_count++] = unit;
    }
}

static void take_children(struct call *c, const json_t *list, struct reorg_input *in)
{
    size_t n = json_array_size(list);

    if (in->is_split != (n > 0) || n > REORG_CHANGES_MAX) {
        (void)call_fail_at(c, "/children", "range",
            "Of a split, 1 to 300 units below with the unit under which each stands then; none of a merge.",
            "拆分须列出 1 至 300 个下级机构及其新上级；合并无须列出。");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);

        in->children[in->child_count++] = (struct reorg_child){
            take_unit(c, json_object_get(e, "unit"), arena_printf(c->arena, "/children/%zu/unit", i)),
            take_unit(c, json_object_get(e, "parent"), arena_printf(c->arena, "/children/%zu/parent", i))};
    }
}

int reorg_take(struct call *c, const json_t *body, struct reorg_input **ret)
{
    struct reorg_input *in = arena_alloc(c->arena, sizeof(*in));
    const json_t *carry = json_object_get(body, "carry_grants"), *reason = json_object_get(body, "reason");
    const char *kind = json_str(body, "kind");
    char *dump;

    *in = (struct reorg_input){
        .reason = json_is_string(reason) ? arena_dup(c->arena, json_string_value(reason)) : ""};
    if (!kind || (strcmp(kind, "merge") != 0 && strcmp(kind, "split") != 0))
        return call_fail_at(c, "/kind", "not_one_of", "merge or split.", "应为 merge 或 split。");
    in->is_split = strcmp(kind, "split") == 0;
    take_from(c, json_object_get(body, "from"), in);
    in->into = take_unit(c, json_object_get(body, "into"), "/into");
    take_children(c, json_object_get(body, "children"), in);
    if (carry && !json_is_boolean(carry))
        (void)call_fail_at(c, "/carry_grants", "type", "true or false is expected.", "应为 true 或 false。");
    if ((reason && !json_is_string(reason)) || text_chars(text_of(in->reason)) > 500)
        (void)call_fail_at(
            c, "/reason", "too_long", "A text of at most 500 characters.", "不超过 500 字的文本。");
    in->carry_grants = json_is_true(carry);
    dump = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    in->json = arena_dup(c->arena, dump ? dump : "{}");
    free(dump);
    *ret = in;
    return c->fault.status ? -EINVAL : 0;
}

/* ---- the plan ---- */

bool reorg_retires(const struct reorg_input *in, uint32_t unit)
{
    for (uint32_t i = 0; i < in->from_count; i++)
        if (in->from[i] == unit)
            return true;
    return false;
}

static int add_change(struct call *c, struct reorg *x, uint32_t unit, uint32_t to, bool retired)
{
    if (x->count == REORG_CHANGES_MAX)
        return call_fail(c, 422, "too_many", "More than 300 units would be retired or moved at once.",
            "一次调整的机构不超过 300 个。");
    x->changes[x->count++] = (struct reorg_change){.unit = unit, .to = to, .is_retired = retired};
    return 0;
}

/* Where a unit below a retired one stands afterwards. */
static int place_child(struct call *c, struct reorg *x, uint32_t child)
{
    uint32_t to = x->in->into;

    for (uint32_t i = 0; i < x->in->child_count; i++)
        if (x->in->children[i].unit == child)
            to = x->in->children[i].parent;
    if (reorg_retires(x->in, to))
        return call_fail_at(
            c, "/children", "retired", "Not under a unit that is retired.", "不能设在被撤并的机构之下。");
    return add_change(c, x, child, to, false);
}

static int find_changes(struct call *c, struct reorg *x)
{
    const struct reorg_input *in = x->in;
    const struct tree *t = c->tenant->tree;
    int r = 0;

    if (reorg_retires(in, in->into))
        return call_fail_at(
            c, "/into", "retired", "Another unit than those that are retired.", "应为被撤并机构之外的机构。");
    for (uint32_t i = 0; i < in->from_count && r == 0; i++)
        r = org_unit_retire_check(c, in->from[i], in->into);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < in->child_count; i++)
        if (tree_parent(t, in->children[i].unit) != in->from[0])
            (void)call_fail_at(c, arena_printf(c->arena, "/children/%u/unit", i), "not_below",
                "A unit directly under the one that is split.", "应为被拆分机构的直接下级。");
    for (uint32_t i = 0; i < in->from_count && r == 0; i++) {
        for (uint32_t u = in->from[i] + 1; u < tree_end(t, in->from[i]) && r == 0; u = tree_end(t, u))
            if (!tree_unit(t, u).is_closed)
                r = reorg_retires(in, u) ? call_fail_at(c, "/from", "nested",
                                               "One of them lies below another.", "不能同时撤并上下级机构。")
                                         : place_child(c, x, u);
        if (r == 0)
            r = add_change(c, x, in->from[i], in->into, true);
    }
    return r < 0 ? r : c->fault.status ? -EINVAL : 0;
}

static int look_ahead(struct call *c, struct reorg *x)
{
    int r = 0;

    for (uint32_t i = 0; i < x->count && r == 0; i++) {
        struct reorg_change *ch = &x->changes[i];

        r = ch->is_retired ? outlook_unit_retire(c, ch->unit, ch->to, x->in->carry_grants, &ch->o)
                           : outlook_unit_move(c, ch->unit, ch->to, &ch->o);
    }
    return r;
}

/* Granted at a retired unit, and asked of whoever carries it over as if it were granted anew. */
struct grant_input reorg_grant(const struct call *c, const struct access_grant *g, uint32_t into)
{
    return (struct grant_input){.account = g->account,
        .department = g->department,
        .post = g->post,
        .role = g->role->id,
        .unit = into,
        .reach = g->reach,
        .from = MAX(g->from, c->now_us),
        .until = g->until};
}

static int find_grants(struct call *c, struct reorg *x)
{
    const struct access *a = access_of(c->tenant);
    int r = 0;

    x->grants = arena_array(c->arena, a->grant_count + 1, sizeof(struct access_grant *));
    for (uint32_t i = 0; x->in->carry_grants && i < a->grant_count && r == 0; i++) {
        const struct access_grant *g = &a->grants[i];
        struct grant_input in;

        if (!reorg_retires(x->in, g->unit) ||
            !uuid_is_nil(g->post)) /* posts of the unit end; others' keep what they have */
            continue;
        in = reorg_grant(c, g, x->in->into);
        x->grants[x->grant_count++] = g;
        r = grant_check(c, &in);
    }
    return r;
}

static int read_rest(struct call *c, struct reorg *x)
{
    struct uuid *units = arena_array(c->arena, x->count + 1, sizeof(*units)),
                *from = arena_array(c->arena, REORG_FROM_MAX, sizeof(*from));
    struct db_args *a = arena_alloc(c->arena, 3 * sizeof(*a));
    struct db_call calls[] = {{.stmt = read_versions, .args = a}, {.stmt = list_tenures, .args = a + 1},
        {.stmt = read_setting, .args = a + 2}};
    int r;

    for (uint32_t i = 0; i < x->count; i++)
        units[i] = id_of(c, x->changes[i].unit);
    for (uint32_t i = 0; i < x->in->from_count; i++)
        from[i] = id_of(c, x->in->from[i]);
    for (int i = 0; i < 3; i++) {
        db_args_reset(a + i);
        db_arg_int(a + i, c->tenant->id);
    }
    db_arg_str(a, pgarray_of_uuids(c->arena, units, x->count));
    db_arg_str(a + 1, pgarray_of_uuids(c->arena, from, x->in->from_count));
    r = call_read(c, calls, 3);
    if (r < 0)
        return r;
    for (int i = 0; i < db_rows_count(calls[0].rows); i++)
        for (uint32_t k = 0; k < x->count; k++)
            if (uuid_eq(units[k], db_get_uuid(calls[0].rows, i, 0)))
                x->changes[k].unit_version = db_get_int(calls[0].rows, i, 1);
    x->tenures = calls[1].rows;
    x->takes_two = db_rows_count(calls[2].rows) == 1 && db_get_bool(calls[2].rows, 0, 0);
    return 0;
}

static void add_outlook_text(struct buf *b, const struct outlook *o)
{
    for (uint32_t i = 0; i < o->flip_count; i++)
        buf_addf(b, "%s/%u/%d/%d,", o->side[0].sets[o->flips[i].plugin].plugin->id, o->flips[i].unit,
            (int)o->flips[i].before, (int)o->flips[i].after);
    for (uint32_t i = 0; i < o->person_count; i++)
        buf_addf(b, "%s/%d/%d,", uuid_format(o->people[i].account).s, o->people[i].gains, o->people[i].loses);
}

/* Over what was shown but for the number of open records, which goes on changing. */
static int64_t version_of(const struct call *c, const struct reorg *x)
{
    struct buf b = BUF_INIT;
    struct sha256 h;
    int64_t n;

    buf_addf(&b, "reorg/%d/%s\n", c->tenant->id, x->in->json);
    for (uint32_t i = 0; i < x->count; i++) {
        buf_addf(&b, "%s/%lld/", uuid_format(id_of(c, x->changes[i].unit)).s,
            (long long)x->changes[i].unit_version);
        buf_addf(&b, "%s/%d/", uuid_format(id_of(c, x->changes[i].to)).s, x->changes[i].is_retired);
        add_outlook_text(&b, &x->changes[i].o);
        buf_addc(&b, '\n');
    }
    for (uint32_t i = 0; i < x->grant_count; i++)
        buf_addf(&b, "%s,", uuid_format(x->grants[i]->id).s);
    for (int i = 0; i < db_rows_count(x->tenures); i++)
        buf_addf(&b, "%s,", db_get(x->tenures, i, 0));
    h = sha256_of(buf_text(&b));
    buf_done(&b);
    memcpy(&n, h.b, sizeof(n));
    return (n & INT64_C(0x3fffffffffffffff)) | 1;
}

int reorg_plan(struct call *c, const struct reorg_input *in, struct reorg *ret)
{
    struct reorg x = {.in = in, .changes = arena_array(c->arena, REORG_CHANGES_MAX, sizeof(*x.changes))};
    int r = find_changes(c, &x);

    if (r == 0)
        r = look_ahead(c, &x);
    if (r == 0)
        r = find_grants(c, &x);
    if (r == 0)
        r = read_rest(c, &x);
    if (r < 0)
        return r;
    x.version = version_of(c, &x);
    *ret = x;
    return 0;
}
