/* Whom a transition concerns besides who took it. */
#pragma once

#include "resource/record/record.h"

/* In its unit of work, after the history has it. Whom it names as participants: it is assigned to them. Where it goes back:
 * who had brought it there. And whom the declaration has it tell. */
MUSTCHECK int inform_of_step(struct call *c, const struct record *rec, const struct transition *t);
