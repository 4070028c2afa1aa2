/* Faults of a declaration: where they are, what was probably meant, and what may not be recorded at all. */
#include "resource/declare/declaration_report.h"

#include <errno.h>
#include <stdarg.h>

#include "base/jsonpos.h"

void report_init(struct declaration_report *r, struct arena *a, struct text source)
{
    *r = (struct declaration_report){.arena = a, .source = source};
    r->tail = &r->first;
}

int report_add(
    struct declaration_report *r, const char *pointer, const char *suggestion, const char *format, ...)
{
    struct declaration_fault *f = arena_alloc(r->arena, sizeof(*f));
    char message[400];
    va_list ap;

    va_start(ap, format);
    vsnprintf(message, sizeof(message), format, ap);
    va_end(ap);
    f->pointer = arena_dup(r->arena, pointer);
    f->message = arena_dup(r->arena, message);
    f->suggestion = arena_dup(r->arena, suggestion);
    if (r->source.ptr)
        json_position(r->source, pointer, &f->line, &f->column);
    *r->tail = f;
    r->tail = &f->next;
    r->count++;
    return -EINVAL;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[64], la = strlen(a), lb = strlen(b);

    if (la >= 64 || lb >= 64)
        return 64;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = MIN(change, MIN(row[j - 1], above) + 1);
            diagonal = above;
        }
    }
    return row[lb];
}

const char *report_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;

    for (; *known; known++) {
        size_t d = distance(word, *known);

        if (d < best_distance) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}

void report_unknown(
    struct declaration_report *r, const char *pointer, const json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        const char *near;
        bool found = false;

        for (const char *const *k = known; *k && !found; k++)
            found = strcmp(*k, key) == 0;
        if (found)
            continue;
        near = report_nearest(key, known);
        report_add(r, arena_printf(r->arena, "%s/%s", pointer, key),
            near ? arena_printf(r->arena, "did you mean \"%s\"?", near) : NULL, "unknown member \"%s\"", key);
    }
}

/* Fields of these kinds are refused everywhere: Juxin holds no opinions, beliefs, origins or incomes of persons. */
static const struct {
    const char *subject;
    const char *words[12]; /* beginnings of words in names and English labels */
    const char *zh[8];     /* parts of Chinese labels */
} denied[] = {
    {"political affiliation", {"politic", "partisan", "zhengzhi", "dangpai"},
        {"政治", "党派", "党员", "党籍", "入党"}},
    {"ethnicity", {"ethnic", "minzu", "race"}, {"民族", "族别", "种族"}},
    {"religion", {"religi", "faith", "zongjiao", "xinyang"}, {"宗教", "信仰"}},
    {"thoughts and leanings", {"thought", "leaning", "ideolog", "belief", "loyal", "sixiang", "qingxiang"},
        {"思想", "倾向", "忠诚", "政见"}},
    {"income", {"income", "salary", "salaries", "wage", "earnings", "shouru", "gongzi"},
        {"收入", "工资", "薪资", "薪酬", "年薪", "月薪"}},
};

static bool has_word(const char *s, const char *prefix)
{
    size_t len = strlen(prefix);

    for (const char *p = s; p && *p; p++) {
        bool starts = p == s || !((p[-1] | 32) >= 'a' && (p[-1] | 32) <= 'z');
        size_t i = 0;

        while (starts && i < len && (p[i] | 32) == prefix[i])
            i++;
        /* "race" must not refuse "race_day"'s cousins such as "raceway": short words match whole only */
        if (starts && i == len && (len > 4 || !((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z')))
            return true;
    }
    return false;
}

const char *denied_subject(const char *name, const char *label_zh, const char *label_en)
{
    for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
        for (size_t w = 0; w < ARRAY_LEN(denied[i].words) && denied[i].words[w]; w++)
            if (has_word(name, denied[i].words[w]) || has_word(label_en, denied[i].words[w]))
                return denied[i].subject;
        for (size_t w = 0; w < ARRAY_LEN(denied[i].zh) && denied[i].zh[w]; w++)
            if ((label_zh && strstr(label_zh, denied[i].zh[w])) || (name && strstr(name, denied[i].zh[w])))
                return denied[i].subject;
    }
    return NULL;
}
