// How far the programs of a delegation may reach.
#include "plugin/policy/decide/program_reach.h"

#include <gmock/gmock.h>
#include <linux/capability.h>

#include "plugin/policy/decide/program_types.h"
#include "tests/unit/policy/decide/deciding.h"

namespace pinscope::policy {
namespace {

using model::NamespaceKind;
using model::ProgramReach;
using model::TokenRight;
using testing::HasSubstr;

model::Policy loading(const std::string& name, ProgramReach reach = ProgramReach::kContainer) {
  auto made = policy(name, {});
  model::Delegate delegate;
  delegate.place = {made.place.file, 30, 5};
  delegate.rights.add(model::BpfCommand::kProgLoad);
  delegate.rights.add(TokenRight::kProgram, kSocketFilter);
  delegate.reach = reach;
  made.delegate = delegate;
  return made;
}

model::Policy making_maps(const std::string& name, ProgramReach reach = ProgramReach::kContainer) {
  auto made = loading(name, reach);
  made.delegate->rights = {};
  made.delegate->rights.add(model::BpfCommand::kMapCreate);
  made.delegate->rights.add(TokenRight::kMap, 1);
  return made;
}

model::Container with(std::initializer_list<uint32_t> capabilities) {
  auto made = container();
  for (const auto kind : {NamespaceKind::kUser, NamespaceKind::kNet, NamespaceKind::kCgroup})
    namespace_of(made, kind).mode = model::Namespace::Mode::kPrivate;
  for (const uint32_t capability : capabilities) made.capabilities |= uint64_t{1} << capability;
  return made;
}

// What stops the container, or "".
std::string refusal(const std::vector<model::Policy>& policies, const model::Container& one,
                    bool kernel_reaches = false) {
  FakeHost host;
  host.programs_reach_machine = kernel_reaches;
  const auto decision = decide(policies, one, host.view());
  return decision ? "" : decision.error().sentence();
}

TEST(ProgramReach, IsTooFarWithACapabilityThatTheKernelAsksTheTokensNamespaceFor) {
  EXPECT_EQ(refusal({loading("a")}, with({CAP_BPF, CAP_PERFMON})),
            "cannot delegate BPF: it can get CAP_PERFMON or CAP_SYS_ADMIN, "
            "with which a program that it loads reads all memory of the kernel (drop both from "
            "every set of its capabilities, the bounding set as well, or say "
            "delegate.programsReach: whole-machine if it may read that); policy \"a\" at "
            "a.yaml:30:5");
  EXPECT_THAT(refusal({loading("a")}, with({CAP_SYS_ADMIN})), HasSubstr("it can get CAP_PERFMON"));
  EXPECT_EQ(refusal({loading("a")}, with({CAP_BPF, CAP_NET_ADMIN, CAP_SYS_PTRACE})), "");
  EXPECT_EQ(refusal({making_maps("a")}, with({CAP_PERFMON, CAP_SYS_ADMIN})), "");
}

TEST(ProgramReach, IsTooFarOnAKernelWhoseFunctionsAskForCapBpfOnly) {
  EXPECT_EQ(
      refusal({loading("a")}, with({CAP_BPF}), true),
      "cannot delegate BPF: on this kernel a program that it loads can read "
      "all memory of the kernel, and of some types end any process: since Linux 6.13 functions for "
      "both ask for CAP_BPF only (leave prog_load out, or say delegate.programsReach: "
      "whole-machine if it may do that); policy \"a\" at a.yaml:30:5");
  EXPECT_EQ(refusal({making_maps("a")}, with({CAP_BPF}), true), "");
}

TEST(ProgramReach, IsTooFarOnAKernelThatWasNotAsked) {
  auto host = FakeHost().view();
  host.programs_reach_machine = {};
  EXPECT_FALSE(decide({loading("a")}, with({CAP_BPF}), host));
}

TEST(ProgramReach, IsAllowedByThePolicysOwnWords) {
  EXPECT_EQ(refusal({loading("a", ProgramReach::kWholeMachine)}, with({CAP_PERFMON}), true), "");
}

TEST(ProgramReach, IsAllowedOnlyIfEveryPolicyThatDelegatesProgramsSaysSo) {
  const auto far = loading("a", ProgramReach::kWholeMachine);
  for (const auto& policies :
       {std::vector{far, loading("b")}, std::vector{loading("b"), far},
        std::vector{loading("b"), making_maps("c", ProgramReach::kWholeMachine)}})
    EXPECT_THAT(refusal(policies, with({CAP_PERFMON})), HasSubstr("it can get CAP_PERFMON"));
  EXPECT_EQ(refusal({far, making_maps("b")}, with({CAP_PERFMON})), "");
}

}  // namespace
}  // namespace pinscope::policy
