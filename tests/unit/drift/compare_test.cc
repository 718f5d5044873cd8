// What a container was given, against what policies would give it now; both are made up here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/drift/drift.h"

namespace pinscope::drift {
namespace {

using inventory::SealState;
using inventory::SourceState;
using inventory::ViewState;
using model::Access;
using model::GrantedPin;
using model::Rule;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kViewMount = (uint64_t{1} << 31U) + 100;
const Rule kRule{"web", {"web.yaml", 11, 7}};

GrantedPin grant(const std::string& name, Access access = Access::kRead) {
  GrantedPin grant;
  grant.name = name;
  grant.source = "/sys/fs/bpf/" + name;
  grant.access = access;
  grant.mode = access == Access::kRead ? 0440 : 0660;
  grant.rule = kRule;
  return grant;
}

kernel::BpffsMount mount_at(const std::string& at, uint64_t id) {
  kernel::BpffsMount mount;
  mount.mount_point = at;
  mount.root = "/view";
  mount.id = id;
  return mount;
}

// A container with "flows" for reading, as the policies have it still.
class Compare : public testing::Test {
 protected:
  Compare() {
    auto& record = container_.record;
    record.state = model::Record::State::kApplied;
    record.given.id = "web-1";
    record.given.pid = 50;
    record.given.selected_by = {kRule};
    record.at = "/sys/fs/bpf";
    record.instances = {{.sealed = true, .mounts = {kViewMount}}};
    give(grant("flows"));
    auto& live = container_.live;
    live.process = inventory::ProcessState::kRunning;
    live.view = ViewState::kPresent;
    live.seals = {SealState::kIntact};
    container_.mounts = {mount_at("/sys/fs/bpf", kViewMount)};
    container_.restart.makes_view = true;
    auto& decision = container_.restart.decision.emplace();
    decision.selected_by = {kRule};
    decide(grant("flows"));
  }

  model::PinnedObject& give(const GrantedPin& pin, SourceState state = SourceState::kCurrent) {
    container_.live.pins.push_back({.source = state, .problem = {}});
    auto& given = container_.record.given.pins.emplace_back();
    given.grant = pin;
    given.object.id = 7;
    given.skipped = state == SourceState::kSkipped || state == SourceState::kWaiting;
    return given;
  }
  void decide(const GrantedPin& pin, LeftOut left_out = LeftOut::kNot) {
    decision().grants.push_back(pin);
    container_.restart.left_out.push_back(left_out);
  }
  model::Decision& decision() { return *container_.restart.decision; }
  GrantedPin& decided() { return decision().grants.front(); }
  GrantedPin& given() { return container_.record.given.pins.front().grant; }

  // "kind: text" of each entry.
  [[nodiscard]] std::vector<std::string> found() const {
    std::vector<std::string> lines;
    for (const auto& entry : compare(container_)) {
      EXPECT_EQ(entry.subject->id, "web-1");
      lines.push_back(std::string(name_of(entry.kind)) + ": " + entry.text);
    }
    return lines;
  }

