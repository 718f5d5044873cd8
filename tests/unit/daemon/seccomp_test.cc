#include "plugin/daemon/seccomp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::daemon {
namespace {

using model::BpfCommand;
using testing::ElementsAre;

constexpr const char* kAllow = "SCMP_ACT_ALLOW";
constexpr const char* kErrno = "SCMP_ACT_ERRNO";

nri::SeccompPolicy policy_of(std::vector<nri::SeccompRule> rules) {
  nri::SeccompPolicy policy;
  policy.default_action = kErrno;
  policy.rules = std::move(rules);
  return policy;
}

// "ALLOW bpf 7" for a rule that lets command 7 through.
std::vector<std::string> lines(const nri::SeccompPolicy& policy) {
  std::vector<std::string> all;
  for (const auto& rule : policy.rules) {
    std::string line = rule.action.substr(9);
    for (const auto& name : rule.names) line += " " + name;
    for (const auto& argument : rule.arguments)
      line += " " + argument.op.substr(9) + " " + std::to_string(argument.value);
    all.push_back(std::move(line));
  }
  return all;
}

TEST(SeccompPolicy, LetsExactlyTheCommandsThrough) {
  auto policy = policy_of({{{"read", "write"}, kAllow, {}, {}}});
  allow_bpf(policy, {BpfCommand::kMapLookupElem, BpfCommand::kObjGet});
  EXPECT_THAT(lines(policy), ElementsAre("ALLOW read write", "ALLOW bpf EQ 1", "ALLOW bpf EQ 7"));
}

// libseccomp: a rule without arguments goes before those that have some.
TEST(SeccompPolicy, LosesARuleThatWouldRefuseThemAllTheSame) {
  auto policy = policy_of({{{"bpf", "mount"}, kErrno, 1, {}}, {{"bpf"}, kErrno, 1, {}}});
  allow_bpf(policy, {BpfCommand::kObjGet});
  EXPECT_THAT(lines(policy), ElementsAre("ERRNO mount", "ALLOW bpf EQ 7"));
}

// Where everything else is allowed, taking the refusal away would open the whole call.
TEST(SeccompPolicy, RefusesEveryOtherCommandWhereTheDefaultIsToAllow) {
  auto policy = policy_of({{{"bpf", "mount"}, kErrno, 1, {}}});
  policy.default_action = kAllow;
  EXPECT_TRUE(allow_bpf(policy, {BpfCommand::kMapLookupElem, BpfCommand::kObjGet}).empty());
  EXPECT_THAT(lines(policy),
              ElementsAre("ERRNO mount", "ERRNO bpf EQ 0", "ERRNO bpf EQ 2", "ERRNO bpf EQ 3",
                          "ERRNO bpf EQ 4", "ERRNO bpf EQ 5", "ERRNO bpf EQ 6", "ERRNO bpf GT 7"));
}

// A supervisor decides there, and may refuse: it is asked as before.
TEST(SeccompPolicy, ThatAsksASupervisorStaysAsItIs) {
  auto policy = policy_of({{{"bpf"}, "SCMP_ACT_NOTIFY", {}, {}}});
  EXPECT_TRUE(allow_bpf(policy, {BpfCommand::kObjGet}).contains(7));
  EXPECT_THAT(lines(policy), ElementsAre("NOTIFY bpf"));
}

TEST(SeccompPolicy, ThatLetsTheCallThroughStaysAsItIs) {
  auto policy = policy_of({{{"bpf", "read"}, kAllow, {}, {}}});
  allow_bpf(policy, {BpfCommand::kObjGet});
  EXPECT_THAT(lines(policy), ElementsAre("ALLOW bpf read"));
}

TEST(SeccompPolicy, HasToServeAllGrantsOfAllPolicies) {
  model::Policy reader;
  reader.grants.emplace_back();
  model::Policy runner;
  runner.grants.emplace_back().access = model::Access::kUse;
  runner.grants.back().expect.kind = model::ObjectKind::kProgram;
  const auto commands = commands_for({reader, runner});
  EXPECT_TRUE(commands.contains(static_cast<uint32_t>(BpfCommand::kMapLookupElem)));
  EXPECT_TRUE(commands.contains(static_cast<uint32_t>(BpfCommand::kProgTestRun)));
  EXPECT_FALSE(commands.contains(static_cast<uint32_t>(BpfCommand::kMapUpdateElem)));
  EXPECT_TRUE(commands_for({model::Policy{}}).empty());
}

nri::Container container_with(std::optional<nri::SeccompProfile> profile,
                              std::vector<std::string> options_of_sys) {
  nri::Container container;
  container.seccomp_profile = std::move(profile);
  container.mounts = {{"/proc", "proc", "proc", {}},
                      {"/sys", "sysfs", "sysfs", std::move(options_of_sys)}};
  return container;
}

nri::Container default_container(std::vector<std::string> options_of_sys) {
  return container_with({{nri::SeccompProfile::Type::kRuntimeDefault, ""}},
                        std::move(options_of_sys));
}

const nri::SeccompPolicy kStandIn = policy_of({{{"stand-in"}, kAllow, {}, {}}});
const nri::SeccompPolicy kOwn = policy_of({{{"own"}, kAllow, {}, {}}});

std::string changed(const nri::Container& container, SeccompTold told) {
  const auto policy = policy_to_change(container, told, kStandIn);
  return policy ? policy->rules[0].names[0] : "none";
}

TEST(SeccompProfile, IsChangedOnlyIfTheEngineSaysThatItIsTheDefault) {
  using Type = nri::SeccompProfile::Type;
  const std::vector<std::string> ro = {"nosuid", "ro"};
  for (const SeccompTold told : {SeccompTold::kProfile, SeccompTold::kPolicy}) {
    for (const nri::SeccompProfile& other :
         {nri::SeccompProfile{Type::kUnconfined, ""}, nri::SeccompProfile{Type::kLocalhost, "p"},
          nri::SeccompProfile{Type::kOther, ""}}) {
      auto container = container_with(other, ro);
      container.seccomp_policy = kOwn;
      EXPECT_EQ(changed(container, told), "none");
    }
    EXPECT_EQ(changed(container_with({}, ro), told), "none");
  }
  EXPECT_EQ(changed(default_container(ro), SeccompTold::kProfile), "stand-in");
}

// What a container with additional capabilities may do stays: its own policy has it.
TEST(SeccompProfile, IsTheContainersOwnWhereTheEngineTellsIt) {
  auto container = default_container({"nosuid", "rw"});
  container.seccomp_policy = kOwn;
  for (const SeccompTold told :
       {SeccompTold::kPolicy, SeccompTold::kProfile, SeccompTold::kNothing})
    EXPECT_EQ(changed(container, told), "own");
}

// The engine gives it none, whatever the pod asks for: ours would confine it.
TEST(SeccompProfile, OfAPrivilegedContainerIsLeftAlone) {
  EXPECT_EQ(changed(default_container({"nosuid", "rw"}), SeccompTold::kProfile), "none");
  EXPECT_EQ(changed(default_container({"nosuid", "ro"}), SeccompTold::kPolicy), "none")
      << "an engine that tells the policy has none for it";
}

TEST(SeccompTold, IsKnownByTheEnginesVersion) {
  const auto told = [](const char* name, const char* version) {
    nri::RuntimeInfo runtime;
    runtime.name = name;
    runtime.version = version;
    return seccomp_told_by(runtime);
  };
  EXPECT_EQ(told("cri-o", "1.37.0"), SeccompTold::kNothing);
  EXPECT_EQ(told("containerd", "2.2.0"), SeccompTold::kNothing);
  EXPECT_EQ(told("containerd", "v2.2.1"), SeccompTold::kProfile);
  EXPECT_EQ(told("containerd", "v2.3.0"), SeccompTold::kPolicy);
  EXPECT_EQ(told("containerd", "2.4.0-beta.0"), SeccompTold::kPolicy);
  EXPECT_EQ(told("containerd", "unknown"), SeccompTold::kProfile);
  EXPECT_EQ(told("another", "1.0"), SeccompTold::kProfile);
}

}  // namespace
}  // namespace pinscope::daemon
