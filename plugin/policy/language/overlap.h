// Which containers two `select`s, or two policies, have in common, as far as their text tells.
#pragma once

#include "plugin/model/policy.h"

namespace pinscope::policy {

// Whether `wide` certainly matches every container that `narrow` matches.
bool covers(const model::Select& wide, const model::Select& narrow);

// Whether certainly no container matches both.
bool are_disjoint(const model::Select& one, const model::Select& other);

// Whether one container may be selected by both policies: no only where that is certain.
bool may_both_select(const model::Policy& one, const model::Policy& other);

// Whether both name a key of one kind, so that they are about containers of one sort. Where they do
// not, such as an image and a Kubernetes namespace, it takes a coincidence for a container to be
// selected by both.
bool have_a_key_in_common(const model::Select& one, const model::Select& other);

// Whether `wide` certainly selects every container that `narrow` selects.
bool selects_all_of(const model::Policy& wide, const model::Policy& narrow);

}  // namespace pinscope::policy
