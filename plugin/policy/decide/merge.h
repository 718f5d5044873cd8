// Merges grants: one granted pin for each name, or a conflict. Used by decide.cc alone, after
// denials were applied.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

// One source under one name, as one grant asks for it. Owns nothing.
struct Wanted {
  std::string_view name;
  std::string_view source;
  const model::Grant* grant = nullptr;
  const model::Policy* policy = nullptr;
  std::optional<model::ObjectIdentity> object = {};  // of the source, if it was looked at
  bool is_match = false;                             // of a glob
};

model::Rule rule_of(const Wanted& wanted);
// The text that names two rules: policy "a" at a.yaml:3:5 and policy "b" at b.yaml:7:5
// `error` with the two rules that disagree.
Error between(Error error, const model::Rule& first, const model::Rule& second);
// Whether a component of the name is one that the view keeps for itself.
bool has_reserved_component(std::string_view name);
inline constexpr const char* kReservedName =
    "\"_rw\" is where the view itself keeps what can be written";
// The error that says that this name cannot be granted.
Error cannot_grant(std::string_view name, ErrorCode code);

// The granted pins, in the order of their names, with the defaults filled in. kPolicyConflict: two
// sources under one name, grants of one source that differ in more than access, missing, follow and
// whether there is a pin or values, a name below another, a name that the view itself uses.
Result<std::vector<model::GrantedPin>> merge_grants(std::vector<Wanted> wanted,
                                                    const model::Container& container);

}  // namespace pinscope::policy
