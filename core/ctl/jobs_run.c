/* juxinctl jobs run */
#include "base/clock.h"
#include "ctl/commands.h"
#include "resource/flow/due.h"

static int run(struct ctl *c)
{
    const char *text = ctl_option(c, "as-of");
    struct due_report report = {0};
    int64_t as_of = clock_wall_us();
    int32_t day;
    int r;

    if (text && date_parse(text_of(text), &day) < 0)
        return ctl_fail(c, CTL_USAGE, "--as-of is a day such as 2026-12-31");
    if (text)
        as_of = ((int64_t)day * 24 + 12 - 8) * 3600 * 1000000; /* its noon in China */
    if (text && as_of > clock_wall_us() &&
        !ctl_confirm(c, "That day is still to come: what would only end then ends now."))
        return CTL_REFUSED;
    r = resource_run_due(c->db, as_of, &report);
    if (r < 0)
        return ctl_fail_errno(c, r, "taking what is due");
    if (c->json) {
        jsonw_object(&c->w);
        jsonw_kint(&c->w, "tenants", report.tenants);
        jsonw_kint(&c->w, "done", report.done);
        jsonw_kint(&c->w, "paused", report.paused);
        jsonw_kint(&c->w, "failed", report.failed);
        jsonw_object_end(&c->w);
    }
    ctl_say(c, "%u tenants looked at, %u transitions taken, %u wait for their plugin, %u failed",
        report.tenants, report.done, report.paused, report.failed);
    return report.failed ? CTL_FAILED : CTL_OK;
}

const struct ctl_command ctl_jobs_run = {
    .name = "jobs run",
    .summary = "takes what time alone does to records now, or as of a day",
    .help = "The server does this by itself every few minutes. With --as-of the calendar is asked as if it "
            "were that day.\n"
            "  juxinctl jobs run --as-of 2026-12-31",
    .needs = CTL_DATABASE,
    .run = run,
    .options = {{"as-of", "DATE", "today by default", false}},
};
