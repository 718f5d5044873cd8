#include "plugin/model/decision.h"

#include "plugin/base/text.h"

namespace pinscope::model {

std::string to_string(const Rule& rule) {
  return "policy " + quoted(rule.policy) + " at " + to_string(rule.place);
}

}  // namespace pinscope::model
