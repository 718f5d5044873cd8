// What explain says of a container that may load BPF by itself.
#include "plugin/advice/delegation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <algorithm>

#include "plugin/policy/decide/program_types.h"

namespace pinscope::advice {
namespace {

using model::NamespaceKind;
using model::TokenRight;

// A container with a user namespace of its own and these capabilities in it.
model::Container container_with(std::initializer_list<uint32_t> capabilities) {
  model::Container container;
  for (const auto kind : {NamespaceKind::kUser, NamespaceKind::kMount, NamespaceKind::kPid})
    model::namespace_of(container, kind).mode = model::Namespace::Mode::kPrivate;
  for (const uint32_t capability : capabilities)
    container.capabilities |= uint64_t{1} << capability;
  return container;
}

model::Decision delegating(std::initializer_list<model::BpfCommand> commands,
                           std::initializer_list<uint32_t> programs = {}) {
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  model::Delegation delegation;
  for (const auto command : commands) delegation.rights.add(command);
  for (const uint32_t program : programs) delegation.rights.add(TokenRight::kProgram, program);
  delegation.rules = {{"p", {"p.yaml", 9, 3}}};
  decision.delegation = delegation;
  return decision;
}

Remark find(const std::vector<Remark>& remarks, const std::string& code) {
  const auto found = std::ranges::find(remarks, code, &Remark::code);
  return found == remarks.end() ? Remark{} : *found;
}

TEST(DelegationRemarks, AreNoneWhereNothingIsDelegated) {
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  EXPECT_TRUE(remarks_on_delegation(container_with({}), decision).empty());
}

// kernel/bpf/token.c asks for CAP_BPF and for nothing else, unlike what a token is used for.
TEST(DelegationRemarks, SayThatATokenNeedsCapBpfAndNoOtherCapabilityWillDo) {
  const auto decision = delegating({model::BpfCommand::kMapCreate});
  const auto remark =
      find(remarks_on_delegation(container_with({CAP_SYS_ADMIN}), decision), "token");
  EXPECT_EQ(remark.kind, Remark::Kind::kUnreachable);
  EXPECT_EQ(remark.text,
            "without CAP_BPF in its user namespace, the container cannot make a token");
  EXPECT_EQ(find(remarks_on_delegation(container_with({CAP_BPF}), decision), "token").code, "");
}

TEST(DelegationRemarks, CallEverythingVoidWhereProgramsMayReachTheWholeMachine) {
  auto decision = delegating({model::BpfCommand::kProgLoad}, {policy::kSocketFilter});
  EXPECT_EQ(find(remarks_on(container_with({CAP_BPF}), decision, {}), "programs-reach").code, "");
  decision.delegation->reach = model::ProgramReach::kWholeMachine;
  EXPECT_EQ(find(remarks_on(container_with({CAP_BPF}), decision, {}), "programs-reach").kind,
            Remark::Kind::kVoid);
}

}  // namespace
}  // namespace pinscope::advice
