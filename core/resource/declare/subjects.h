/* Subjects that nobody may record about a person, whoever asks for it: one table of words for declarations, tenants' own fields
 * and labels, and the headers of imports. docs/plugins.md lists them. */
#pragma once

#include "base/text.h"

struct subject_refused {
    const char *en, *zh;
};

/* Does a name, a label or a header speak of one of them? NULL: of none. about_person: what it stands with is about one person,
 * so that scores and ranks are refused as well. */
const struct subject_refused *subject_of(struct text t, bool about_person);
/* Does one of several values to choose from? Their names alone tell less: "income" is a side of a ledger, "religion" a topic. */
const struct subject_refused *subject_of_value(struct text t);
