// What check says of paths that lead nowhere on this machine.
#include "plugin/policy/language/check_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::policy {
namespace {

std::string without_links(const std::string& path) {
  constexpr std::string_view kLink = "/var/lib/containers";
  return path.starts_with(kLink) ? "/data" + path.substr(kLink.size()) : path;
}

model::Policy policy_for(std::vector<std::string> bundles) {
  model::Policy policy;
  policy.place = {.file = "a.yaml", .line = 4, .column = 3};
  policy.select.bundles = std::move(bundles);
  return policy;
}

std::vector<std::string> messages_of(const model::Policy& policy) {
  std::vector<std::string> messages;
  for (const auto& warning : warn_of_linked_bundles({policy}, without_links))
    messages.push_back(model::to_string(warning.place) + ": " + warning.message);
  return messages;
}

TEST(LinkedBundles, SelectNothingAndAreNamed) {
  EXPECT_THAT(messages_of(policy_for({"/data/**", "/var/lib/containers/*/userdata", "/**"})),
              testing::ElementsAre("a.yaml:4:3: \"bundle\": no container matches "
                                   "\"/var/lib/containers/*/userdata\", because "
                                   "\"/var/lib/containers\" is really \"/data\""));
}

TEST(LinkedBundles, AreNamedInExcludeToo) {
  model::Policy policy = policy_for({});
  model::Exclusion exclusion;
  exclusion.place = {.file = "a.yaml", .line = 9, .column = 7};
  exclusion.matching.bundles = {"/var/lib/containers/x"};
  policy.exclusions = {exclusion};
  EXPECT_THAT(messages_of(policy),
              testing::ElementsAre("a.yaml:9:7: \"bundle\": no container matches "
                                   "\"/var/lib/containers/x\", because "
                                   "\"/var/lib/containers/x\" is really \"/data/x\""));
}

}  // namespace
}  // namespace pinscope::policy