  Running container_{.record = {}, .live = {}, .mounts = {}, .restart = {}};
};

TEST_F(Compare, SaysNothingOfWhatThePoliciesSay) {
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Compare, DoesNotCountAnotherRuleAsDrift) {
  decided().rule = {"other", {"other.yaml", 3, 3}};
  decided().expect.kind = model::ObjectKind::kMap;
  decided().missing = model::Missing::kSkip;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Compare, NamesAGrantThatNoPolicyGivesNow) {
  give(grant("counters", Access::kReadWrite));
  EXPECT_THAT(found(), ElementsAre("extra: \"counters\": it has read-write of "
                                   "\"/sys/fs/bpf/counters\" for 0:0, 0660, which no policy gives "
                                   "it now"));
}

TEST_F(Compare, NamesATimedGrantThatRanOut) {
  auto& exception = container_.record.exceptions.emplace_back();
  exception.kind = model::Exception::Kind::kGrant;
  exception.number = 3;
  auto pin = grant("counters");
  pin.rule = model::rule_of(exception);
  give(pin);
  EXPECT_THAT(found(), ElementsAre("extra: \"counters\": it has read of "
                                   "\"/sys/fs/bpf/counters\" for 0:0, 0440, which ran out and is "
                                   "not undone yet"));
}

TEST_F(Compare, NamesTheDenialThatCameLater) {
  decision().grants.clear();
  decision().refusals = {
      {"/sys/fs/bpf/flows", "flows", kRule, {"no-flows", {"deny.yaml", 8, 5}}, ""}};
  EXPECT_THAT(found(), ElementsAre("extra: \"flows\": it has read of \"/sys/fs/bpf/flows\" for "
                                   "0:0, 0440, which policy \"no-flows\" at deny.yaml:8:5 denies "
                                   "now"));
}

TEST_F(Compare, NamesAGrantThatTheContainerLacks) {
  decide(grant("counters"));
  EXPECT_THAT(found(), ElementsAre("missing: \"counters\": the policies give read of "
                                   "\"/sys/fs/bpf/counters\" for 0:0, 0440"));
  EXPECT_EQ(compare(container_).front().rule, kRule);
}

TEST_F(Compare, NamesASourceThatWasMissingAtTheStart) {
  decide(grant("late"));
  give(grant("late"), SourceState::kSkipped);
  EXPECT_THAT(found(), ElementsAre("missing: \"late\": the policies give read of "
                                   "\"/sys/fs/bpf/late\" for 0:0, 0440; when it started, the "
                                   "source was missing"));
}

TEST_F(Compare, DoesNotWaitForASourceThatIsStillMissing) {
  decide(grant("late"), LeftOut::kMissing);
  give(grant("late"), SourceState::kSkipped);
  EXPECT_THAT(found(), IsEmpty());
}

// Of a grant with `missing: wait`.
GrantedPin waiting(const std::string& name) {
  auto made = grant(name);
  made.follow = true;
  made.missing = model::Missing::kWait;
  return made;
}

TEST_F(Compare, DoesNotCallItDriftToWait) {
  decide(waiting("late"), LeftOut::kMissing);
  give(waiting("late"), SourceState::kWaiting);
  EXPECT_THAT(found(), IsEmpty());
  const auto all = waiting_of(container_);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(
      all[0],
      (Waiting{{"web-1", model::Engine::kUnknown, 50, ""}, "late", "/sys/fs/bpf/late", kRule}));
}

TEST_F(Compare, CallsItDriftThatWhatWasWaitedForIsThere) {
  decide(waiting("late"));
  give(waiting("late"), SourceState::kWaiting);
  EXPECT_THAT(found(), ElementsAre("missing: \"late\": the policies give read of "
                                   "\"/sys/fs/bpf/late\" for 0:0, 0440; when it started, the "
                                   "source was missing"));
  EXPECT_THAT(waiting_of(container_), IsEmpty());
}

TEST_F(Compare, DoesNotWaitForWhatNoPolicyGivesNow) {
  give(waiting("late"), SourceState::kWaiting);
  EXPECT_THAT(waiting_of(container_), IsEmpty());
  container_.restart.decision.reset();
  container_.restart.left_out.clear();
  EXPECT_THAT(waiting_of(container_), IsEmpty());
}

TEST_F(Compare, NamesAGrantThatWouldBeFollowedNow) {
  decided().follow = true;
  EXPECT_THAT(found(), ElementsAre("changed: \"flows\" is not followed, and would be"));
  std::swap(decided(), given());
  EXPECT_THAT(found(), ElementsAre("changed: \"flows\" is followed, and would not be"));
}

TEST_F(Compare, DoesNotMissAMatchThatCannotBeGranted) {
  decide(grant("odd"), LeftOut::kUngrantable);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Compare, CallsItWiderIfTheContainerCanDoMore) {
  given() = grant("flows", Access::kReadWrite);
  EXPECT_THAT(found(), ElementsAre("wider: \"flows\" is for read-write, and would be read; mode "
                                   "0660, and would be 0440"));
  EXPECT_EQ(compare(container_).front().given->access, Access::kReadWrite);
  EXPECT_EQ(compare(container_).front().now->access, Access::kRead);
}

TEST_F(Compare, CallsItNarrowerIfTheContainerCanDoLess) {
  decided() = grant("flows", Access::kReadWrite);
  EXPECT_THAT(found(), ElementsAre("narrower: \"flows\" is for read, and would be read-write; mode "
                                   "0440, and would be 0660"));
}

// User 1000 can do what it could not, and user 0 less.
TEST_F(Compare, CallsItWiderIfSomebodyElseOwnsIt) {
  given().uid = 1000;
  EXPECT_THAT(found(), ElementsAre("wider: \"flows\" is owned by 1000:0, and would be 0:0"));
}

TEST_F(Compare, CallsAnotherNameAChange) {
  decided().name = "traffic";
  EXPECT_THAT(found(), ElementsAre("changed: \"flows\" is called \"flows\", and would be "
                                   "\"traffic\""));
}

TEST_F(Compare, TakesAnotherSourceUnderOneNameForAnotherGrant) {
  decided().source = "/sys/fs/bpf/other";
  const auto entries = compare(container_);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].kind, Kind::kExtra);
  EXPECT_EQ(entries[1].kind, Kind::kMissing);
}

