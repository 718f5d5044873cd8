// What a container is given, as explain and inspect both show it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/cli/term/table.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::cli {

// "kubernetes pod" for the fact kubernetes_pod.
std::string fact_title(std::string_view name);
std::string owner_and_mode(const model::GrantedPin& grant);  // "1000:1000 0440"
std::string object_text(const model::ObjectInfo& object);    // "map 12 (hash)"
// A line for each refusal; empty where there is none.
Table refusals_table(const std::vector<model::RefusedPin>& refusals);
// A line for each glob or source that is followed beside the grants.
Table followed_table(const std::vector<model::FollowedPattern>& followed);
// A line for each kind of right, with what is delegated in the kernel's names.
Table delegation_table(const model::Delegation& delegation);

}  // namespace pinscope::cli
