// Policies that refuse every start, whatever the container is.
#include "plugin/health/every_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::health {
namespace {

using model::Policy;
using testing::HasSubstr;
using Level = model::Finding::Level;

Policy named(const std::string& name, const std::string& view_at = "") {
  Policy policy;
  policy.name = name;
  policy.place = {name + ".yaml", 1, 1};
  if (!view_at.empty()) policy.view.at = view_at;
  return policy;
}

Policy of_image(Policy policy, const std::string& image) {
  policy.select.images = {image};
  return policy;
}

TEST(EveryStart, IsRefusedByPoliciesThatSelectAllAndDisagree) {
  const auto finding = check_every_start({named("a", "/run/a"), named("b", "/run/b")});
  EXPECT_EQ(finding.level, Level::kFail);
  EXPECT_EQ(
      finding.detail,
      "every container is refused: cannot make one view: view.at is \"/run/a\" for one policy "
      "and \"/run/b\" for another; policy \"a\" at a.yaml:1:1 and policy \"b\" at b.yaml:1:1");
  EXPECT_NE(finding.action, "");
}

TEST(EveryStart, IsRefusedByAPinThatAllAreToHaveAndThatIsMissing) {
  Policy policy = named("a");
  policy.grants.emplace_back().pin = "/sys/fs/bpf/no-such-pin";
  policy.grants[0].place = {"a.yaml", 5, 5};
  EXPECT_THAT(check_every_start({policy}).detail,
              HasSubstr("every container is refused: cannot open source pin "
                        "\"/sys/fs/bpf/no-such-pin\": No such file or directory; policy \"a\""));
  policy.grants[0].missing = model::Missing::kSkip;
  EXPECT_EQ(check_every_start({policy}).level, Level::kOk);
  policy.grants[0].missing = model::Missing::kFail;
  EXPECT_EQ(check_every_start({of_image(policy, "app")}).level, Level::kOk)
      << "it may be pinned before such a container starts";
}

TEST(EveryStart, OfThoseThatTwoPoliciesSelectIsRefusedIfTheyDisagree) {
  const auto finding = check_every_start(
      {of_image(named("a", "/run/a"), "app"), of_image(named("b", "/run/b"), "app")});
  EXPECT_EQ(finding.level, Level::kFail);
  EXPECT_THAT(finding.detail, HasSubstr("every container that policy \"a\" selects is refused: "));
  const auto with_all =
      check_every_start({of_image(named("a", "/run/a"), "app"), named("b", "/x")});
  EXPECT_THAT(with_all.detail, HasSubstr("every container that policy \"a\" selects is refused: "));
}

TEST(EveryStart, IsNotRefusedWherePoliciesAreForDifferentContainers) {
  EXPECT_EQ(check_every_start(
                {of_image(named("a", "/run/a"), "app"), of_image(named("b", "/run/b"), "web")})
                .level,
            Level::kOk);
  Policy excludes = named("b", "/run/b");
  excludes.exclusions.emplace_back().matching.images = {"app"};
  EXPECT_EQ(check_every_start({named("a", "/run/a"), excludes}).level, Level::kFail)
      << "all that b selects, a selects too";
  EXPECT_EQ(check_every_start({of_image(named("a", "/run/a"), "app"), excludes}).level, Level::kOk);
  EXPECT_EQ(check_every_start({}).level, Level::kOk);
}

}  // namespace
}  // namespace pinscope::health