TEST_F(Compare, SaysThatASourceWasReplaced) {
  container_.live.pins.front().source = SourceState::kStale;
  EXPECT_THAT(found(), ElementsAre("stale: \"flows\": its source \"/sys/fs/bpf/flows\" names "
                                   "another object now; the container has map 7"));
}

TEST_F(Compare, SaysThatASourceIsGone) {
  container_.live.pins.front().source = SourceState::kGone;
  const std::string gone =
      "source-gone: \"flows\": its source \"/sys/fs/bpf/flows\" is gone; the container keeps the "
      "object";
  EXPECT_THAT(found(), ElementsAre(gone));
  // With `missing: skip`, it would be left out now.
  container_.restart.left_out.front() = LeftOut::kMissing;
  EXPECT_THAT(found(), ElementsAre(gone));
  // A glob does not match it any more.
  decision().grants.clear();
  EXPECT_THAT(found(), ElementsAre(gone));
  // But a policy that is gone gives nothing.
  decision().selected_by = {{"other", {}}};
  EXPECT_THAT(found(), ElementsAre(testing::StartsWith("extra: ")));
}

TEST_F(Compare, SaysThatNoPolicySelectsItNow) {
  decision() = {};
  EXPECT_THAT(found(), ElementsAre("unselected: it has a view with 1 grant at \"/sys/fs/bpf\", and "
                                   "no policy selects it now"));
  EXPECT_EQ(compare(container_).front().rule, kRule);
}

TEST_F(Compare, SaysThatItWouldNotStartNow) {
  container_.restart.refusal =
      Error(ErrorCode::kPolicyConflict, "merge policies").reason("two layouts");
  container_.restart.decision.reset();
  EXPECT_THAT(found(), ElementsAre("refused: cannot merge policies: two layouts"));
}

TEST_F(Compare, SaysWhatOfTheViewIsGone) {
  container_.live.view = ViewState::kMissing;
  container_.live.missing_names = {"flows\n"};
  EXPECT_THAT(found(),
              ElementsAre("view-missing: \"flows\\n\" at \"/sys/fs/bpf\" is not there any more"));
}

// The record says what the new view is to be, and the old one is gone by intent.
TEST_F(Compare, CallsAViewThatIsBeingReplacedIncompleteAlone) {
  container_.live.view = ViewState::kMissing;
  container_.record.unfinished.emplace_back();
  EXPECT_THAT(found(), ElementsAre("incomplete: whoever changed its view last was killed at it"));
}

TEST_F(Compare, SaysThatAViewDoesNotAnswer) {
  container_.live.view = ViewState::kUnknown;
  EXPECT_THAT(found(), ElementsAre("unknown: its view could not be looked at: a file system in it "
                                   "does not answer"));
}

