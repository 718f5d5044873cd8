#include "plugin/model/decision.h"

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::model {

std::string to_string(const Rule& rule) {
  if (rule.place.line == 0) return rule.policy;  // of an exception: it is in no file
  return "policy " + quoted(rule.policy) + " at " + to_string(rule.place);
}

ValuesMode mode_of(const GrantedPin& grant) {
  if (!grant.pin) return ValuesMode::kOnly;
  return grant.values ? ValuesMode::kAlso : ValuesMode::kNone;
}

std::string access_text(const GrantedPin& grant) {
  if (!grant.pin) return "values";
  return name_of(grant.access) + std::string(grant.values ? " and values" : "");
}

std::string source_text(const GrantedPin& grant) {
  return grant.follow ? grant.source + " (followed)" : grant.source;
}

std::string values_text(const GrantedPin& grant) {
  if (!grant.values) return "none";
  return name_of(grant.values->form) + (", " + std::to_string(grant.values->list)) + " listed, " +
         std::to_string(grant.values->max_age_ms) + " ms old";
}

bool can_enforce(Layout layout, const GrantedPin& grant) {
  return layout != Layout::kBind || !grant.pin || grant.access != Access::kRead;
}

const GrantedPin* Decision::find_grant(const std::string& source, const std::string& name) const {
  const auto found = std::ranges::find_if(grants, [&](const GrantedPin& grant) {
    return grant.source == source && grant.name == name;
  });
  return found == grants.end() ? nullptr : &*found;
}

bool Decision::has_pins() const {
  return std::ranges::any_of(grants, &GrantedPin::pin);
}

bool Decision::shows_values() const {
  return std::ranges::any_of(grants,
                             [](const GrantedPin& grant) { return grant.values.has_value(); });
}

}  // namespace pinscope::model
