/* {"crashes": [{sha256, plugin, what, at_us}], "quarantined": [{sha256, plugin, since_us}]} */
#include "plugin/package/quarantine.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/jsonw.h"

#define FILE_MAX_BYTES (1u << 20)

/* A damaged file counts as empty: it must not keep the master from restarting workers. */
static json_t *read_state(const char *file)
{
    struct buf content = BUF_INIT;
    struct json_fault fault;
    json_t *root = NULL;

    if (file_read(file, FILE_MAX_BYTES, &content) < 0 ||
        json_parse(buf_text(&content), JSON_LIMITS, &root, &fault) < 0 || !json_is_object(root)) {
        json_decref(root);
        root = json_object();
    }
    buf_done(&content);
    return root;
}

static int write_state(const char *file, const json_t *root)
{
    struct buf out = BUF_INIT;
    struct jsonw w;
    int r;

    jsonw_init(&w, &out);
    jsonw_value(&w, root);
    buf_addc(&out, '\n');
    r = file_replace(file, buf_text(&out), 0644);
    buf_done(&out);
    return r;
}

static json_t *list_of(json_t *root, const char *key)
{
    json_t *list = json_object_get(root, key);

    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(root, key, list); /* steals */
    }
    return list;
}

static bool holds(const json_t *list, const char *hex)
{
    size_t i;
    json_t *v;

    json_array_foreach((json_t *)list, i, v) if (strcmp(json_str_or(v, "sha256", ""), hex) == 0) return true;
    return false;
}

/* The master has workers to look after: after this long a crash counts more than who else writes. */
#define NOTE_PATIENCE_MS 200
#define LIFT_PATIENCE_MS 500

static void unlock(int fd)
{
    if (fd >= 0)
        close(fd);
}

int quarantine_note(const char *file, const struct sha256 *digest, const char *plugin, const char *what,
    int64_t now_us, bool *ret_quarantined)
{
    int lock = -1, r = file_lock(file, NOTE_PATIENCE_MS, &lock);
    json_t *root = read_state(file), *crashes = list_of(root, "crashes"), *kept = json_array(), *v;
    json_t *quarantined = list_of(root, "quarantined");
    struct sha256_text hex = sha256_format(digest);
    uint32_t recent = 1;
    size_t i;

    json_array_foreach(crashes, i, v)
    {
        int64_t at = json_int_or(v, "at_us", 0);

        if (at <= now_us - QUARANTINE_WINDOW_US || at > now_us)
            continue;
        json_array_append(kept, v);
        recent += strcmp(json_str_or(v, "sha256", ""), hex.s) == 0;
    }
    json_array_append_new(kept, json_pack("{s:s, s:s, s:s, s:I}", "sha256", hex.s, "plugin", plugin, "what",
                                    what, "at_us", (json_int_t)now_us)); /* steals */
    json_object_set_new(root, "crashes", kept);                          /* steals */
    *ret_quarantined = recent >= QUARANTINE_CRASHES && !holds(quarantined, hex.s);
    if (*ret_quarantined)
        json_array_append_new(quarantined, json_pack("{s:s, s:s, s:I}", "sha256", hex.s, "plugin", plugin,
                                               "since_us", (json_int_t)now_us)); /* steals */
    r = write_state(file, root);
    json_decref(root);
    unlock(lock);
    return r;
}

bool quarantine_has(const char *file, const struct sha256 *digest)
{
    json_t *root;
    bool found;

    if (!file)
        return false;
    root = read_state(file);
    found = holds(json_object_get(root, "quarantined"), sha256_format(digest).s);
    json_decref(root);
    return found;
}

static uint32_t remove_of(json_t *list, const char *plugin)
{
    uint32_t removed = 0;

    for (size_t i = json_array_size(list); i-- > 0;) {
        if (strcmp(json_str_or(json_array_get(list, i), "plugin", ""), plugin) != 0)
            continue;
        json_array_remove(list, i);
        removed++;
    }
    return removed;
}

int quarantine_lift(const char *file, const char *plugin)
{
    int lock = -1, r = file_lock(file, LIFT_PATIENCE_MS, &lock);
    uint32_t removed;
    json_t *root;

    if (r < 0)
        return r;
    root = read_state(file);
    removed = remove_of(json_object_get(root, "quarantined"), plugin);
    remove_of(json_object_get(root, "crashes"), plugin);
    r = removed > 0 ? write_state(file, root) : -ENOENT;
    json_decref(root);
    unlock(lock);
    return r;
}