TEST_F(Compare, SaysThatNobodyAnswersWhoReadsValues) {
  container_.record.given.values_at = "/run/bpf";
  container_.live.serving = inventory::ServingState::kServed;
  EXPECT_THAT(found(), testing::IsEmpty());
  container_.live.serving = inventory::ServingState::kWaiting;
  EXPECT_THAT(found(), ElementsAre("values-unserved: whoever reads its values at \"/run/bpf\" "
                                   "waits: the service is away"));
  container_.live.serving = inventory::ServingState::kLost;
  EXPECT_THAT(found(), ElementsAre("values-unserved: whoever reads its values at \"/run/bpf\" "
                                   "gets an error: nobody serves them"));
  EXPECT_TRUE(compare(container_).front().of_values) << "and is made again by a repair";
  container_.live.view = ViewState::kMissing;
  container_.live.values_missing = true;
  container_.live.serving.reset();
  EXPECT_THAT(found(), ElementsAre("view-missing: the values at \"/run/bpf\" are not there any "
                                   "more"));
}

TEST_F(Compare, SaysThatASealIsBroken) {
  container_.live.seals = {SealState::kBroken};
  EXPECT_THAT(found(), ElementsAre("seal-broken: what was granted for reading can be written: its "
                                   "superblock is writable now"));
}

TEST_F(Compare, SaysThatABpffsWasMountedAfterTheView) {
  container_.mounts->push_back(mount_at("/run/\x1b[1m", kViewMount + 5));
  EXPECT_THAT(found(), ElementsAre("later-mount: a bpffs at \"/run/\\x1b[1m\" was mounted after "
                                   "its view"));
}

TEST_F(Compare, NamesABpffsThatWasMadeEarlierAndBroughtInLater) {
  container_.mounts->push_back(mount_at("/run", kViewMount - 5));
  EXPECT_THAT(found(), ElementsAre("later-mount: a bpffs at \"/run\" is beside its view, and the "
                                   "hook did not leave it there"));
}

TEST_F(Compare, LeavesABpffsAloneThatThePoliciesLeftThere) {
  container_.record.host_bpffs = model::HostBpffs::kAllow;
  decision().host_bpffs = model::HostBpffs::kAllow;
  container_.record.given.bypasses = {model::Bypass::kHostBpffs};
  container_.mounts->push_back(mount_at("/host", kViewMount - 5));
  EXPECT_THAT(found(), IsEmpty());
  container_.mounts->push_back(mount_at("/run", kViewMount + 5));
  EXPECT_THAT(found(), ElementsAre(testing::StartsWith("later-mount: ")));
  container_.mounts->pop_back();
  decision().host_bpffs = model::HostBpffs::kMask;
  EXPECT_THAT(found(), ElementsAre("wider: it has a bpffs beside its view, and the policies say "
                                   "hostBpffs: mask now"));
}

TEST_F(Compare, KnowsTheGrantsOfLayoutBind) {
  container_.record.layout = model::Layout::kBind;
  decision().layout = model::Layout::kBind;
  auto mount = mount_at("/sys/fs/bpf/flows", kViewMount + 5);
  mount.root = "/flows";
  container_.mounts->push_back(mount);
  EXPECT_THAT(found(), IsEmpty());
  container_.mounts->back().root = "/";
  EXPECT_THAT(found(), ElementsAre(testing::StartsWith("later-mount: ")));
}

TEST_F(Compare, SaysThatTheViewWouldBeElsewhere) {
  decision().at = "/run/bpf";
  decision().layout = model::Layout::kPerMap;
  EXPECT_THAT(found(), ElementsAre("changed: its view is at \"/sys/fs/bpf\", and would be at "
                                   "\"/run/bpf\"",
                                   "changed: its view has the layout shared, and would have "
                                   "per-map"));
}

