// What doctor says of the starts that were refused lately.
#include "plugin/health/refusals.h"

#include <gtest/gtest.h>

namespace pinscope::health {
namespace {

using model::Finding;

constexpr uint64_t kNow = 1'769'860'800'000'000'000;  // 2026-01-31T12:00:00Z

std::string line(const std::string& time, const std::string& outcome, const std::string& id = "web",
                 const std::string& code = "source-missing") {
  return R"({"time":")" + time + R"(","outcome":")" + outcome + R"(","code":")" + code +
         R"(","container":{"id":")" + id + "\"}}\n";
}

Finding of_starts(const std::string& text, bool is_whole = true) {
  const auto findings = judge_refusals(text, is_whole, kNow);
  EXPECT_EQ(findings.size(), 1U);
  return findings.empty() ? Finding() : findings.front();
}

const std::string kOld = line("2026-01-30T11:59:59.000000Z", "refused", "old");
const std::string kRecent = line("2026-01-31T11:00:00.500000Z", "refused", "first") +
                            line("2026-01-31T11:10:00.500000Z", "granted", "good") +
                            line("2026-01-31T11:20:00.500000Z", "refused", "last");

TEST(RefusalsHealth, CountsThoseOfADayAndNamesTheLast) {
  const auto finding = of_starts(kOld + kRecent);
  EXPECT_EQ(finding.level, Finding::Level::kWarn);
  EXPECT_EQ(finding.detail,
            "2 in the last 24 hours; the last: \"last\", source-missing, "
            "2026-01-31T11:20:00.500000Z");
  EXPECT_EQ(finding.action, "pinscope audit --outcome refused --since 1d shows why");
}

TEST(RefusalsHealth, SaysThatThereWasNone) {
  for (const auto& text : {std::string(), kOld, line("2026-01-31T11:10:00Z", "granted")}) {
    const auto finding = of_starts(text);
    EXPECT_EQ(finding.level, Finding::Level::kOk);
    EXPECT_EQ(finding.detail, "none in the last 24 hours");
    EXPECT_EQ(finding.action, "");
  }
}

TEST(RefusalsHealth, SaysSinceWhenItLooked) {
  EXPECT_EQ(of_starts("part of a line\n" + kRecent, false).detail,
            "2 since 2026-01-31T11:00:00.500000Z; the last: \"last\", source-missing, "
            "2026-01-31T11:20:00.500000Z");
  EXPECT_EQ(of_starts("part of a line\n" + line("2026-01-31T11:10:00Z", "granted"), false).detail,
            "none since 2026-01-31T11:10:00Z");
  EXPECT_EQ(of_starts("a line\n" + kOld + kRecent, false).detail.substr(0, 22),
            "2 in the last 24 hours");
}

TEST(RefusalsHealth, TellsFailedChangesFromRefusedStarts) {
  const auto findings = judge_refusals(
      kOld + line("2026-01-31T11:00:00Z", "not-changed", "web", "target-invalid"), true, kNow);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings.front().level, Finding::Level::kOk);
  EXPECT_EQ(findings.back().level, Finding::Level::kWarn);
  EXPECT_EQ(findings.back().name, "changes that failed");
  EXPECT_EQ(findings.back().detail,
            "1 in the last 24 hours; the last: \"web\", target-invalid, 2026-01-31T11:00:00Z");
  EXPECT_EQ(findings.back().action, "pinscope audit --outcome not-changed --since 1d shows why");
}

// Whoever starts a container chooses its id; what is no line of ours is not counted.
TEST(RefusalsHealth, IsNotLedAstray) {
  const std::string hostile =
      line("2026-01-31T11:30:00Z", "refused", std::string(300, 'x') + R"(\n\u001b[2J)", R"(a\nb)");
  const auto finding =
      of_starts("\n{}\n[1]\n{\"outcome\": 3}\nno JSON\n{\"outcome\":\"refused\"\n" + hostile);
  EXPECT_EQ(finding.detail.substr(0, 23), "1 in the last 24 hours;");
  EXPECT_EQ(finding.detail.find('\n'), std::string::npos);
  EXPECT_EQ(finding.detail.find('\x1b'), std::string::npos);
  EXPECT_LT(finding.detail.size(), 200U);
}

}  // namespace
}  // namespace pinscope::health
