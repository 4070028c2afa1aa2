/* Values of tenants' own fields, in the table that they share. */
#pragma once

#include "resource/record/record.h"

/* What changed of them in records of one resource; nothing is sent where nothing did. In the call's unit of work. */
MUSTCHECK int custom_value_write(struct call *c, struct record *const *records, uint32_t count);