TEST_F(Compare, ComparesTokens) {
  model::Delegation delegation;
  delegation.grants_at = "/sys/fs/bpf";
  delegation.rules = {kRule};
  delegation.rights.add(model::BpfCommand::kMapCreate);
  auto& has = container_.record.given.delegation;
  auto& would = decision().delegation;
  has = delegation;
  EXPECT_THAT(found(), ElementsAre("extra: it may make BPF tokens, which no policy lets it now"));
  would = delegation;
  EXPECT_THAT(found(), IsEmpty());
  would->rights.add(model::BpfCommand::kProgLoad);
  EXPECT_THAT(found(),
              ElementsAre("narrower: its BPF tokens allow less than the policies say now"));
  std::swap(has, would);
  EXPECT_THAT(found(), ElementsAre("wider: its BPF tokens allow what the policies do not say now"));
  has.reset();
  EXPECT_THAT(found(), ElementsAre("missing: the policies let it make BPF tokens"));
}

TEST_F(Compare, PutsTheWorstFirst) {
  decide(grant("a"));
  give(grant("b"));
  container_.live.seals = {SealState::kBroken};
  std::vector<Kind> kinds;
  for (const auto& entry : compare(container_)) kinds.push_back(entry.kind);
  EXPECT_THAT(kinds, ElementsAre(Kind::kExtra, Kind::kSealBroken, Kind::kMissing));
}

class WithoutView : public testing::Test {
 protected:
  WithoutView() {
    restart_.makes_view = true;
    restart_.decision.emplace().selected_by = {kRule};
  }
  [[nodiscard]] std::string found(bool has_hook = false) const {
    const auto entry = compare_without_view({.id = "web-1", .bundle = {}}, has_hook, restart_);
    return entry ? std::string(name_of(entry->kind)) + ": " + entry->text : "nothing";
  }
  Restart restart_;
};

TEST_F(WithoutView, SaysWhyThereIsNone) {
  EXPECT_EQ(found(), "no-view: a policy selects it, and it was started without the hook");
  EXPECT_EQ(found(true), "no-view: a policy selects it, and none did when it started");
}

TEST_F(WithoutView, IsAsItShouldBeIfNothingWouldBeDone) {
  restart_.makes_view = false;
  EXPECT_EQ(found(), "nothing");
  restart_.decision->selected_by.clear();
  restart_.refusal = Error(ErrorCode::kSystem, "look");
  EXPECT_EQ(found(), "nothing");
}

TEST_F(WithoutView, WouldNotStartNow) {
  restart_.refusal = Error(ErrorCode::kSourceMissing, "open pin").reason("none");
  EXPECT_EQ(found(), "refused: it has no view; cannot open pin: none");
}

TEST(Drift, CountsKindsAndContainers) {
  Drift drift;
  drift.containers = 5;
  const Subject one{.id = "a", .pid = 1, .bundle = {}};
  const Subject other{.id = "a", .pid = 2, .bundle = {}};
  const auto add = [&](Kind kind, std::optional<Subject> subject) {
    drift.entries.push_back({.kind = kind, .subject = std::move(subject), .text = {}, .rule = {}});
  };
  add(Kind::kUnknown, Subject{.id = "b", .pid = 3, .bundle = {}});
  EXPECT_FALSE(drift.found());
  add(Kind::kStale, one);
  add(Kind::kStale, one);
  add(Kind::kExtra, other);
  add(Kind::kLeftover, Subject{.id = "c", .pid = 4, .bundle = {}});
  add(Kind::kLastGood, std::nullopt);
  EXPECT_TRUE(drift.found());
  EXPECT_EQ(drift.drifted(), 2U);
  EXPECT_EQ(drift.counts()[static_cast<size_t>(Kind::kStale)], 2U);
  EXPECT_EQ(drift.counts()[static_cast<size_t>(Kind::kMissing)], 0U);
}

TEST(Drift, HasAWordALevelAndAWayOutForEachKind) {
  for (size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_STRNE(name_of(kind), "");
    EXPECT_STRNE(way_out_of(kind), "");
    EXPECT_EQ(level_of(kind), i <= static_cast<size_t>(Kind::kViewMissing) ? Level::kCritical
                              : kind == Kind::kUnknown                     ? Level::kUnknown
                                                                           : Level::kWarning);
  }
}

}  // namespace
}  // namespace pinscope::drift
