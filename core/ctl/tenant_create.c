/* juxinctl tenant create */
#include <errno.h>

#include "ctl/commands.h"
#include "tenant/tenants.h"

static int audit(struct db_tx *tx, int32_t tenant, int64_t now_us, void *arg)
{
    return ctl_audit(arg, tx, "tenant.create", "tenant", "slug,name");
}

static int run(struct ctl *c)
{
    const char *slug = c->argument[0];
    int32_t id;
    int r;

    if (!tenant_slug_is_valid(text_of(slug)))
        return ctl_fail(c, CTL_USAGE,
            "\"%s\" cannot be a tenant's slug: 2 to 63 lower-case letters, digits and dashes that begin with "
            "a letter",
            slug);
    r = tenant_create(c->db, slug, ctl_option(c, "name"), audit, c, &id);
    if (r == -EEXIST)
        return ctl_fail(c, CTL_REFUSED, "there is a tenant \"%s\" already", slug);
    if (r < 0)
        return ctl_fail_errno(c, r, "creating the tenant");
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "id", id);
        jsonw_kstr(&c->w, "slug", slug);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "tenant %s (%d) is there; next: juxinctl unit import %s FILE", slug, id, slug);
    return CTL_OK;
}

const struct ctl_command ctl_tenant_create = {
    .name = "tenant create",
    .arguments = "SLUG",
    .summary = "makes a tenant: one district, isolated from all others",
    .help = "The slug stands in addresses (/t/SLUG/) and does not change later.\n"
            "  juxinctl tenant create shangcheng --name 上城区",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"name", "NAME", "what people read", true}},
};
