/* What a command was given, by the names in its table. */
#include "ctl/ctl.h"

const char *ctl_option(const struct ctl *c, const char *name)
{
    for (size_t i = 0; i < CTL_OPTIONS_MAX && c->command->options[i].name; i++)
        if (strcmp(c->command->options[i].name, name) == 0)
            return c->option[i];
    abort(); /* the command asks for what its table does not declare */
}

bool ctl_flag(const struct ctl *c, const char *name)
{
    return ctl_option(c, name) != NULL;
}
