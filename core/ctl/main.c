/* juxinctl: finds the command, reads its options, gives it what it needs, runs it. */
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/run.h"

#define DEFAULT_CONFIG "/etc/juxin/juxin.json"

/* How many of the words are the command's name; 0 when they are not. */
static size_t matches(const struct ctl_command *command, char *const *words, size_t count)
{
    struct text rest = text_of(command->name);
    size_t n = 0;

    while (rest.ptr) {
        if (n == count || !text_is(text_split(&rest, ' '), words[n]))
            return 0;
        n++;
    }
    return n;
}

static const struct ctl_command *find(char *const *words, size_t count, size_t *ret_words)
{
    const struct ctl_command *best = NULL;

    *ret_words = 0;
    for (size_t i = 0; ctl_commands[i]; i++) {
        size_t n = matches(ctl_commands[i], words, count);

        if (n > *ret_words) {
            *ret_words = n;
            best = ctl_commands[i];
        }
    }
    return best;
}

static void print_overview(FILE *out)
{
    fputs("usage: juxinctl [--config FILE] [--json] [--yes] COMMAND …\n\n", out);
    for (size_t i = 0; ctl_commands[i]; i++)
        fprintf(out, "  %-22s %s\n", ctl_commands[i]->name, ctl_commands[i]->summary);
    fputs("\n`juxinctl help COMMAND` explains one, with an example. The configuration is " DEFAULT_CONFIG
          " or $JUXIN_CONFIG unless --config names another.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 no database.\n",
        out);
}

static void print_usage(const struct ctl_command *command, FILE *out)
{
    fprintf(out, "usage: juxinctl %s%s%s", command->name, command->arguments ? " " : "",
        command->arguments ? command->arguments : "");
    for (size_t i = 0; i < CTL_OPTIONS_MAX && command->options[i].name; i++) {
        const struct ctl_option *o = &command->options[i];

        fprintf(out, " %s--%s%s%s%s", o->is_required ? "" : "[", o->name, o->value ? " " : "",
            o->value ? o->value : "", o->is_required ? "" : "]");
    }
    fputc('\n', out);
}

static void print_help(const struct ctl_command *command)
{
    print_usage(command, stdout);
    printf("\n%s\n", command->help);
    for (size_t i = 0; i < CTL_OPTIONS_MAX && command->options[i].name; i++) {
        const struct ctl_option *o = &command->options[i];
        CLEANUP(mem_freep)
        char *name = str_printf("--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");

        printf("%s  %-24s %s\n", i ? "" : "\n", name, o->help);
    }
}

/* Commands that begin with the same word, when one was meant but not finished. */
static int suggest(char *const *words, size_t count)
{
    size_t shown = 0;

    for (size_t i = 0; count && ctl_commands[i]; i++) {
        size_t len = strlen(words[0]);

        if (strncmp(ctl_commands[i]->name, words[0], len) != 0 ||
            (ctl_commands[i]->name[len] != ' ' && ctl_commands[i]->name[len] != '\0'))
            continue;
        if (!shown++)
            fprintf(stderr, "juxinctl: which %s?\n", words[0]);
        fprintf(stderr, "  %-22s %s\n", ctl_commands[i]->name, ctl_commands[i]->summary);
    }
    if (!shown && count)
        fprintf(stderr, "juxinctl: there is no command \"%s\"; `juxinctl help` lists all\n", words[0]);
    else if (!shown)
        print_overview(stderr);
    return CTL_USAGE;
}

static int help(char *const *words, size_t count)
{
    size_t used;
    const struct ctl_command *command = find(words, count, &used);

    if (!count) {
        print_overview(stdout);
        return CTL_OK;
    }
    if (!command)
        return suggest(words, count);
    print_help(command);
    return CTL_OK;
}

static int usage_fault(const struct ctl_command *command, const char *format, const char *what)
{
    fputs("juxinctl: ", stderr);
    fprintf(stderr, format, what); /* format is one of ours, below */
    fputc('\n', stderr);
    print_usage(command, stderr);
    fprintf(stderr, "`juxinctl help %s` explains it.\n", command->name);
    return CTL_USAGE;
}

