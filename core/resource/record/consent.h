/* Records about persons of a resource that asks for consent (about_person.consent) are written only while the person agrees. */
#pragma once

#include "resource/record/record.h"

/* Before a record is created or changed: does its person agree to the purpose? Faults at the field that leads to the person, 422 or
 * 409. The person's own corrections are not asked. In the call's unit of work. */
MUSTCHECK int consent_check(struct call *c, const struct record *rec);
