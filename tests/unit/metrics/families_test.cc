#include "plugin/metrics/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "plugin/metrics/exposition.h"

namespace pinscope::metrics {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

inventory::Entry running(const std::string& id, const std::string& policy = "web") {
  inventory::Entry entry;
  entry.record.state = model::Record::State::kApplied;
  entry.record.given.id = id;
  entry.record.given.engine = model::Engine::kPodman;
  entry.record.given.selected_by = {{policy, {"web.yaml", 1, 1}}};
  entry.live.process = inventory::ProcessState::kRunning;
  entry.live.view = inventory::ViewState::kPresent;
  return entry;
}

void give(inventory::Entry& entry, model::Access access, inventory::SourceState source) {
  model::PinnedObject pin;
  pin.grant.access = access;
  entry.record.given.pins.push_back(pin);
  entry.live.pins.push_back({source, 0, ""});
}

Facts facts_of(std::vector<inventory::Entry> entries) {
  Facts facts;
  facts.version = "1.2.3";
  facts.entries = inventory::Entries{std::move(entries), {}};
  facts.leftovers = {{"record", 1}, {"file", 0}, {"damaged", 0}};
  facts.policies = PolicyFacts{PolicyState::kRefused, {"web"}, 5'000'000'000};
  facts.maps = {{"/sys/fs/bpf/flows", 64, 4096}};
  facts.drift = {{"extra", 1}, {"missing", 0}};
  facts.notices = {{"exposed", 2}, {"orphan", 0}};
  model::ValuesStatus served;
  served.leases = {{.container = "a"}};
  facts.values = inventory::ValuesService{true, true, served};
  facts.follow = inventory::FollowService{true, true, model::FollowStatus{}};
  facts.audit = AuditFacts{1, 2, 3, {}, 7'000'000'000};
  return facts;
}

// The lines of samples.
std::vector<std::string> lines_of(const Facts& facts) {
  std::vector<std::string> lines;
  std::istringstream text(to_text(families(facts), Format::kPrometheus));
  for (std::string line; std::getline(text, line);)
    if (!line.starts_with('#')) lines.push_back(line);
  return lines;
}

TEST(Families, CountViewsByEngineAndState) {
  auto gone = running("b");
  gone.live.process = inventory::ProcessState::kGone;
  auto missing = running("c");
  missing.live.view = inventory::ViewState::kMissing;
  missing.record.given.engine = model::Engine::kUnknown;
  const auto lines = lines_of(facts_of({running("a"), running("a2"), gone, missing}));
  EXPECT_THAT(lines, Contains(R"(pinscope_views{engine="podman",state="running"} 2)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_views{engine="podman",state="gone"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_views{engine="podman",state="seal-broken"} 0)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_views{engine="unknown",state="view-missing"} 1)"));
}

TEST(Families, CountGrantsOfRunningContainersByWhatTheirSourceIs) {
  auto entry = running("a");
  give(entry, model::Access::kRead, inventory::SourceState::kCurrent);
  give(entry, model::Access::kRead, inventory::SourceState::kStale);
  give(entry, model::Access::kReadWrite, inventory::SourceState::kGone);
  give(entry, model::Access::kUse, inventory::SourceState::kSkipped);
  give(entry, model::Access::kUse, inventory::SourceState::kWaiting);
  auto gone = entry;
  gone.live.process = inventory::ProcessState::kGone;
  const auto lines = lines_of(facts_of({entry, gone}));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="read",source="current"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="read",source="stale"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="read-write",source="gone"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="use",source="skipped"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="use",source="waiting"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_grants{access="use",source="current"} 0)"));
}

TEST(Families, CountNoticesByTheirKind) {
  auto facts = facts_of({});
  EXPECT_THAT(lines_of(facts), Contains(R"(pinscope_notices{kind="exposed"} 2)"));
  EXPECT_THAT(lines_of(facts), Contains(R"(pinscope_collection_success{part="notices"} 1)"));
  facts.notices.reset();
  EXPECT_THAT(lines_of(facts), Contains(R"(pinscope_collection_success{part="notices"} 0)"));
  EXPECT_THAT(lines_of(facts), Not(Contains(HasSubstr("pinscope_notices{"))));
}

TEST(Families, CountDriftByItsKind) {
  const auto lines = lines_of(facts_of({}));
  EXPECT_THAT(lines, Contains(R"(pinscope_drift{kind="extra"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_drift{kind="missing"} 0)"));
}

TEST(Families, CountAVoidViewOnceHoweverManyWaysLeadPastIt) {
  auto entry = running("a");
  entry.record.given.bypasses = {model::Bypass::kCapBpf, model::Bypass::kHostProc};
  const auto lines = lines_of(facts_of({entry, running("b")}));
  EXPECT_THAT(lines, Contains("pinscope_void_views 1"));
  EXPECT_THAT(lines, Contains(R"(pinscope_bypasses{bypass="cap-bpf"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_bypasses{bypass="host-proc"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_bypasses{bypass="own-files"} 0)"));
}

TEST(Families, CountExceptionsByKindAndByWhetherTheyCount) {
  auto entry = running("a");
  entry.record.exceptions.resize(3);
  entry.record.exceptions[1].kind = model::Exception::Kind::kGrant;
  entry.record.exceptions[1].until_ns = 1;
  const auto lines = lines_of(facts_of({entry, running("b")}));
  EXPECT_THAT(lines, Contains(R"(pinscope_exceptions{kind="revoke",state="in-force"} 2)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_exceptions{kind="grant",state="ran-out"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_exceptions{kind="grant",state="in-force"} 0)"));
}

TEST(Families, SayWhichPoliciesAreInForce) {
  const auto lines = lines_of(facts_of({running("a"), running("b", "removed-since")}));
  EXPECT_THAT(lines, Contains("pinscope_policies 1"));
  EXPECT_THAT(lines, Contains(R"(pinscope_policies_state{state="refused"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_policies_state{state="current"} 0)"));
  EXPECT_THAT(lines, Contains("pinscope_policies_compiled_timestamp_seconds 5"));
  EXPECT_THAT(lines, Contains(R"(pinscope_policy_views{policy="web"} 1)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_policy_views{policy="removed-since"} 1)"));
}

// What a container chooses is in its record: its id, its bundle, its labels, its image.
TEST(Families, CountWhatWasServedOfValuesByContainer) {
  Facts facts = facts_of({});
  model::ValuesStatus status;
  status.state = model::ValuesState::kServing;
  status.leases = {
      {.container = "a", .requests = 3, .errors = 1, .bytes = 100, .time_ns = 500'000'000},
      {.container = "a", .set_aside = true, .requests = 4, .bytes = 10},
      {.container = "b\n"}};
  facts.values = inventory::ValuesService{true, false, status};
  const auto lines = lines_of(facts);
  EXPECT_THAT(lines, Contains("pinscope_values_up{part=\"holder\"} 0"));
  EXPECT_THAT(lines, Contains("pinscope_values_up{part=\"service\"} 1"));
  EXPECT_THAT(lines, Contains("pinscope_values_set_aside 1"));
  EXPECT_THAT(lines, Contains("pinscope_values_requests_total{container=\"a\"} 7"));
  EXPECT_THAT(lines, Contains("pinscope_values_errors_total{container=\"a\"} 1"));
  EXPECT_THAT(lines, Contains("pinscope_values_bytes_total{container=\"a\"} 110"));
  EXPECT_THAT(lines, Contains("pinscope_values_seconds_total{container=\"a\"} 0.5"));
  EXPECT_THAT(lines, Contains("pinscope_series_left_out{label=\"container\"} 1"));
}

TEST(Families, SayHowTheServiceThatFollowsIs) {
  Facts facts = facts_of({});
  facts.follow->status = model::FollowStatus{.containers = 1,
                                             .unreadable = 2,
                                             .sources = 3,
                                             .watches = 4,
                                             .without_watch = 5,
                                             .paused = 6,
                                             .waiting = 7,
                                             .slowed = 8,
                                             .retrying = 17,
                                             .namespaces = 9,
                                             .overflows = 10,
                                             .source_changes = 11,
                                             .policy_changes = 12,
                                             .mount_changes = 13,
                                             .changed = 14,
                                             .refused = 15,
                                             .failed = 16};
  auto lines = lines_of(facts);
  std::erase_if(lines, [](const auto& line) { return !line.starts_with("pinscope_follow_"); });
  EXPECT_THAT(
      lines,
      testing::ElementsAre(
          "pinscope_follow_up 1", "pinscope_follow_containers 1", "pinscope_follow_sources 3",
          "pinscope_follow_watches 4", "pinscope_follow_without_watch 5",
          "pinscope_follow_paused 6", "pinscope_follow_waiting 7", "pinscope_follow_slowed 8",
          "pinscope_follow_retrying 17", "pinscope_follow_namespaces 9",
          "pinscope_follow_source_changes_total 11", "pinscope_follow_policy_changes_total 12",
          "pinscope_follow_mount_changes_total 13", "pinscope_follow_changed_total 14",
          "pinscope_follow_refused_total 15", "pinscope_follow_failed_total 16",
          "pinscope_follow_overflows_total 10"));
}

// A number that nobody knows is not 0.
TEST(Families, KnowOfAServiceThatIsAwayOnlyThatItIs) {
  Facts facts = facts_of({});
  const auto of_follow = [&] {
    auto lines = lines_of(facts);
    std::erase_if(lines, [](const auto& line) { return !line.starts_with("pinscope_follow_"); });
    return lines;
  };
  facts.follow = inventory::FollowService{.is_set_up = true};
  EXPECT_THAT(of_follow(), testing::ElementsAre("pinscope_follow_up 0"));
  facts.follow = inventory::FollowService{};
  EXPECT_THAT(of_follow(), testing::IsEmpty());
  EXPECT_THAT(lines_of(facts), Contains(R"(pinscope_collection_success{part="follow"} 1)"));
  facts.follow.reset();
  EXPECT_THAT(of_follow(), testing::IsEmpty());
  EXPECT_THAT(lines_of(facts), Contains(R"(pinscope_collection_success{part="follow"} 0)"));
}

TEST(Families, HaveABoundForContainersThatReadValues) {
  Facts facts = facts_of({});
  model::ValuesStatus status;
  for (int i = 0; i < 500; ++i) status.leases.push_back({.container = std::to_string(i)});
  facts.values = inventory::ValuesService{true, true, status};
  const auto lines = lines_of(facts);
  EXPECT_EQ(std::ranges::count_if(lines,
                                  [](const std::string& line) {
                                    return line.starts_with("pinscope_values_requests_total");
                                  }),
            100);
  EXPECT_THAT(lines, Contains("pinscope_series_left_out{label=\"container\"} 400"));
}

TEST(Families, HaveNoLabelOfWhatAContainerChooses) {
  auto entry = running("evil-id");
  entry.record.given.bundle = "/evil-bundle";
  entry.record.given.identity.kubernetes_container = {"evil-name", "evil"};
  give(entry, model::Access::kRead, inventory::SourceState::kUnknown);
  entry.live.pins.front().problem = "evil-problem";
  entry.live.missing_names = {"evil-missing"};
  for (const auto& line : lines_of(facts_of({entry}))) EXPECT_THAT(line, Not(HasSubstr("evil")));
}

TEST(Families, HaveABoundForTheNamesOfPoliciesAndPins) {
  std::vector<inventory::Entry> entries;
  auto facts = facts_of({});
  for (size_t i = 0; i < kMaxNames + 5; ++i) {
    entries.push_back(running("id-" + std::to_string(i), "policy-" + std::to_string(i)));
    facts.maps->push_back({"/sys/fs/bpf/pin-" + std::to_string(i), 1, 1});
  }
  facts.policies->names.clear();
  facts.entries->entries = std::move(entries);
  const auto lines = lines_of(facts);
  const auto count = [&](const std::string& prefix) {
    return std::ranges::count_if(lines,
                                 [&](const std::string& line) { return line.starts_with(prefix); });
  };
  EXPECT_EQ(count("pinscope_policy_views{"), kMaxNames);
  EXPECT_EQ(count("pinscope_map_max_entries{"), kMaxNames);
  EXPECT_EQ(count("pinscope_map_memory_bytes{"), kMaxNames);
  EXPECT_THAT(lines, Contains(R"(pinscope_series_left_out{label="policy"} 5)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_series_left_out{label="pin"} 6)"));
}

// Two names that became one would make the scraper refuse everything.
TEST(Families, LeaveOutNamesThatAreNoText) {
  auto facts = facts_of({});
  facts.maps = {{"/sys/fs/bpf/\xff", 1, 1},
                {"/sys/fs/bpf/\xfe", 1, 1},
                {"/sys/fs/bpf/new\nline", 1, 1},
                {"/sys/fs/bpf/\xe2\x80\xaeright", 1, 1},
                {"/sys/fs/bpf/" + std::string(kLongestLabel, 'x'), 1, 1},
                {"/sys/fs/bpf/<b>\"good\\", 1, 1}};
  const auto lines = lines_of(facts);
  EXPECT_THAT(lines, Contains(R"(pinscope_series_left_out{label="pin"} 5)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_map_max_entries{pin="/sys/fs/bpf/<b>\"good\\"} 1)"));
}

TEST(Families, AreThereWithoutSamplesWhereAPartCouldNotBeLookedAt) {
  const auto all = families(facts_of({}));
  const auto none = families({});
  ASSERT_THAT(none, SizeIs(all.size()));
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(none[i].name, all[i].name);
  const auto lines = lines_of({});
  EXPECT_THAT(lines, Contains(R"(pinscope_collection_success{part="records"} 0)"));
  EXPECT_THAT(lines, Contains(R"(pinscope_collection_success{part="audit"} 0)"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("pinscope_views"))));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("pinscope_start_failures"))));
}

