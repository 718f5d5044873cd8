#include "plugin/model/reach.h"

#include <algorithm>

namespace pinscope::model {

bool has_programs(const Decision& decision) {
  const bool uses = std::ranges::any_of(
      decision.grants, [](const GrantedPin& grant) { return grant.access == Access::kUse; });
  return uses || (decision.delegation && decision.delegation->rights[TokenRight::kProgram] != 0);
}

}  // namespace pinscope::model
