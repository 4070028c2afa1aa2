/* juxind: the command line. */
#include <getopt.h>
#include <limits.h>
#include <unistd.h>

#include "base/base.h"
#include "base/mem.h"
#include "master/master.h"
#include "master/worker.h"

static const char usage[] = "usage: juxind --config FILE [--check]\n"
                            "  --config FILE   the configuration (schemas/config.schema.json describes it)\n"
                            "  --check         says whether a server could be started with it, and ends\n"
                            "  --version\n";

/* What an upgrade executes later: the path, not the file that runs now. */
static char *own_path(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    static const char gone[] = " (deleted)";

    if (n < 0)
        return NULL;
    if ((size_t)n > sizeof(gone) && memcmp(path + n - (sizeof(gone) - 1), gone, sizeof(gone) - 1) == 0)
        n -= (ssize_t)sizeof(gone) - 1;
    return str_ndup(path, (size_t)n);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'}, {0}};
    CLEANUP(mem_freep) char *file = NULL;
    CLEANUP(mem_freep) char *path = own_path();
    bool check = false;
    int option;

    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
        if (option == 'c') {
            free(file);
            file = realpath(optarg, NULL);
            if (!file) {
                fprintf(stderr, "juxind: %s: %m\n", optarg);
                return 2;
            }
        } else if (option == 'k') {
            check = true;
        } else if (option == 'v') {
            puts("juxind " JUXIN_VERSION);
            return 0;
        } else {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (!file || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    return check ? check_main(file) : master_main(path, file);
}
