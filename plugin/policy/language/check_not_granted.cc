#include "plugin/policy/language/check_not_granted.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/glob_overlap.h"

namespace pinscope::policy {
namespace {

// What is named is the pin, or the directory with all that is below it.
model::Pattern with_what_is_below(const model::Pattern& pattern) {
  return is_glob(pattern) ? pattern : pattern + "/**";
}

// Every pin, glob and directory that the policies and the test name otherwise.
std::vector<model::Pattern> named_by(const PolicyTest& test,
                                     const std::vector<model::Policy>& policies) {
  std::vector<model::Pattern> named;
  for (const auto& policy : policies) {
    for (const auto& grant : policy.grants) named.push_back(grant.pin);
    for (const auto& deny : policy.denials) named.push_back(with_what_is_below(deny.pin));
  }
  if (test.pins) named.insert(named.end(), test.pins->begin(), test.pins->end());
  for (const auto& subject : test.subjects) {
    const Expectations& expected = subject.expected;
    if (expected.grants)
      for (const auto& grant : expected.grants->value) named.push_back(grant.value.pin);
    if (expected.refused)
      named.insert(named.end(), expected.refused->value.begin(), expected.refused->value.end());
  }
  std::ranges::sort(named);
  named.erase(std::ranges::unique(named).begin(), named.end());
  return named;
}

Diagnostic without_meaning(const ForbiddenPins& pins, const std::vector<model::Pattern>& named) {
  const std::string_view near =
      nearest(pins.value, std::vector<std::string_view>(named.begin(), named.end()));
  auto warning = warning_at(
      pins.at,
      "\"notGranted\" holds whatever the policies say: no policy and no pin of the test can be "
      "meant by " +
          quoted(pins.value),
      near.empty() ? "if there is such a pin, list it in \"pins\""
                   : "did you mean " + quoted(near) + "?");
  warning.snippet = pins.snippet;
  return warning;
}

}  // namespace

std::vector<Diagnostic> check_not_granted(const PolicyTest& test,
                                          const std::vector<model::Policy>& policies) {
  const auto named = named_by(test, policies);
  std::vector<Diagnostic> warnings;
  for (const auto& subject : test.subjects)
    for (const auto& pins : subject.expected.not_granted) {
      const auto wanted = with_what_is_below(pins.value);
      const auto is_meant = [&](const model::Pattern& other) {
        return may_match_one_text(wanted, other);
      };
      if (std::ranges::none_of(named, is_meant)) warnings.push_back(without_meaning(pins, named));
    }
  return warnings;
}

}  // namespace pinscope::policy
