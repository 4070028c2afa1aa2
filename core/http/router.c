/* Routes as a tree of path segments. */
#include "http/router.h"

#include <errno.h>

#include "base/mem.h"
#include "http/chars.h"

#define SEGMENTS_MAX 32u

struct node {
    char *literal;          /* segment this node stands for; NULL for {name} and for the root */
    struct node **children; /* literal ones, sorted */
    size_t child_count;
    struct node *param; /* {name} */
    struct node *rest;  /* {name*} */
    const struct http_route *routes[HTTP_OPTIONS + 1];
};

struct router {
    struct node *root;
};

struct router *router_new(void)
{
    struct router *rt = mem_zalloc(sizeof(*rt));

    rt->root = mem_zalloc(sizeof(*rt->root));
    return rt;
}

static void node_free(struct node *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->child_count; i++)
        node_free(n->children[i]);
    node_free(n->param);
    node_free(n->rest);
    free(n->children);
    free(n->literal);
    free(n);
}

void router_free(struct router *rt)
{
    if (!rt)
        return;
    node_free(rt->root);
    free(rt);
}

static int compare(const char *literal, struct text segment)
{
    int c = strncmp(literal, segment.ptr, segment.len);

    return c ? c : literal[segment.len] != '\0';
}

/* Where the segment is among the literal children, or would be. */
static size_t position(const struct node *n, struct text segment, bool *ret_found)
{
    size_t low = 0, high = n->child_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = compare(n->children[mid]->literal, segment);

        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_found = false;
    return low;
}

static struct node *literal_child(struct node *n, struct text segment)
{
    bool found;
    size_t at = position(n, segment, &found);

    if (found)
        return n->children[at];
    n->children = mem_resize(n->children, n->child_count + 1, sizeof(*n->children));
    memmove(n->children + at + 1, n->children + at, (n->child_count - at) * sizeof(*n->children));
    n->children[at] = mem_zalloc(sizeof(struct node));
    n->children[at]->literal = str_ndup(segment.ptr, segment.len);
    n->child_count++;
    return n->children[at];
}

/* {name} or {name*}: lower-case letters, digits, '_'. */
static bool is_param(struct text s, bool *ret_rest)
{
    if (s.len < 3 || s.ptr[0] != '{' || s.ptr[s.len - 1] != '}')
        return false;
    s = (struct text){s.ptr + 1, s.len - 2};
    *ret_rest = s.ptr[s.len - 1] == '*';
    s.len -= *ret_rest;
    for (size_t i = 0; i < s.len; i++)
        if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && s.ptr[i] != '_' &&
            !(i && s.ptr[i] >= '0' && s.ptr[i] <= '9'))
            return false;
    return s.len;
}

static bool is_literal(struct text s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!http_is(s.ptr[i], HTTP_CHAR_PATH) || s.ptr[i] == '%')
            return false;
    return !text_is(s, ".") && !text_is(s, "..");
}

static bool is_pattern(const char *pattern)
{
    struct text rest = text_of(pattern);
    size_t params = 0, segments = 0;

    if (!text_has_prefix(rest, "/"))
        return false;
    rest = text_skip(rest, 1);
    while (rest.ptr) {
        struct text segment = text_split(&rest, '/');
        bool is_rest = false;

        if (++segments > SEGMENTS_MAX || (!segment.len && rest.ptr))
            return false;
        if (is_param(segment, &is_rest)) {
            if (++params > HTTP_PATH_PARAMS_MAX || (is_rest && rest.ptr))
                return false;
        } else if (!is_literal(segment)) {
            return false;
        }
    }
    return true;
}

int router_add(struct router *rt, const struct http_route *route)
{
    struct text rest = text_of(route->pattern);
    struct node *n = rt->root;

    if (!route->pattern || !route->handle || !is_pattern(route->pattern) || route->method == HTTP_HEAD)
        return -EINVAL;
    rest = text_skip(rest, 1);
    while (rest.ptr) {
        struct text segment = text_split(&rest, '/');
        struct node **slot;
        bool is_rest = false;

        if (!is_param(segment, &is_rest)) {
            n = literal_child(n, segment);
            continue;
        }
        slot = is_rest ? &n->rest : &n->param;
        if (!*slot)
            *slot = mem_zalloc(sizeof(**slot));
        n = *slot;
    }
    if (n->routes[route->method])
        return -EEXIST;
    n->routes[route->method] = route;
    return 0;
}

static bool has_route(const struct node *n)
{
    for (size_t i = 0; i < ARRAY_LEN(n->routes); i++)
        if (n->routes[i])
            return true;
    return false;
}

/* Depth first, literal before {name} before {name*}; `left` has a NULL pointer behind the last segment. */
static const struct node *find(const struct node *n, struct text left, struct text *params, size_t depth)
{
    const struct node *hit = NULL;
    struct text whole = left, segment;
    bool found;
    size_t at;

    if (!left.ptr)
        return has_route(n) ? n : NULL;
    segment = text_split(&left, '/');
    at = position(n, segment, &found);
    if (found)
        hit = find(n->children[at], left, params, depth);
    if (!hit && n->param && segment.len) {
        hit = find(n->param, left, params, depth + 1);
        if (hit)
            params[depth] = segment;
    }
    if (!hit && n->rest && has_route(n->rest)) {
        params[depth] = whole;
        hit = n->rest;
    }
    return hit;
}

static const char *allow_of(const struct node *n, struct arena *a)
{
    char out[80] = "";
    size_t len = 0;

    for (int m = HTTP_GET; m <= HTTP_OPTIONS; m++) {
        bool is = n->routes[m] || (m == HTTP_HEAD && n->routes[HTTP_GET]);

        if (is)
            len += (size_t)snprintf(
                out + len, sizeof(out) - len, "%s%s", len ? ", " : "", http_method_name((enum http_method)m));
    }
    return arena_dup(a, out);
}

int router_match(const struct router *rt, struct request *r, const char **ret_allow)
{
    const struct node *n;
    enum http_method m = r->method == HTTP_HEAD ? HTTP_GET : r->method;

    if (!r->path.len || r->path.ptr[0] != '/')
        return -ENOENT;
    n = find(rt->root, text_skip(r->path, 1), r->path_params, 0);
    if (!n)
        return -ENOENT;
    if (!n->routes[m]) {
        *ret_allow = allow_of(n, r->arena);
        return -ENOTSUP;
    }
    r->route = n->routes[m];
    return 0;
}
