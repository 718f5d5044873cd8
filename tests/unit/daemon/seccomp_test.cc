#include "plugin/daemon/seccomp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope::daemon {
namespace {

using model::BpfCommand;
using testing::ElementsAre;

constexpr const char* kAllow = "SCMP_ACT_ALLOW";
constexpr const char* kErrno = "SCMP_ACT_ERRNO";

void add_rule(nri::LinuxSeccomp& policy, std::initializer_list<const char*> names,
              const char* action) {
  nri::LinuxSyscall& rule = *policy.add_syscalls();
  for (const char* name : names) rule.add_names(name);
  rule.set_action(action);
}

nri::LinuxSeccomp policy_of(std::initializer_list<const char*> names, const char* action) {
  nri::LinuxSeccomp policy;
  policy.set_default_action(kErrno);
  add_rule(policy, names, action);
  return policy;
}

// "ALLOW bpf EQ 7" for a rule that lets command 7 through.
std::vector<std::string> lines(const nri::LinuxSeccomp& policy) {
  std::vector<std::string> all;
  for (const auto& rule : policy.syscalls()) {
    std::string line = rule.action().substr(9);
    for (const auto& name : rule.names()) line += " " + name;
    for (const auto& argument : rule.args())
      line += " " + argument.op().substr(9) + " " + std::to_string(argument.value());
    all.push_back(std::move(line));
  }
  return all;
}

TEST(SeccompPolicy, LetsExactlyTheCommandsThrough) {
  auto policy = policy_of({"read", "write"}, kAllow);
  open_bpf(policy, {BpfCommand::kMapLookupElem, BpfCommand::kObjGet});
  EXPECT_THAT(lines(policy), ElementsAre("ALLOW read write", "ALLOW bpf EQ 1", "ALLOW bpf EQ 7"));
  EXPECT_TRUE(open_bpf(policy, {BpfCommand::kObjGet}).empty());
}

// libseccomp: a rule without arguments goes before those that have some.
TEST(SeccompPolicy, LosesARuleThatWouldRefuseThemAllTheSame) {
  auto policy = policy_of({"bpf", "mount"}, kErrno);
  add_rule(policy, {"bpf"}, kErrno);
  open_bpf(policy, {BpfCommand::kObjGet});
  EXPECT_THAT(lines(policy), ElementsAre("ERRNO mount", "ALLOW bpf EQ 7"));
}

// Where everything else is allowed, taking the refusal away would open the whole call.
TEST(SeccompPolicy, RefusesEveryOtherCommandWhereTheDefaultIsToAllow) {
  auto policy = policy_of({"bpf", "mount"}, kErrno);
  policy.mutable_syscalls(0)->mutable_errno_ret()->set_value(13);
  policy.set_default_action(kAllow);
  EXPECT_TRUE(
      open_bpf(policy, {BpfCommand::kMapLookupElem, BpfCommand::kObjGet}).still_refused.empty());
  EXPECT_THAT(lines(policy),
              ElementsAre("ERRNO mount", "ERRNO bpf EQ 0", "ERRNO bpf EQ 2", "ERRNO bpf EQ 3",
                          "ERRNO bpf EQ 4", "ERRNO bpf EQ 5", "ERRNO bpf EQ 6", "ERRNO bpf GT 7"));
  ASSERT_EQ(policy.syscalls_size(), 8);
  EXPECT_EQ(policy.syscalls(7).errno_ret().value(), 13U);
}

// A supervisor decides there, and may refuse: it is asked as before.
TEST(SeccompPolicy, ThatAsksASupervisorStaysAsItIs) {
  auto policy = policy_of({"bpf"}, "SCMP_ACT_NOTIFY");
  const auto change = open_bpf(policy, {BpfCommand::kObjGet});
  EXPECT_TRUE(change.empty());
  EXPECT_TRUE(change.still_refused.contains(BpfCommand::kObjGet));
  EXPECT_THAT(lines(policy), ElementsAre("NOTIFY bpf"));
}

TEST(SeccompPolicy, ThatLetsTheCallThroughStaysAsItIs) {
  auto policy = policy_of({"bpf", "read"}, kAllow);
  EXPECT_TRUE(open_bpf(policy, {BpfCommand::kObjGet}).empty());
  EXPECT_THAT(lines(policy), ElementsAre("ALLOW bpf read"));
}

TEST(SeccompPolicy, HasToServeAllGrantsOfAllPolicies) {
  model::Policy reader;
  reader.grants.emplace_back();
  model::Policy runner;
  runner.grants.emplace_back().access = model::Access::kUse;
  runner.grants.back().expect.kind = model::ObjectKind::kProgram;
  const auto commands = commands_for({reader, runner}, {});
  EXPECT_TRUE(commands.contains(BpfCommand::kMapLookupElem));
  EXPECT_TRUE(commands.contains(BpfCommand::kProgTestRun));
  EXPECT_FALSE(commands.contains(BpfCommand::kMapUpdateElem));
  EXPECT_TRUE(commands_for({model::Policy{}}, {}).empty());
}

model::Policy delegating(BpfCommand command) {
  model::Policy policy;
  policy.delegate.emplace().rights.add(command);
  return policy;
}

nri::Container with_namespaces(std::initializer_list<const char*> types) {
  nri::Container container;
  for (const char* type : types) container.mutable_linux()->add_namespaces()->set_type(type);
  return container;
}

TEST(SeccompPolicy, HasToServeWhatAllPoliciesDelegate) {
  auto pinning = delegating(BpfCommand::kBtfLoad);
  const auto container = with_namespaces({"pid", "user"});
  auto commands = commands_for({delegating(BpfCommand::kMapCreate), pinning}, container);
  for (const auto command :
       {BpfCommand::kTokenCreate, BpfCommand::kMapCreate, BpfCommand::kBtfLoad})
    EXPECT_TRUE(commands.contains(command));
  EXPECT_FALSE(commands.contains(BpfCommand::kProgLoad));
  EXPECT_FALSE(commands.contains(BpfCommand::kObjPin));
  pinning.delegate->pinning = true;
  commands = commands_for({pinning, delegating(BpfCommand::kMapCreate)}, container);
  EXPECT_TRUE(commands.contains(BpfCommand::kObjPin));
}

// There they would need no token where the machine lets everybody use bpf(2).
TEST(SeccompPolicy, ServesNoDelegationInTheHostsUserNamespace) {
  const auto policy = delegating(BpfCommand::kMapCreate);
  EXPECT_TRUE(commands_for({policy}, with_namespaces({"pid"})).empty());
  EXPECT_TRUE(commands_for({policy}, {}).empty());
}

using Type = nri::SecurityProfile;

nri::Container container_with(std::optional<Type::ProfileType> profile,
                              std::initializer_list<const char*> options_of_sys) {
  nri::Container container;
  if (profile) container.mutable_linux()->mutable_seccomp_profile()->set_profile_type(*profile);
  container.add_mounts()->set_destination("/proc");
  nri::Mount& sys = *container.add_mounts();
  sys.set_destination("/sys");
  for (const char* option : options_of_sys) sys.add_options(option);
  return container;
}

nri::Container default_container(std::initializer_list<const char*> options_of_sys) {
  return container_with(Type::RUNTIME_DEFAULT, options_of_sys);
}

std::string changed(const nri::Container& container, SeccompTold told) {
  const auto policy = policy_to_change(container, told, policy_of({"stand-in"}, kAllow));
  return policy ? policy->syscalls(0).names(0) : "none";
}

void give_own_policy(nri::Container& container) {
  *container.mutable_linux()->mutable_seccomp_policy() = policy_of({"own"}, kAllow);
}

TEST(SeccompProfile, IsChangedOnlyIfTheEngineSaysThatItIsTheDefault) {
  for (const SeccompTold told : {SeccompTold::kProfile, SeccompTold::kPolicy}) {
    for (const int other : {int{Type::UNCONFINED}, int{Type::LOCALHOST}, 3}) {
      auto container = container_with(static_cast<Type::ProfileType>(other), {"nosuid", "ro"});
      give_own_policy(container);
      EXPECT_EQ(changed(container, told), "none");
    }
    EXPECT_EQ(changed(container_with({}, {"nosuid", "ro"}), told), "none");
  }
  EXPECT_EQ(changed(default_container({"nosuid", "ro"}), SeccompTold::kProfile), "stand-in");
}

// What a container with additional capabilities may do stays: its own policy has it.
TEST(SeccompProfile, IsTheContainersOwnWhereTheEngineTellsIt) {
  auto container = default_container({"nosuid", "rw"});
  give_own_policy(container);
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
