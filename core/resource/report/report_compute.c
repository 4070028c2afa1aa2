/* Counting a report: an indicator a step. Whoever asked for it, a report has the numbers of all records. */
#include <errno.h>

#include "access/job.h"
#include "base/json.h"
#include "resource/report/report_row.h"

static const struct db_stmt find = {"report.to_count",
    "SELECT indicators, unit_id, period FROM juxin.report WHERE tenant_id = $1 AND id = $2 AND computation = "
    "$3 AND "
    "state = 'computing' FOR UPDATE"};
static const struct db_stmt insert = {"report.number",
    "INSERT INTO juxin.report_number (tenant_id, report_id, computation, position, indicator, label_zh, "
    "label_en, "
    "measure_zh, measure_en, definition_zh, definition_en, kind, over, number, records) VALUES ($1, $2, $3, "
    "$4, $5, "
    "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"};
static const struct db_stmt finish = {"report.counted",
    "UPDATE juxin.report SET state = 'computed', revision = revision + 1, computed_at = $4 WHERE tenant_id = "
    "$1 AND "
    "id = $2 AND computation = $3 AND state = 'computing'"};

struct counting {
    struct uuid id;
    int64_t computation;
    uint32_t position; /* of the indicator that is next */
    bool is_done;      /* nothing is left, or somebody else has counted meanwhile */
};

static void key_args(struct db_args *a, struct call *c, const struct counting *x)
{
    db_args_reset(a);
    db_arg_int(a, c->tenant->id);
    db_arg_uuid(a, x->id);
    db_arg_int(a, x->computation);
}

static int store(
    struct call *c, const struct counting *x, const struct indicator *ind, const struct indicator_value *v)
{
    bool is_money = ind->sum && ind->sum->type == FIELD_MONEY;
    struct db_args a;

    key_args(&a, c, x);
    db_arg_int(&a, x->position);
    db_arg_str(&a, ind->full_name);
    db_arg_str(&a, ind->label.zh);
    db_arg_str(&a, ind->label.en);
    db_arg_str(&a, ind->measure.zh);
    db_arg_str(&a, ind->measure.en);
    db_arg_str(&a, ind->definition.zh);
    db_arg_str(&a, ind->definition.en);
    db_arg_str(&a, is_money ? "money" : ind->sum ? "sum" : "count");
    db_arg_str(&a, ind->over == OVER_END ? "end" : "period");
    if (v->is_off) {
        db_arg_str(&a, NULL);
        db_arg_str(&a, NULL);
    } else {
        db_arg_int(&a, v->number);
        db_arg_int(&a, v->records);
    }
    return db_exec(c->tx, insert, &a, NULL);
}

static int finish_it(struct call *c, struct job *j, struct counting *x)
{
    struct db_args a;
    struct report r;
    int e;

    key_args(&a, c, x);
    db_arg_time(&a, c->now_us);
    e = db_exec_expect(c->tx, finish, &a, 1);
    if (e == 0)
        e = report_read(c, x->id, &r);
    if (e == 0)
        e = report_changed(c, &r, "report.computed");
    x->is_done = true;
    j->result = arena_printf(c->arena, "{\"report\":\"%s\"}", uuid_format(x->id).s);
    return e;
}

/* The indicator at the position, which is gone when its plugin is. */
static struct text indicator_name(struct text names, uint32_t position)
{
    struct text one = {NULL, 0};

    for (uint32_t i = 0; i <= position; i++) {
        one = names.ptr ? text_split(&names, ',') : (struct text){NULL, 0};
    }
    return one;
}

static int count_one(struct call *c, struct job *j, struct counting *x, const struct db_rows *row)
{
    struct text name = indicator_name(db_get_text(row, 0, 0), x->position);
    uint32_t unit = tree_find(c->tenant->tree, db_get_uuid(row, 0, 1));
    const struct indicator *ind = indicator_find(name);
    struct indicator_value v;
    struct period period;
    int r;

    if (!name.ptr)
        return finish_it(c, j, x);
    if (!ind || unit == TREE_NONE || period_parse(c->arena, db_get_text(row, 0, 2), &period) < 0)
        return call_fail(c, 409, "indicator_gone",
            arena_printf(c->arena, "There is no indicator %.*s any more.", (int)name.len, name.ptr),
            arena_printf(c->arena, "指标 %.*s 已不存在。", (int)name.len, name.ptr));
    r = indicator_value(c, ind, unit, &period, &v);
    return r < 0 ? r : store(c, x, ind, &v);
}

static int step(struct call *c, struct job *j, void *arg)
{
    struct counting *x = arg;
    struct db_args a;
    struct db_call call = {.stmt = find, .args = &a};
    int r;

    x->is_done = false;
    key_args(&a, c, x);
    r = call_read(c, &call, 1);
    if (r < 0)
        return r;
    if (db_rows_count(call.rows) == 0) {
        x->is_done = true;
        return 0;
    }
    r = count_one(c, j, x, call.rows);
    j->done = x->position + !x->is_done;
    j->stage = x->is_done ? "done" : "counting";
    j->checkpoint = arena_printf(c->arena, "%u", x->position + !x->is_done);
    return r;
}

static int run(struct job *j)
{
    struct counting x = {0};
    json_t *input = NULL;
    int64_t position = 0;
    const char *id;
    int r = json_parse(text_of(j->input), JSON_LIMITS, &input, NULL);

    id = r == 0 ? json_str(input, "report") : NULL;
    x.computation = json_int_or(input, "computation", 0);
    j->total = json_int_or(input, "indicators", 0);
    r = id ? uuid_parse(text_of(id), &x.id) : -EINVAL;
    json_decref(input);
    if (r == 0 && j->checkpoint)
        r = text_to_i64(text_of(j->checkpoint), 0, REPORT_INDICATORS_MAX, &position);
    if (r < 0)
        return job_fail(j, "input", "The job's input is not one.", "任务输入无效。");
    x.position = (uint32_t)position;
    while (r == 0 && !x.is_done) {
        r = job_step(j, step, &x);
        x.position++;
    }
    return r;
}

static const struct job_kind kind = {.name = "report.compute",
    .label_zh = "计算报表",
    .label_en = "Count a report",
    .as = JOB_AS_SYSTEM,
    .run = run};

int report_queue(struct call *c, const struct report *r, struct uuid *ret_job)
{
    struct text rest = text_of(r->indicators);
    struct job_input in = {.kind = kind.name, .unit = tree_unit(c->tenant->tree, r->unit).id};
    int n = 0;

    for (; rest.ptr; n++)
        (void)text_split(&rest, ',');
    in.json = arena_printf(c->arena, "{\"report\":\"%s\",\"computation\":%lld,\"indicators\":%d}",
        uuid_format(r->id).s, (long long)r->computation, n);
    return job_add(c, &in, ret_job);
}

void report_register(void)
{
    job_kind_register(&kind);
}
