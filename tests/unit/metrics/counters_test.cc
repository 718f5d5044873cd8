#include "plugin/metrics/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/metrics/state.h"
#include "plugin/record/audit_line.h"
#include "plugin/record/chain.h"

namespace pinscope::metrics {
namespace {

using model::AuditEvent;

AuditEvent granted() {
  AuditEvent event;
  event.outcome = AuditEvent::Outcome::kGranted;
  event.stage = "createRuntime";
  event.duration_ns = 700'000;
  model::PinnedObject pin;
  pin.grant.access = model::Access::kRead;
  event.given.pins = {pin, pin};
  pin.grant.access = model::Access::kReadWrite;
  event.given.pins.push_back(pin);
  pin.skipped = true;
  event.given.pins.push_back(pin);
  event.given.refusals.resize(2);
  event.given.bypasses = {model::Bypass::kCapBpf, model::Bypass::kHostProc};
  return event;
}

AuditEvent refused(const std::string& code) {
  AuditEvent event;
  event.outcome = AuditEvent::Outcome::kRefused;
  event.stage = "createRuntime";
  event.error_code = code;
  event.duration_ns = 11'000'000'000;
  return event;
}

std::string line_of(const AuditEvent& event) {
  return record::chained(record::to_json_line(event), {.first = true});
}

Counters counted(const std::vector<std::string>& lines) {
  Counters counters;
  for (const auto& line : lines) counters.take(line);
  return counters;
}

TEST(Counters, CountWhatAStartGaveAndDidNotGive) {
  const auto counters = counted({line_of(granted())});
  EXPECT_EQ(counters.lines.at("granted"), 1U);
  EXPECT_EQ(counters.granted, (Counters::Counts{{"read", 2}, {"read-write", 1}, {"use", 0}}));
  EXPECT_EQ(counters.skipped, 1U);
  EXPECT_EQ(counters.denied, 2U);
  EXPECT_EQ(counters.void_views.at("cap-bpf"), 1U);
  EXPECT_EQ(counters.void_views.at("host-proc"), 1U);
  EXPECT_EQ(counters.void_views.at("cap-sys-admin"), 0U);
}

TEST(Counters, CountRefusedStartsByTheirCode) {
  const auto counters =
      counted({line_of(refused("source-missing")), line_of(refused("source-missing"))});
  EXPECT_EQ(counters.failed.at("source-missing"), 2U);
  EXPECT_EQ(counters.failed.at("void-view"), 0U);
  EXPECT_EQ(counters.granted.at("read"), 0U);
}

TEST(Counters, CountAFailedChangeAsNoRefusedStart) {
  auto event = refused("target-invalid");
  event.outcome = AuditEvent::Outcome::kNotChanged;
  event.stage = "revoke";
  const auto counters = counted({line_of(event)});
  EXPECT_EQ(counters.lines.at("not-changed"), 1U);
  EXPECT_EQ(counters.failed.at("target-invalid"), 0U);
  for (const auto& [stage, time] : counters.hook_times) EXPECT_EQ(time.sum_us, 0U) << stage;
}

TEST(Counters, PutTheHooksTimeIntoBuckets) {
  auto exact = granted();
  exact.duration_ns = 1'000'000;  // a bound belongs to its bucket
  const auto counters =
      counted({line_of(granted()), line_of(exact), line_of(refused("source-missing"))});
  const HookTime& time = counters.hook_times.at("createRuntime");
  EXPECT_EQ(time.counts[0], 0U);      // up to 0.5 ms
  EXPECT_EQ(time.counts[1], 2U);      // up to 1 ms
  EXPECT_EQ(time.counts.back(), 1U);  // longer than 10 s
  EXPECT_EQ(time.sum_us, 11'001'700U);
}

TEST(Counters, TimeOnlyTheHookItself) {
  auto event = granted();
  event.outcome = AuditEvent::Outcome::kPolicyAccepted;
  auto collected = granted();
  collected.outcome = AuditEvent::Outcome::kCollected;
  const auto counters = counted({line_of(event), line_of(collected)});
  for (const auto& [stage, time] : counters.hook_times) EXPECT_EQ(time.sum_us, 0U) << stage;
  EXPECT_EQ(counters.granted.at("read"), 0U);
}

// The words in a line are not the reader's: an old version, a newer one, or somebody else wrote it.
TEST(Counters, MakeNoSeriesOfAWordThatTheyDoNotKnow) {
  Counters empty;
  auto event = refused("a-code-of-tomorrow");
  event.stage = "a \"stage\"\n";
  auto counters = counted({line_of(event), R"({"outcome":"invented","duration_us":1})"});
  EXPECT_EQ(counters.failed.size(), empty.failed.size());
  EXPECT_EQ(counters.failed.at(kOther), 1U);
  EXPECT_EQ(counters.hook_times.size(), empty.hook_times.size());
  EXPECT_EQ(counters.hook_times.at(kOther).counts.back(), 1U);
  EXPECT_EQ(counters.lines.size(), empty.lines.size());
  EXPECT_EQ(counters.lines.at(kOther), 1U);
}

TEST(Counters, TellALineThatWasChanged) {
  std::string line = line_of(granted());
  line.replace(line.find("granted"), 7, "removed");
  const auto counters = counted({line, "no JSON", R"({"outcome":7})", R"({"no":"outcome"})", ""});
  EXPECT_EQ(counters.damaged, 4U);
  for (const auto& [outcome, count] : counters.lines) EXPECT_EQ(count, 0U) << outcome;
}

TEST(Counters, TakeLinesOfVersionsWithoutAChain) {
  const auto counters = counted({record::to_json_line(granted())});
  EXPECT_EQ(counters.lines.at("granted"), 1U);
  EXPECT_EQ(counters.damaged, 0U);
}

TEST(SavedCounters, AreTheSameWhenTheyAreReadAgain) {
  Saved saved{42,
              {true, 1, 2, 3, "mark", true},
              counted({line_of(granted()), line_of(refused("void-view")), "damaged"})};
  saved.counters.lost = 5;
  auto read = from_json(to_json(saved), "state");
  ASSERT_TRUE(read.has_value()) << read.error().sentence();
  EXPECT_EQ(to_json(*read), to_json(saved));
  EXPECT_EQ(read->position, saved.position);
  EXPECT_EQ(read->counters.failed.at("void-view"), 1U);
  EXPECT_EQ(read->counters.hook_times.at("createRuntime").counts.back(), 1U);
}

TEST(SavedCounters, BeginWithZeroWhereANumberIsMissing) {
  const auto read = from_json(R"({"version":1,"numbers":{"skipped":7,"of tomorrow":1}})", "state");
  ASSERT_TRUE(read.has_value()) << read.error().sentence();
  EXPECT_EQ(read->counters.skipped, 7U);
  EXPECT_EQ(read->counters.denied, 0U);
  EXPECT_FALSE(read->position.is_set);
}

TEST(SavedCounters, AreRefusedIfTheyAreOfAnotherVersionOrDamaged) {
  for (const char* text :
       {"", "{", R"({"version":2,"numbers":{}})", R"({"version":1})",
        R"({"version":1,"numbers":{"skipped":"x"}})", R"({"version":1,"numbers":{"skipped":-1}})"})
    EXPECT_FALSE(from_json(text, "state").has_value()) << text;
}

}  // namespace
}  // namespace pinscope::metrics