/* One option at argv[*at]; its value may be the next word or follow an equals sign. */
static int take_option(struct ctl *c, char **argv, int argc, int *at)
{
    const char *word = argv[*at] + 2, *equals = strchr(word, '=');
    struct text name = {word, equals ? (size_t)(equals - word) : strlen(word)};

    for (size_t i = 0; i < CTL_OPTIONS_MAX && c->command->options[i].name; i++) {
        const struct ctl_option *o = &c->command->options[i];

        if (!text_is(name, o->name))
            continue;
        if (!o->value)
            c->option[i] = "yes";
        else if (equals)
            c->option[i] = equals + 1;
        else if (*at + 1 < argc)
            c->option[i] = argv[++*at];
        else
            return usage_fault(c->command, "%s wants a value", argv[*at]);
        return CTL_OK;
    }
    return usage_fault(c->command, "%s is not an option of this command", argv[*at]);
}

static int take_words(struct ctl *c, char **argv, int argc, int at)
{
    bool options_over = false;

    for (; at < argc; at++) {
        if (!options_over && strcmp(argv[at], "--") == 0) {
            options_over = true;
        } else if (!options_over && strcmp(argv[at], "--json") == 0) {
            c->json = true;
        } else if (!options_over && strcmp(argv[at], "--yes") == 0) {
            c->yes = true;
        } else if (!options_over && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)) {
            print_help(c->command);
            exit(CTL_OK);
        } else if (!options_over && strncmp(argv[at], "--", 2) == 0) {
            int r = take_option(c, argv, argc, &at);

            if (r)
                return r;
        } else if (c->argument_count == MIN(CTL_ARGUMENTS_MAX, c->command->arguments_max)) {
            return usage_fault(c->command, "\"%s\" is one argument too many", argv[at]);
        } else {
            c->argument[c->argument_count++] = argv[at];
        }
    }
    if (c->argument_count < c->command->arguments_min)
        return usage_fault(c->command, "%s: an argument is missing", c->command->name);
    for (size_t i = 0; i < CTL_OPTIONS_MAX && c->command->options[i].name; i++)
        if (c->command->options[i].is_required && !c->option[i])
            return usage_fault(c->command, "--%s is required", c->command->options[i].name);
    return CTL_OK;
}

/* --config FILE and the other options in front of the command. Returns where the command begins, or -1. */
static int take_global(struct ctl *c, char **argv, int argc)
{
    int at = 1;

    for (; at < argc && strncmp(argv[at], "-", 1) == 0; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            c->json = true;
        } else if (strcmp(argv[at], "--yes") == 0) {
            c->yes = true;
        } else if (strcmp(argv[at], "--config") == 0 && at + 1 < argc) {
            c->config_file = argv[++at];
        } else if (strncmp(argv[at], "--config=", 9) == 0) {
            c->config_file = argv[at] + 9;
        } else if (strcmp(argv[at], "--version") == 0) {
            puts("juxinctl " JUXIN_VERSION);
            exit(CTL_OK);
        } else if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            print_overview(stdout);
            exit(CTL_OK);
        } else {
            fprintf(stderr, "juxinctl: %s is not an option in front of a command\n", argv[at]);
            return -1;
        }
    }
    return at;
}

static int load_config(struct ctl *c)
{
    CLEANUP(buf_done) struct buf errors = BUF_INIT;

    if (c->command->needs == CTL_PLAIN || config_load(c->config_file, &c->config, &errors) == 0)
        return CTL_OK;
    fprintf(stderr, "juxinctl: the configuration is not accepted\n%s", buf_str(&errors));
    return CTL_USAGE;
}

static int command_at(struct ctl *c, char **argv, int argc, int at)
{
    size_t words;
    int code;

    c->command = find(argv + at, (size_t)(argc - at), &words);
    if (!c->command)
        return suggest(argv + at, (size_t)(argc - at));
    code = take_words(c, argv, argc, at + (int)words);
    if (code == CTL_OK)
        code = load_config(c);
    if (code == CTL_OK)
        code = run_command(c);
    if (c->json && c->out.len)
        printf("%s\n", buf_str(&c->out));
    return code;
}

int main(int argc, char **argv)
{
    struct ctl c = {.config_file = getenv("JUXIN_CONFIG"), .arena = arena_new()};
    int at, code = CTL_USAGE;

    if (!c.config_file)
        c.config_file = DEFAULT_CONFIG;
    log_set_process("ctl");
    log_set_level(LOG_WARN);
    jsonw_init(&c.w, &c.out);
    at = take_global(&c, argv, argc);
    if (at >= 0 && at < argc && strcmp(argv[at], "help") == 0)
        code = help(argv + at + 1, (size_t)(argc - at - 1));
    else if (at >= 0)
        code = command_at(&c, argv, argc, at);
    buf_done(&c.out);
    arena_free(c.arena);
    config_free(c.config);
    return code;
}