// A series of each name and its labels once, as a scraper wants it.
TEST(Families, HaveNoSampleTwice) {
  auto entry = running("a");
  give(entry, model::Access::kRead, inventory::SourceState::kCurrent);
  std::set<std::string> series;
  for (const auto& line : lines_of(facts_of({entry, entry})))
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
}

std::string labels_of(const Family& family) {
  const Labels& labels = !family.samples.empty()      ? family.samples.front().labels
                         : !family.histograms.empty() ? family.histograms.front().labels
                                                      : Labels();
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ", ") + ("`" + name + "`");
  return text.empty() ? "-" : text;
}

TEST(Families, AreTheOnesOfTheirPage) {
  std::vector<std::string> documented;
  std::ifstream page(PINSCOPE_SOURCE_DIR "/docs/metrics.md");
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("| `pinscope_")) {
      size_t end = 0;
      for (int column = 0; column < 3; ++column) end = line.find('|', end + 1);
      documented.push_back(line.substr(0, end + 1));
    }
  std::vector<std::string> exported;
  for (const auto& family : families(facts_of({running("a")})))
    exported.push_back("| `" + stored_name(family) + "` | " + name_of(family.type) + " | " +
                       labels_of(family) + " |");
  std::ranges::sort(documented);
  std::ranges::sort(exported);
  EXPECT_EQ(documented, exported);
}

}  // namespace
}  // namespace pinscope::metrics
