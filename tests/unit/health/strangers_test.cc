// What doctor says of containers that run without a record.
#include "plugin/health/strangers.h"

#include <gtest/gtest.h>

namespace pinscope::health {
namespace {

using Level = model::Finding::Level;

TEST(StrangersHealth, AreNoneWhereEveryContainerHasARecord) {
  for (const bool for_all : {false, true}) {
    const auto finding = judge_strangers({}, for_all);
    EXPECT_EQ(finding.level, Level::kOk);
    EXPECT_EQ(finding.detail, "every container that runs has a record");
  }
}

TEST(StrangersHealth, AreNoMatterWhereNoPolicyIsForAll) {
  const auto finding = judge_strangers({{.id = "a"}, {.id = "b"}}, false);
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_EQ(finding.detail, "2 containers run that Pinscope has no record of: a, b");
}

TEST(StrangersHealth, HavePassedByAPolicyThatIsForAll) {
  const auto finding = judge_strangers({{.id = "a"}}, true);
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_EQ(finding.detail,
            "1 container runs that Pinscope has no record of: a; but a policy selects every "
            "container");
  EXPECT_EQ(finding.action, "pinscope engine status says whether their engine is wired");
}

TEST(StrangersHealth, SayWhichWereThereBeforeTheWiring) {
  const auto finding = judge_strangers({{.id = "a", .is_from_before = true}, {.id = "b"}}, true);
  EXPECT_EQ(
      finding.detail,
      "2 containers run that Pinscope has no record of: a, b; since before the wiring: a; but "
      "a policy selects every container");
  EXPECT_EQ(finding.action, "start them again: they meet Pinscope then");
}

TEST(StrangersHealth, SayWhichShowABpffsOfTheHost) {
  const auto finding = judge_strangers({{.id = "a", .shows_host_bpffs = true}, {.id = "b"}}, false);
  EXPECT_EQ(finding.level, Level::kWarn);
  EXPECT_EQ(finding.detail,
            "2 containers run that Pinscope has no record of: a, b; a bpffs of the host is mounted "
            "in a");
}

TEST(StrangersHealth, CountSandboxesByThemselves) {
  const auto finding = judge_strangers({{.id = "a", .is_sandbox = true}}, true);
  EXPECT_EQ(finding.level, Level::kOk);
  EXPECT_EQ(
      finding.detail,
      "0 containers run that Pinscope has no record of; and 1 sandbox of pods, which are left "
      "alone");
}

TEST(StrangersHealth, AreNamedUpToANumber) {
  std::vector<Stranger> many;
  for (char name = 'a'; name <= 'h'; ++name) many.push_back({.id = std::string(1, name)});
  many[0].id = "\x1b[2J" + std::string(300, 'x');
  const auto finding = judge_strangers(many, false);
  EXPECT_TRUE(finding.detail.ends_with(", b, c, d, e and 3 more")) << finding.detail;
  EXPECT_EQ(finding.detail.find('\x1b'), std::string::npos);
  EXPECT_LT(finding.detail.size(), 200U);
}

}  // namespace
}  // namespace pinscope::health
