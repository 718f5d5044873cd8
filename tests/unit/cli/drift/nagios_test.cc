// What a plugin of a monitoring system prints: one line that no name can take apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/cli/drift/text.h"

namespace pinscope::cli {
namespace {

using drift::Kind;
using testing::HasSubstr;
using testing::StartsWith;

drift::Drift drift_of(const std::vector<std::pair<Kind, std::string>>& entries) {
  drift::Drift drift;
  drift.containers = 7;
  for (const auto& [kind, id] : entries)
    drift.entries.push_back(
        {.kind = kind, .subject = drift::Subject{.id = id, .bundle = {}}, .text = {}, .rule = {}});
  return drift;
}

TEST(Nagios, IsOkWithoutDrift) {
  const auto result = to_plugin_result(drift_of({}));
  EXPECT_EQ(result.status, PluginResult::kOk);
  EXPECT_EQ(result.line,
            "DRIFT OK - 0 of 7 containers drifted | 'containers'=7;;;0 'drifted'=0;;;0 "
            "'extra'=0;;0;0 'wider'=0;;0;0 'unselected'=0;;0;0 'seal-broken'=0;;0;0 "
            "'later-mount'=0;;0;0 'view-missing'=0;;0;0 'missing'=0;0;;0 'narrower'=0;0;;0 "
            "'changed'=0;0;;0 'stale'=0;0;;0 'source-gone'=0;0;;0 'refused'=0;0;;0 "
            "'no-view'=0;0;;0 'values-unserved'=0;0;;0 'incomplete'=0;0;;0 'last-good'=0;0;;0 "
            "'leftover'=0;0;;0 "
            "'damaged'=0;0;;0 'unknown'=0;;;0\n");
}

TEST(Nagios, HasTheStatusOfTheWorst) {
  EXPECT_EQ(to_plugin_result(drift_of({{Kind::kUnknown, "a"}})).status, PluginResult::kUnknown);
  EXPECT_EQ(to_plugin_result(drift_of({{Kind::kUnknown, "a"}, {Kind::kStale, "b"}})).status,
            PluginResult::kWarning);
  const auto result = to_plugin_result(drift_of(
      {{Kind::kStale, "b"}, {Kind::kStale, "c"}, {Kind::kExtra, "d"}, {Kind::kStale, "e"}}));
  EXPECT_EQ(result.status, PluginResult::kCritical);
  EXPECT_THAT(result.line,
              StartsWith("DRIFT CRITICAL - 4 of 7 containers drifted: 1 extra, 3 stale "
                         "(d, b, c and 1 more) | "));
  EXPECT_THAT(result.line, HasSubstr(" 'stale'=3;0;;0 "));
}

TEST(Nagios, CountsAndNamesContainersThatRunAndSaysTheRestBehind) {
  auto drift = drift_of({{Kind::kStale, "b"},
                         {Kind::kNoView, "c"},
                         {Kind::kLeftover, "ended"},
                         {Kind::kUnknown, "silent"}});
  drift.entries.push_back({.kind = Kind::kLeftover, .subject = {}, .text = {}, .rule = {}});
  drift.entries.push_back({.kind = Kind::kLastGood, .subject = {}, .text = {}, .rule = {}});
  drift.entries.push_back({.kind = Kind::kDamaged, .subject = {}, .text = {}, .rule = {}});
  EXPECT_THAT(
      to_plugin_result(drift).line,
      StartsWith("DRIFT WARNING - 2 of 7 containers drifted: 1 stale, 1 no-view (b, c); the "
                 "policy files are not in force; 1 record is left over; 1 file is left over; "
                 "1 record cannot be read; 1 could not be looked at | "));
  EXPECT_THAT(to_text(drift, Palette(false)),
              HasSubstr("\n2 of 7 containers drifted: 1 stale, 1 no-view; the policy files are not "
                        "in force; 1 record is left over; "));
  EXPECT_THAT(
      to_plugin_result(drift_of({{Kind::kLeftover, "ended"}})).line,
      StartsWith("DRIFT WARNING - 0 of 7 containers drifted (ended); 1 record is left over | "));
}

TEST(Nagios, KeepsToOneLineWhateverAContainerIsCalled) {
  const auto result = to_plugin_result(
      drift_of({{Kind::kStale, "x|'stale'=0\n\x1b[1m\xff" + std::string(300, 'y')}}));
  EXPECT_EQ(std::ranges::count(result.line, '\n'), 1);
  EXPECT_EQ(std::ranges::count(result.line, '|'), 1);
  EXPECT_EQ(result.line.find('\x1b'), std::string::npos);
  EXPECT_LT(result.line.find('|'), 200U);
  EXPECT_EQ(unknown_result("a|b\nc").line, "DRIFT UNKNOWN - a/b\\nc\n");
}

}  // namespace
}  // namespace pinscope::cli
