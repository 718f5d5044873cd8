// What differs between two lists of grants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/policy/decide/compare.h"

namespace pinscope::policy {
namespace {

using model::Access;
using model::GrantedPin;
using testing::ElementsAre;
using testing::IsEmpty;

GrantedPin pin(std::string name, Access access = Access::kRead, uint32_t mode = 0440) {
  GrantedPin made;
  made.source = "/sys/fs/bpf/" + name;
  made.name = std::move(name);
  made.access = access;
  made.mode = mode;
  return made;
}

std::vector<std::string> changes(const std::vector<GrantedPin>& before,
                                 const std::vector<GrantedPin>& after) {
  std::vector<std::string> texts;
  for (const auto& compared : compare_grants(before, after)) {
    EXPECT_EQ(compared.before.has_value(), compared.change != GrantChange::kGained);
    EXPECT_EQ(compared.after.has_value(), compared.change != GrantChange::kLost);
    texts.push_back(std::string(name_of(compared.change)) + " " +
                    (compared.after ? compared.after : compared.before)->name);
  }
  return texts;
}

std::string change(const GrantedPin& before, const GrantedPin& after) {
  const auto compared = compare_grants({before}, {after});
  EXPECT_EQ(compared.size(), 1U);
  return compared.empty() ? "" : name_of(compared.front().change);
}

TEST(CompareGrants, FindsNothingInNothing) {
  EXPECT_THAT(changes({}, {}), IsEmpty());
}

TEST(CompareGrants, NamesWhatIsGainedAndLost) {
  EXPECT_THAT(changes({}, {pin("a")}), ElementsAre("gained a"));
  EXPECT_THAT(changes({pin("a")}, {}), ElementsAre("lost a"));
}

TEST(CompareGrants, PutsWidenedAccessFirstAndWhatIsTheSameLast) {
  EXPECT_THAT(changes({pin("a"), pin("b", Access::kReadWrite), pin("c"), pin("d")},
                      {pin("a"), pin("b"), pin("d", Access::kReadWrite), pin("e")}),
              ElementsAre("widened d", "gained e", "narrowed b", "lost c", "same a"));
}

TEST(CompareGrants, OrdersOneKindOfChangeByName) {
  EXPECT_THAT(changes({}, {pin("b"), pin("a"), pin("c")}),
              ElementsAre("gained a", "gained b", "gained c"));
}

TEST(CompareGrants, CallsAnotherKindOfAccessWider) {
  EXPECT_EQ(change(pin("a"), pin("a", Access::kUse)), "widened");
  EXPECT_EQ(change(pin("a", Access::kUse), pin("a")), "narrowed");
  EXPECT_EQ(change(pin("a", Access::kUse), pin("a", Access::kReadWrite)), "widened");
  EXPECT_EQ(change(pin("a", Access::kReadWrite), pin("a", Access::kUse)), "widened");
}

TEST(CompareGrants, KnowsWhichModeIsWider) {
  EXPECT_EQ(change(pin("a"), pin("a", Access::kRead, 0444)), "widened");
  EXPECT_EQ(change(pin("a", Access::kRead, 0444), pin("a")), "narrowed");
  // Owner gains, group loses.
  EXPECT_EQ(change(pin("a", Access::kRead, 0440), pin("a", Access::kRead, 0600)), "widened");
}

TEST(CompareGrants, CallsAWiderModeOfANarrowerAccessWider) {
  EXPECT_EQ(change(pin("a", Access::kReadWrite, 0440), pin("a", Access::kRead, 0444)), "widened");
}

TEST(CompareGrants, CallsAnotherOwnerWiderUnlessEverybodyMayOpenItAnyway) {
  auto of_user = pin("a");
  of_user.uid = 1000;
  EXPECT_EQ(change(pin("a"), of_user), "widened");
  auto of_group = pin("a");
  of_group.gid = 1000;
  EXPECT_EQ(change(pin("a"), of_group), "widened");
  auto everybodys = pin("a", Access::kRead, 0444);
  everybodys.uid = 1000;
  EXPECT_EQ(change(pin("a", Access::kRead, 0444), everybodys), "changed");
  // Nobody is left who may open it.
  auto nobodys = pin("a", Access::kRead, 0);
  nobodys.uid = 1000;
  EXPECT_EQ(change(pin("a"), nobodys), "narrowed");
}

TEST(CompareGrants, SeesThatOnePinIsCalledOtherwise) {
  auto renamed = pin("a");
  renamed.name = "b";
  EXPECT_THAT(changes({pin("a")}, {renamed}), ElementsAre("changed b"));
  renamed.access = Access::kReadWrite;
  EXPECT_THAT(changes({pin("a")}, {renamed}), ElementsAre("widened b"));
}

TEST(CompareGrants, PrefersTheSameNameWhereOnePinHasSeveral) {
  auto second = pin("a");
  second.name = "second";
  second.access = Access::kReadWrite;
  EXPECT_THAT(changes({pin("a"), second}, {pin("a")}), ElementsAre("lost second", "same a"));
}

TEST(CompareGrants, CallsAnotherSourceUnderOneNameLostAndGained) {
  auto other = pin("a");
  other.source = "/sys/fs/bpf/secret";
  EXPECT_THAT(changes({pin("a")}, {other}), ElementsAre("gained a", "lost a"));
}

TEST(CompareGrants, SeesOtherExpectationsAndWhatHappensIfItIsMissing) {
  auto after = pin("a");
  after.expect.key_size = 4;
  EXPECT_EQ(change(pin("a"), after), "changed");
  after = pin("a");
  after.missing = model::Missing::kSkip;
  EXPECT_EQ(change(pin("a"), after), "changed");
  after = pin("a");
  after.follow = true;
  EXPECT_EQ(change(pin("a"), after), "changed");
}

TEST(CompareGrants, DoesNotCompareRulesAndObjects) {
  auto after = pin("a");
  after.rule = {"other", {"other.yaml", 3, 5}};
  after.object = model::ObjectIdentity{model::ObjectKind::kMap, 7};
  after.is_match = true;
  EXPECT_EQ(change(pin("a"), after), "same");
}

// Views.

model::Decision selected(std::string policy = "p") {
  model::Decision decision;
  decision.selected_by = {{std::move(policy), {"p.yaml", 1, 1}}};
  return decision;
}

PastView mounting(bool bpffs) {
  PastView past;
  past.mounts_bpffs = bpffs;
  return past;
}

PastView with_open_pins(const std::string& directory) {
  PastView past = mounting(true);
  past.open_pins = {directory};
  return past;
}

PastView with_everything() {
  PastView past = mounting(false);
  past.everything = {model::Bypass::kCapSysAdmin};
  return past;
}

std::vector<std::string> view_changes(const model::Decision& before, const model::Decision& after,
                                      const PastView& past = {}) {
  std::vector<std::string> texts;
  for (const auto& change : compare_views({before, past}, {after, past}))
    texts.push_back((change.widens    ? "widens "
                     : change.narrows ? "narrows "
                                      : "") +
                    change.what + ": " + change.before + " > " + change.after);
  return texts;
}

TEST(CompareViews, FindsNothingWhereNothingDiffers) {
  EXPECT_THAT(view_changes({}, {}), IsEmpty());
  EXPECT_THAT(view_changes(selected(), selected()), IsEmpty());
}

TEST(CompareViews, CallsItWiderWhereNothingMasksTheHostsBpffsAnyMore) {
  EXPECT_THAT(view_changes(selected(), {}),
              ElementsAre("widens view.hostBpffs: mask > allow", "selected by: p > none",
                          "view.at: /sys/fs/bpf > none", "view.layout: shared > none"));
  EXPECT_THAT(view_changes({}, selected()),
              ElementsAre("selected by: none > p", "view.at: none > /sys/fs/bpf",
                          "view.layout: none > shared", "narrows view.hostBpffs: allow > mask"));
}

TEST(CompareViews, NamesEachKeyThatDiffers) {
  auto after = selected("q");
  after.at = "/run/bpf";
  after.layout = model::Layout::kBind;
  after.host_bpffs = model::HostBpffs::kReject;
  after.void_rejected_by = after.selected_by.front();
  after.on_change = model::OnChange::kApply;
  EXPECT_THAT(view_changes(selected(), after),
              ElementsAre("selected by: p > q", "view.at: /sys/fs/bpf > /run/bpf",
                          "view.layout: shared > bind", "narrows view.hostBpffs: mask > reject",
                          "onChange: report > apply", "narrows view.void: allow > reject"));
  EXPECT_THAT(view_changes(after, selected("q")),
              ElementsAre("widens view.hostBpffs: reject > mask",
                          "widens view.void: reject > allow", "view.at: /run/bpf > /sys/fs/bpf",
                          "view.layout: bind > shared", "onChange: apply > report"));
}

TEST(CompareViews, CallsEveryRightThatIsDelegatedMoreWider) {
  auto some = selected();
  some.delegation.emplace().rights.add(model::TokenRight::kProgram, 1);
  auto more = some;
  more.delegation->rights.add(model::TokenRight::kMap, 1);
  auto pinning = some;
  pinning.delegation->pinning = true;
  auto far = some;
  far.delegation->reach = model::ProgramReach::kWholeMachine;
  EXPECT_THAT(view_changes(selected(), some),
              ElementsAre("widens delegate: none > programs socket_filter; reach container"));
  EXPECT_THAT(view_changes(some, selected()),
              ElementsAre("narrows delegate: programs socket_filter; reach container > none"));
  for (const auto& wider : {more, pinning, far}) {
    EXPECT_THAT(view_changes(some, wider), ElementsAre(testing::StartsWith("widens delegate")));
    EXPECT_THAT(view_changes(wider, some), ElementsAre(testing::StartsWith("narrows delegate")));
  }
}

TEST(CompareViews, LeavesHostBpffsOutWhereNoneIsMounted) {
  for (const auto& change : view_changes(selected(), {}, mounting(false)))
    EXPECT_THAT(change, testing::Not(testing::HasSubstr("hostBpffs")));
  EXPECT_THAT(view_changes(selected(), {}, mounting(true)),
              testing::Contains("widens view.hostBpffs: mask > allow"));
}

TEST(CompareViews, CallsNothingWiderForAContainerThatHasEverything) {
  auto some = selected();
  some.delegation.emplace().rights.add(model::TokenRight::kProgram, 1);
  EXPECT_THAT(view_changes(selected(), some, with_everything()),
              ElementsAre("delegate: none > programs socket_filter; reach container"));
}

// What a container can do past its view.

std::vector<std::string> changes_of(const model::Decision& before, const model::Decision& after,
                                    const PastView& past) {
  std::vector<std::string> texts;
  for (const auto& one : compare_grants({before, past}, {after, past}))
    texts.push_back(std::string(name_of(one.change)) + (one.past_view_before ? " before" : "") +
                    (one.past_view_after ? " after" : ""));
  return texts;
}

model::Decision granting(std::vector<GrantedPin> grants,
                         model::HostBpffs host_bpffs = model::HostBpffs::kMask) {
  auto decision = selected();
  decision.grants = std::move(grants);
  decision.host_bpffs = host_bpffs;
  return decision;
}

TEST(ComparePastView, AGrantInsteadOfTheHostsBpffsIsLess) {
  const auto past = with_open_pins("/sys/fs/bpf");
  const auto policy = granting({pin("a", Access::kReadWrite)});
  EXPECT_THAT(changes_of({}, policy, past), ElementsAre("narrowed before"));
  EXPECT_THAT(changes_of(policy, {}, past), ElementsAre("widened after"));
}

TEST(ComparePastView, AGrantBesideTheHostsBpffsIsNothingMore) {
  const auto past = with_open_pins("/sys/fs/bpf");
  const auto policy = granting({pin("a")}, model::HostBpffs::kAllow);
  EXPECT_THAT(changes_of({}, policy, past), ElementsAre("changed before after"));
  EXPECT_THAT(changes_of(policy, policy, past), ElementsAre("same before after"));
  EXPECT_THAT(changes_of(policy, granting({pin("a")}), past), ElementsAre("narrowed before"));
  EXPECT_THAT(changes_of(policy, granting({}), past), ElementsAre("lost before"));
  EXPECT_THAT(changes_of(granting({}), policy, past), ElementsAre("gained after"));
}

TEST(ComparePastView, AGrantOfWhatTheVolumeDoesNotShowIsMore) {
  const auto past = with_open_pins("/sys/fs/bpf/other");
  EXPECT_THAT(changes_of({}, granting({pin("a")}), past), ElementsAre("gained"));
}

TEST(ComparePastView, NothingIsMoreThanEverything) {
  EXPECT_THAT(changes_of({}, granting({pin("a")}), with_everything()),
              ElementsAre("changed before after"));
  EXPECT_THAT(
      changes_of(granting({pin("a")}), granting({pin("a", Access::kReadWrite)}), with_everything()),
      ElementsAre("changed before after"));
}

}  // namespace
}  // namespace pinscope::policy
