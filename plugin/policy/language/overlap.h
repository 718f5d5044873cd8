// Which containers two `select`s have in common, as far as their text tells: where
// that is not certain, both answers are no.
#pragma once

#include "plugin/model/policy.h"

namespace pinscope::policy {

// Whether `wide` certainly matches every container that `narrow` matches.
bool covers(const model::Select& wide, const model::Select& narrow);

// Whether certainly no container matches both.
bool are_disjoint(const model::Select& one, const model::Select& other);

}  // namespace pinscope::policy
