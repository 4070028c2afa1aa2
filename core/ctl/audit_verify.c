/* juxinctl audit verify */
#include "ctl/commands.h"
#include "db/seal.h"
#include "master/assemble.h"

#define SHOWN_MAX 50

struct verification {
    struct ctl *ctl;
    struct verify v;
    struct ctl_table *faults;
    uint32_t shown;
};

static void found(void *arg, enum verify_kind kind, int64_t n, struct uuid id)
{
    struct verification *in = arg;

    if (in->shown++ >= SHOWN_MAX)
        return;
    ctl_table_cell(in->faults, verify_kind_name(kind));
    ctl_table_cell(in->faults, n ? arena_printf(in->ctl->arena, "%lld", (long long)n) : "");
    ctl_table_cell(in->faults, uuid_is_nil(id) ? "" : uuid_format(id).s);
}

static int verify(struct ctl *c, struct call *call, void *arg)
{
    struct verification *in = arg;

    (void)c;
    in->v = (struct verify){.expect_head = ctl_option(c, "head"), .found = found, .arg = in};
    return seal_verify(call->db, call->tenant->id, assemble_keyring(), &in->v);
}

static int run(struct ctl *c)
{
    static const char *const titles[] = {"fault", "batch", "row", NULL};
    struct verification in = {.ctl = c};
    int code;

    if (!assemble_keyring())
        return ctl_fail(c, CTL_FAILED, "%s cannot be read; run this as its owner", c->config->keys_file);
    in.faults = ctl_table_new(c, titles);
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_key(&c->w, "faults");
    }
    code = ctl_in_tenant(c, c->argument[0], verify, &in, "verifying the audit");
    if (code != CTL_OK) {
        buf_clear(&c->out);
        ctl_table_free(in.faults);
        return code;
    }
    if (in.v.faults || c->json)
        ctl_table_end(in.faults);
    else
        ctl_table_free(in.faults);
    if (c->json) {
        jsonw_kint(&c->w, "fault_count", (int64_t)in.v.faults);
        jsonw_kint(&c->w, "rows", (int64_t)in.v.rows);
        jsonw_kint(&c->w, "unsealed", (int64_t)in.v.pending);
        jsonw_kint(&c->w, "batches", in.v.batches);
        jsonw_kstr(&c->w, "head", in.v.head);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%llu rows in %lld batches, %llu not sealed yet, head %s", (unsigned long long)in.v.rows,
        (long long)in.v.batches, (unsigned long long)in.v.pending, in.v.head[0] ? in.v.head : "-");
    if (in.v.faults)
        return ctl_fail(
            c, CTL_FAILED, "%llu faults: the audit is not what was written", (unsigned long long)in.v.faults);
    ctl_say(c, "nothing was altered, deleted or reordered");
    return CTL_OK;
}

const struct ctl_command ctl_audit_verify = {
    .name = "audit verify",
    .arguments = "SLUG",
    .summary = "finds rows of the audit trail that were altered, deleted or reordered",
    .help = "Checks every row's MAC, every batch's root and the chain of batches. Rows and seals cut off "
            "together are\n"
            "found with --head: a head from the log (event audit.sealed) or an earlier `audit head`.\n"
            "  juxinctl audit verify shangcheng",
    .arguments_min = 1,
    .arguments_max = 1,
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"head", "HEX", "must be in the chain", false}},
};
