/* Faults of an import, for its two files. */
#pragma once

#include "tenant/units_import.h"

/* Adds one; pointer and member are joined, the other texts are static. */
void import_fault(struct units_import *im, const char *pointer, const char *member, const char *code,
    const char *en, const char *zh);
