#include "plugin/policy/decide/program_reach.h"

#include <linux/capability.h>

namespace pinscope::policy {
namespace {

using model::ProgramReach;

constexpr TooFar kByCapability = {
    "it can get CAP_PERFMON or CAP_SYS_ADMIN, with which a program that it loads reads all memory "
    "of the kernel",
    "drop both from every set of its capabilities, the bounding set as well, or say "
    "delegate.programsReach: whole-machine if it may read that"};
constexpr TooFar kByKernel = {
    "on this kernel a program that it loads can read all memory of the kernel, and of some types "
    "end any process: since Linux 6.13 functions for both ask for CAP_BPF only",
    "leave prog_load out, or say delegate.programsReach: whole-machine if it may do that"};

bool loads_programs(const model::TokenRights& rights) {
  return rights.has(model::BpfCommand::kProgLoad);
}

}  // namespace

bool can_trace(const model::Container& container) {
  constexpr uint64_t kEither = uint64_t{1} << CAP_PERFMON | uint64_t{1} << CAP_SYS_ADMIN;
  return (container.capabilities & kEither) != 0;
}

ProgramReach merge_reach(const std::vector<const model::Policy*>& policies) {
  ProgramReach reach = ProgramReach::kContainer;
  for (const auto* policy : policies) {
    if (!policy->delegate || !loads_programs(policy->delegate->rights)) continue;
    reach = policy->delegate->reach;
    if (reach == ProgramReach::kContainer) break;
  }
  return reach;
}

const TooFar* reaches_too_far(const model::Delegation& delegation,
                              const model::Container& container, const HostView& host) {
  if (!loads_programs(delegation.rights) || delegation.reach == ProgramReach::kWholeMachine)
    return nullptr;
  if (can_trace(container)) return &kByCapability;
  if (!host.programs_reach_machine || host.programs_reach_machine()) return &kByKernel;
  return nullptr;
}

}  // namespace pinscope::policy
