/* Filling templates. */
#include "notify/words.h"

#include "base/buf.h"
#include "base/json.h"
#include "plugin/policy/policies.h"
#include "resource/declare/edition.h"
#include "resource/declare/resource.h"

struct filler {
    const struct notice *n;
    const struct resource *res;
    const json_t *params;
    const char *unit;
    bool is_zh;
};

static const char *label_of(const struct filler *f, struct label l)
{
    return f->is_zh || !l.en ? l.zh : l.en;
}

static void add_what(const struct filler *f, struct buf *out)
{
    const char *number = json_str(f->params, "number");

    buf_adds(out, label_of(f, f->res->label));
    if (number)
        buf_addf(out, f->is_zh ? "（%s）" : " %s", number);
}

static void add_value(const struct filler *f, struct text name, struct buf *out)
{
    const struct transition *t;
    const char *value;
    char key[64];

    snprintf(key, sizeof(key), "%.*s", (int)name.len, name.ptr);
    if (text_is(name, "what") && f->res) {
        add_what(f, out);
        return;
    }
    if (text_is(name, "unit")) {
        buf_adds(out, f->unit);
        return;
    }
    value = name.len < sizeof(key) ? json_str(f->params, key) : NULL;
    t = value && text_is(name, "transition") && f->res ? resource_transition(f->res, text_of(value)) : NULL;
    buf_adds(out, t ? label_of(f, t->label) : value ? value : "–");
}

static const char *fill(struct arena *a, const struct filler *f, const char *template)
{
    struct buf out CLEANUP(buf_done) = BUF_INIT;
    const char *at = template, *open, *close;

    while ((open = strchr(at, '{')) && (close = strchr(open, '}'))) {
        buf_add(&out, at, (size_t)(open - at));
        add_value(f, (struct text){open + 1, (size_t)(close - open - 1)}, &out);
        at = close + 1;
    }
    buf_adds(&out, at);
    return arena_ndup(a, buf_str(&out), out.len);
}

bool notice_is_shown(struct call *c, const char *kind, const char *resource, struct uuid unit_id)
{
    const struct resource *res = resource ? resource_find(resource) : NULL;
    uint32_t unit = tree_find(c->tenant->tree, unit_id);
    const char *dot = strchr(kind, '.');

    if (unit == TREE_NONE || (resource && !res))
        return false;
    if (dot && !policy_is_on(c, arena_ndup(c->arena, kind, (size_t)(dot - kind)), unit))
        return false;
    return !res || policy_is_on(c, res->plugin, unit);
}

/* The caller lets go of f->params. */
static bool prepare(struct call *c, const struct notice *n, struct filler *f)
{
    json_t *params;

    *f = (struct filler){
        .n = n, .res = n->resource ? edition_find(c->tenant, n->resource) : NULL, .is_zh = true};
    if (!notice_kind_find(text_of(n->kind)) || !notice_is_shown(c, n->kind, n->resource, n->unit) ||
        json_parse(text_of(n->params), JSON_LIMITS, &params, NULL) < 0)
        return false;
    f->params = params;
    f->unit = tree_unit(c->tenant->tree, tree_find(c->tenant->tree, n->unit)).name;
    return true;
}

bool notice_words(struct call *c, const struct notice *n, struct notice_words *ret)
{
    const struct notice_kind *kind = notice_kind_find(text_of(n->kind));
    struct filler f;

    if (!prepare(c, n, &f))
        return false;
    ret->zh = fill(c->arena, &f, kind->text_zh);
    f.is_zh = false;
    ret->en = fill(c->arena, &f, kind->text_en);
    json_decref((json_t *)f.params);
    return true;
}

json_t *notice_params(struct call *c, const struct notice *n, bool is_zh)
{
    static const char *const names[] = {"what", "unit", "transition", "due", "number", "name"};
    const struct notice_kind *kind = notice_kind_find(text_of(n->kind));
    json_t *made;
    struct filler f;

    if (!prepare(c, n, &f))
        return NULL;
    f.is_zh = is_zh;
    made = json_object();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT;

        add_value(&f, text_of(names[i]), &b);
        json_object_set_new(made, names[i], json_string(buf_str(&b))); /* steals */
    }
    json_object_set_new(
        made, "kind", json_string(is_zh || !kind->label_en ? kind->label_zh : kind->label_en));
    json_object_set_new(made, "text",
        json_string(fill(c->arena, &f, is_zh || !kind->text_en ? kind->text_zh : kind->text_en)));
    json_decref((json_t *)f.params);
    return made;
}
