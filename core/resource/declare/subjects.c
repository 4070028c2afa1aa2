/* What may not be recorded, by the words that speak of it. Compared are the letters alone: blanks and punctuation between them,
 * capitals and wide forms make no difference. */
#include "resource/declare/subjects.h"

#include "base/buf.h"

/* english: whole words, in a row where there are several; a '*' at the end stands for more letters. chinese: what a text has in
 * it. except: what it may have all the same. values: what tells the subject where it is one of several to choose from. */
struct subject {
    struct subject_refused name;
    const char *english[16], *chinese[24], *except[16], *values[24];
    bool
        of_persons_only; /* refused where a record is about one person, and with the words of the line below anywhere */
};

static const struct subject subjects[] = {
    {{"political affiliation", "政治面貌"},
        {"politic*", "partisan*", "party member*", "party affiliation", "zhengzhi*", "dangpai*", "dangyuan*",
            "zzmm"},
        {"政治", "党派", "党员", "党籍", "入党", "党龄", "是否团员", "共青团员"},
        {"思想政治引领", "政治协商", "政治理", "政治安", "党员活动", "党员服务"},
        {"中共党员", "预备党员", "共青团员", "民主党派", "无党派", "民革党员", "民盟盟员", "九三学社",
            "政治面貌", "communist party", "party member*"},
        false},
    {{"ethnicity", "民族"}, {"ethnic*", "minzu*", "race", "racial", "nationality group"},
        {"民族", "族别", "种族", "少数民族"},
        {"中华民族", "民族团结", "民族品牌", "民族工艺", "民族企业", "民族文化", "民族乐", "民族舞",
            "民族服饰", "民族事务"},
        {"汉族", "少数民族", "回族", "满族", "藏族", "维吾尔", "蒙古族", "壮族", "苗族", "彝族", "朝鲜族",
            "哈萨克族", "ethnic minority", "han chinese"},
        false},
    {{"religion", "宗教信仰"}, {"religi*", "faith*", "zongjiao*", "xinyang*", "creed", "belief*"},
        {"宗教", "信仰", "教派", "信教"}, {"宗教事务", "宗教场所", "街道教", "信教育", "教派出"},
        {"佛教", "基督教", "天主教", "伊斯兰", "道教", "信教", "无神论", "buddhis*", "christian*",
            "catholic*", "muslim*", "islam*", "taois*"},
        false},
    {{"thoughts and leanings", "思想、倾向"},
        {"thought*", "leaning*", "ideolog*", "loyal*", "allegiance", "sixiang*", "qingxiang*",
            "public opinion*", "world view"},
        {"思想", "倾向", "忠诚", "政见", "立场", "舆情", "舆论", "言论", "世界观", "价值观"},
        {"思想政治引领", "立场地", "立场所", "立场馆", "行政见习", "财政见", "言论坛", "言论文"},
        {"思想稳定", "思想积极", "思想偏激"}, false},
    {{"income", "收入"},
        {"income", "incomes", "salary", "salaries", "wage", "wages", "earnings", "payroll", "shouru*",
            "gongzi*", "xinzi*"},
        {"收入", "工资", "薪资", "薪酬", "薪水", "年薪", "月薪", "底薪"},
        {"营业收入", "业务收入", "财政收入", "会费收入", "捐赠收入", "集体收入", "收入库", "收入会", "工资格",
            "工资料", "工资源", "工资质", "拖欠工资"},
        {NULL}, false},
    {{"scores and ranks of persons", "对个人的评分、排名"},
        {"social credit score", "credit score", "person* score*", "member* score*", "person* rank*",
            "person* rating*"},
        {"个人评分", "人员评分", "个人得分", "人员得分", "个人积分", "人员积分", "个人排名", "人员排名",
            "信用评分", "信用得分", "个人评级", "人员评级"},
        {NULL}, {NULL}, false},
    {{"scores and ranks of persons", "对个人的评分、排名"},
        {"score*", "rank", "ranks", "ranking*", "rating*"},
        {"评分", "得分", "打分", "积分", "排名", "名次", "评级"},
        {"得分享", "得分红", "得分配", "面积分", "安排名"}, {NULL}, true},
    {{"posts for tax paid", "以纳税换取职务"}, {"tax for post*", "posts for tax*", "tax rank*"},
        {"纳税排名", "纳税名次", "税收排名", "以税定", "按税定", "纳税换", "纳税安排职务", "纳税排座次"},
        {NULL}, {NULL}, false},
    {{"impressions of persons", "对个人的印象"}, {"impression*"},
        {"个人印象", "谈话印象", "走访印象", "对其印象", "个人态度", "态度表现", "现实表现", "政治表现"},
        {NULL}, {NULL}, false},
    {{"covert collection", "秘密采集"}, {"covert*", "surveil*", "secretly*"},
        {"秘密采集", "暗中", "监控对象", "布控"}, {"布控制"}, {NULL}, false},
};

