/* juxinctl audit digest */
#include <errno.h>

#include "base/clock.h"
#include "ctl/commands.h"
#include "db/background.h"
#include "db/daily.h"
#include "master/assemble.h"

#define DIGEST_MAX (16u << 20)

static void missing(void *arg, int32_t tenant, int64_t n)
{
    ctl_progress(arg, "tenant %d: batch %lld is not the one the digest knows", tenant, (long long)n);
}

static int compare(struct ctl *c, const char *path)
{
    struct buf document CLEANUP(buf_done) = BUF_INIT;
    struct daily_check check = {.missing = missing, .arg = c};
    int r, code = ctl_read_file(c, path, DIGEST_MAX, &document);

    if (code != CTL_OK)
        return code;
    r = daily_compare(c->db, buf_text(&document), assemble_keyring(), &check);
    if (r == -EINVAL)
        return ctl_fail(c, CTL_USAGE, "%s is not a digest", path);
    if (r == -EBADMSG)
        return ctl_fail(c, CTL_FAILED,
            "%s: the signature does not hold; this digest was not made by this deployment, or "
            "was changed",
            path);
    if (r == -ENOKEY)
        return ctl_fail(
            c, CTL_FAILED, "%s was signed with a key that %s does not have", path, c->config->keys_file);
    if (r < 0)
        return ctl_fail_errno(c, r, path);
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "tenants", check.checked);
        jsonw_kint(&c->w, "fault_count", check.faults);
        jsonw_object_end(&c->w);
    }
    if (check.faults)
        return ctl_fail(
            c, CTL_FAILED, "the audit of %u tenants was cut off or made anew since", check.faults);
    ctl_say(c, "all %u tenants' audit contains what the digest knows", check.checked);
    return CTL_OK;
}

static int make(struct ctl *c)
{
    struct background all = {.db = c->db};
    struct buf document CLEANUP(buf_done) = BUF_INIT;
    int32_t *tenants = NULL;
    size_t count = 0;
    bool is_new;
    int r = work_tenants(&all, &tenants, &count);

    if (r == 0)
        r = daily_digest(
            c->db, tenants, count, date_of(clock_wall_us(), 0), assemble_keyring(), &document, &is_new);
    free(tenants);
    if (r < 0)
        return ctl_fail_errno(c, r, "the digest");
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kstr(&c->w, "document", buf_str(&document));
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%.*s", (int)document.len - 1, buf_str(&document));
    return CTL_OK;
}

static int run(struct ctl *c)
{
    const char *path = ctl_option(c, "check");

    if (!assemble_keyring())
        return ctl_fail(c, CTL_FAILED, "%s cannot be read; run this as its owner", c->config->keys_file);
    return path ? compare(c, path) : make(c);
}

const struct ctl_command ctl_audit_digest = {
    .name = "audit digest",
    .arguments = "",
    .summary = "today's signed digest of every tenant's audit, or a comparison with one that was kept",
    .help = "The digest holds the last seal of every tenant and is signed with Ed25519. Keep it outside this "
            "server: with\n"
            "--check it shows later whether an audit trail was cut off or replaced.\n"
            "  juxinctl audit digest >digest.txt\n"
            "  juxinctl audit digest --check digest.txt",
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"check", "FILE", "a digest that was kept; - reads standard input", false}},
};
