// The sources of a decision that are no reason to refuse a start: what is not there and may be
// missing, and what a glob matches and cannot be granted. The hook and explain ask the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/error.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/model/decision.h"

namespace pinscope {

enum class LeftOut { kNot, kMissing, kUngrantable };
// What this failure to open the grant's source comes to.
LeftOut left_out(const model::GrantedPin& grant, const Error& failure);
// For people: which match it is, and why.
std::string note_of(const model::GrantedPin& grant, const Error& failure);

// Takes them out of the decision before it is planned; returns those that are missing. Why a match
// is left out stands in the decision's notes, up to a number of them.
std::vector<model::GrantedPin> take_skipped(model::Decision& decision,
                                            kernel::SourceOpener& sources);

}  // namespace pinscope