/* ---- the letters of a text ---- */

/* One code point; malformed bytes are passed over. */
static uint32_t next(struct text *t)
{
    const unsigned char *p = (const unsigned char *)t->ptr;
    size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
    uint32_t c = p[0];

    if (n > t->len || (n == 1 && c >= 0x80)) {
        *t = text_skip(*t, 1);
        return ' ';
    }
    if (n > 1)
        c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    *t = text_skip(*t, n);
    return c >= 0xff01 && c <= 0xff5e ? c - 0xfee0 : c; /* wide forms */
}

struct letters {
    struct buf english; /* " annual income ": words between blanks */
    struct buf chinese; /* the others, nothing between them */
};

static void letters_of(struct text t, struct letters *out)
{
    bool was_lower = false;

    *out = (struct letters){BUF_INIT, BUF_INIT};
    buf_addc(&out->english, ' ');
    while (t.len > 0) {
        struct text from = t;
        uint32_t c = next(&t);
        bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
        bool is_word = out->english.data[out->english.len - 1] != ' ';

        if (is_word && (!(is_upper || is_lower) || (is_upper && was_lower))) /* annualIncome is two words */
            buf_addc(&out->english, ' ');
        if (is_upper || is_lower)
            buf_addc(&out->english, (char)(c | 0x20));
        else if (c >= 0x3400 && c < 0xff00)
            buf_add(&out->chinese, from.ptr, from.len - t.len);
        was_lower = is_lower;
    }
    buf_addc(&out->english, ' ');
}

static void letters_done(struct letters *l)
{
    buf_done(&l->english);
    buf_done(&l->chinese);
}

/* ---- words ---- */

static bool has_english(const char *text, const char *word)
{
    size_t len = strlen(word);
    bool is_open = word[len - 1] == '*';

    len -= is_open;
    for (const char *p = strchr(text, ' '); p; p = strchr(p + 1, ' '))
        if (strncmp(p + 1, word, len) == 0 && (is_open || p[1 + len] == ' '))
            return true;
    return false;
}

/* "person* score*": each word of it may go on. */
static bool has_words(const char *text, const char *words)
{
    const char *star = strchr(words, '*');

    if (!star || !star[1])
        return has_english(text, words);
    for (const char *p = strchr(text, ' '); p; p = strchr(p + 1, ' ')) {
        const char *end;

        if (strncmp(p + 1, words, (size_t)(star - words)) != 0 || !(end = strchr(p + 1, ' ')))
            continue;
        if (strncmp(end + 1, star + 2, strcspn(star + 2, "*")) == 0)
            return true;
    }
    return false;
}

/* Is the word there other than as part of something that is allowed? */
static bool has_chinese(const char *text, const char *word, const char *const *except)
{
    size_t len = strlen(word);

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
        bool allowed = false;

        for (size_t i = 0; except && i < ARRAY_LEN(subjects[0].except) && except[i] && !allowed; i++) {
            size_t part = strlen(except[i]);
            const char *from = p - text >= (ptrdiff_t)part ? p - part + 1 : text;

            for (const char *e = strstr(from, except[i]); e && e <= p && !allowed;
                 e = strstr(e + 1, except[i]))
                allowed = e + part >= p + len;
        }
        if (!allowed)
            return true;
    }
    return false;
}

static bool is_ascii(const char *word)
{
    return (unsigned char)word[0] < 0x80;
}

static bool speaks_of(const struct letters *l, const struct subject *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->english) && s->english[i]; i++)
        if (has_words(buf_str(&l->english), s->english[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(s->chinese) && s->chinese[i]; i++)
        if (has_chinese(buf_str(&l->chinese), s->chinese[i], s->except))
            return true;
    return false;
}

static bool is_value_of(const struct letters *l, const struct subject *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->values) && s->values[i]; i++)
        if (is_ascii(s->values[i]) ? has_words(buf_str(&l->english), s->values[i])
                                   : has_chinese(buf_str(&l->chinese), s->values[i], s->except))
            return true;
    return false;
}

static const struct subject_refused *find(struct text t, bool about_person, bool is_value)
{
    const struct subject_refused *found = NULL;
    struct letters l;

    if (!t.ptr)
        return NULL;
    letters_of(t, &l);
    for (size_t i = 0; i < ARRAY_LEN(subjects) && !found; i++) {
        const struct subject *s = &subjects[i];

        if (is_value_of(&l, s) || (!is_value && (about_person || !s->of_persons_only) && speaks_of(&l, s)))
            found = &s->name;
    }
    letters_done(&l);
    return found;
}

const struct subject_refused *subject_of(struct text t, bool about_person)
{
    return find(t, about_person, false);
}

const struct subject_refused *subject_of_value(struct text t)
{
    return find(t, false, true);
}
