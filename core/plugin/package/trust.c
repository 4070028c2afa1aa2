/* {"trusted": [{"sha256": …, "plugin": …, "file": …, "since": …}]} */
#include "plugin/package/trust.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/jsonw.h"

#define TRUST_FILE_MAX (1u << 20)
#define LOCK_PATIENCE_MS 500

static int read_trust(const char *file, json_t **ret)
{
    struct buf content = BUF_INIT;
    struct json_fault fault;
    int r = file_read(file, TRUST_FILE_MAX, &content);

    if (r == 0)
        r = json_parse(buf_text(&content), JSON_LIMITS, ret, &fault);
    buf_done(&content);
    if (r == 0 && (!json_is_object(*ret) || (json_object_get(*ret, "trusted") &&
                                                !json_is_array(json_object_get(*ret, "trusted"))))) {
        json_decref(*ret);
        r = -EINVAL;
    }
    return r;
}

static bool is_listed(const json_t *root, const struct sha256 *digest)
{
    struct sha256_text hex = sha256_format(digest);
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(root, "trusted"), i,
        v) if (strcmp(json_str_or(v, "sha256", ""), hex.s) == 0) return true;
    return false;
}

int trust_check(const char *trust_file, const struct sha256 *digest)
{
    json_t *root = NULL;
    int r;

    if (!trust_file)
        return -EACCES;
    r = read_trust(trust_file, &root);
    if (r == -ENOENT)
        return -EACCES;
    if (r < 0)
        return -EINVAL;
    r = is_listed(root, digest) ? 0 : -EACCES;
    json_decref(root);
    return r;
}

static int add(const char *trust_file, const struct sha256 *digest, const char *plugin, const char *file)
{
    struct buf out = BUF_INIT;
    json_t *root = NULL, *list;
    struct jsonw w;
    int r = read_trust(trust_file, &root);

    if (r == -ENOENT)
        root = json_object();
    else if (r < 0)
        return r;
    if (is_listed(root, digest)) {
        json_decref(root);
        return 0;
    }
    list = json_object_get(root, "trusted");
    if (!list) {
        list = json_array();
        json_object_set_new(root, "trusted", list); /* steals */
    }
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:s}", "sha256", sha256_format(digest).s, "plugin", plugin, "file",
                  file, "since", clock_format(clock_wall_us()).s)); /* steals */
    jsonw_init(&w, &out);
    jsonw_value(&w, root);
    buf_addc(&out, '\n');
    r = file_replace(trust_file, buf_text(&out), 0644);
    buf_done(&out);
    json_decref(root);
    return r;
}

int trust_add(const char *trust_file, const struct sha256 *digest, const char *plugin, const char *file)
{
    int lock, r = file_lock(trust_file, LOCK_PATIENCE_MS, &lock);

    if (r < 0)
        return r;
    r = add(trust_file, digest, plugin, file);
    close(lock);
    return r;
}
