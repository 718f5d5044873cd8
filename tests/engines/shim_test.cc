// Real containers through pinscope-runtime: no hook and no rule for bpf(2) in their config.json,
// the default capabilities and a seccomp profile that refuses what it does not name, as Docker's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "tests/engines/shim_test.h"
#include "tests/engines/values_daemons.h"
#include "tests/support/machine/silent_file_system.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGrants =
    "select: {}\n"
    "grants:\n"
    "  - {pin: /sys/fs/bpf/flows, access: read}\n"
    "  - {pin: /sys/fs/bpf/counters, access: read-write}\n";

class Shim : public ShimTest {};

TEST_P(Shim, LetsAContainerUseWhatItIsGrantedAndNothingElse) {
  installation_.write_policy(policy_text(kGrants));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  const auto result =
      run(container,
          {"ls /sys/fs/bpf", "lookup /sys/fs/bpf/flows 1", "update /sys/fs/bpf/counters 1 9",
           "lookup /sys/fs/bpf/counters 1", "info /sys/fs/bpf/flows", "get-ro /sys/fs/bpf/secret",
           "update-ro /sys/fs/bpf/flows 1 2", "get-rw /sys/fs/bpf/flows"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok _rw counters flows");
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42");
  EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 1 9"), "ok");
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/counters 1"), "ok 9");
  EXPECT_THAT(answer(result, "info /sys/fs/bpf/flows"), testing::StartsWith("ok"));
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/secret"), "ENOENT");
  EXPECT_EQ(answer(result, "update-ro /sys/fs/bpf/flows 1 2"), "EPERM");
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS");
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

// Root with CAP_BPF: what is refused here is refused by the profile.
TEST_P(Shim, OpensNoOtherCommandOfTheCall) {
  installation_.write_policy(policy_text(kGrants));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  for (const char* capability : {"CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"})
    container.spec.capabilities.emplace_back(capability);
  const auto result =
      run(container, {"map-create", "prog-load", "freeze /sys/fs/bpf/counters",
                      "repin-rw /sys/fs/bpf/counters /sys/fs/bpf/copy", "map-by-id 1",
                      "next-map-id 0", "lookup /sys/fs/bpf/flows 1"});
  EXPECT_EQ(result.status, 0) << result;
  for (const char* refused :
       {"map-create", "prog-load", "freeze /sys/fs/bpf/counters",
        "repin-rw /sys/fs/bpf/counters /sys/fs/bpf/copy", "map-by-id 1", "next-map-id 0"})
    EXPECT_EQ(answer(result, refused), kRefusedBySeccomp) << result;
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42");
}

TEST_P(Shim, DoesNotLetAReadGrantWrite) {
  installation_.write_policy(
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read}]\n"));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  // The profile's errno, not the kernel's EPERM for a descriptor opened for reading.
  const auto result =
      run(container, {"update-ro /sys/fs/bpf/flows 1 2", "delete-ro /sys/fs/bpf/flows 1",
                      "lookup /sys/fs/bpf/flows 1"});
  EXPECT_EQ(answer(result, "update-ro /sys/fs/bpf/flows 1 2"), kRefusedBySeccomp) << result;
  EXPECT_EQ(answer(result, "delete-ro /sys/fs/bpf/flows 1"), kRefusedBySeccomp) << result;
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
}

TEST_P(Shim, OpensAProfileThatRefusesTheCallByName) {
  installation_.write_policy(policy_text(kGrants));
  for (const bool allows_the_rest : {false, true}) {
    RuntimeContainer container(shim());
    with_default_profile(container.spec);
    if (allows_the_rest) {
      container.spec.seccomp_default = "SCMP_ACT_ALLOW";
      container.spec.seccomp_errno = 0;
      container.spec.seccomp.clear();
    }
    container.spec.seccomp.push_back({{"bpf", "swapon"}, "SCMP_ACT_ERRNO", {}});
    container.spec.capabilities.emplace_back("CAP_BPF");
    const auto result =
        run(container, {"lookup /sys/fs/bpf/flows 1", "update /sys/fs/bpf/counters 1 9",
                        "freeze /sys/fs/bpf/counters", "map-create", "next-map-id 0"});
    EXPECT_EQ(result.status, 0) << result;
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
    EXPECT_EQ(answer(result, "update /sys/fs/bpf/counters 1 9"), "ok") << result;
    for (const char* refused : {"freeze /sys/fs/bpf/counters", "map-create", "next-map-id 0"})
      EXPECT_THAT(answer(result, refused), testing::AnyOf("EPERM", kRefusedBySeccomp)) << result;
  }
}

TEST_P(Shim, LeavesAContainerAloneThatNoPolicySelects) {
  installation_.write_policy(
      policy_text("select: {user: {uid: 4711}}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  const auto result = run(container, {"ls /sys/fs/bpf", "get-ro /sys/fs/bpf/flows"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/flows"), kRefusedBySeccomp);
  EXPECT_EQ(config_of(container), to_config_json(container.spec));
  EXPECT_THAT(installation_.audit(),
              testing::Each(testing::Field(&AuditLine::outcome, "policy-accepted")));
}

TEST_P(Shim, TouchesNothingOnAMachineWithoutPolicies) {
  RuntimeContainer container(shim());
  const auto result = run(container, {"id"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(config_of(container), to_config_json(container.spec));
  EXPECT_FALSE(fs::exists(installation_.audit_path()));
}

TEST_P(Shim, GivesOnlyTheHookWhereThereIsNoProfile) {
  installation_.write_policy(policy_text(kGrants));
  RuntimeContainer container(shim());
  const auto result = run(container, {"lookup /sys/fs/bpf/flows 1"});
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
  EXPECT_THAT(config_of(container), testing::Not(HasSubstr("SCMP_")));
}

TEST_P(Shim, ChangesTheBundleOnceHoweverOftenItIsUsed) {
  installation_.write_policy(policy_text(kGrants));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  ASSERT_THAT(run(container, {"id"}), Succeeds());
  const std::string once = config_of(container);
  EXPECT_THAT(once, HasSubstr("pinscope-hook"));
  for (int i = 0; i < 2; ++i) {
    const auto again = call({"run", "--bundle", container.bundle(), "again"}, container);
    EXPECT_EQ(again.status, 0) << again;
    EXPECT_EQ(config_of(container), once);
  }
}

TEST_P(Shim, CreatesStartsAndDeletes) {
  installation_.write_policy(policy_text(kGrants));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  container.probe({"lookup /sys/fs/bpf/flows 1"});
  ASSERT_THAT(container.create(), Succeeds());
  EXPECT_EQ(installation_.records().size(), 1U);
  const auto started = container.start();
  ASSERT_EQ(started.status, 0) << started << container.output();
  ASSERT_TRUE(container.wait_stopped());
  EXPECT_THAT(container.output(), HasSubstr("lookup /sys/fs/bpf/flows 1: ok 42"));
  ASSERT_THAT(container.remove(), Succeeds());
  EXPECT_THAT(installation_.records(), IsEmpty());
}

TEST_P(Shim, FindsTheBundleAsTheRuntimeDoes) {
  installation_.write_policy(policy_text(kGrants));
  std::vector<std::vector<std::string>> forms = {
      {"--debug", "run", "-b", "BUNDLE"},
      {"run"},
      {"run", "--bundle=BUNDLE"},
      {"run", "--pid-file", "BUNDLE/pid", "--bundle", "BUNDLE"}};
  if (is_crun()) {
    forms.push_back({"--log-format=json", "run", "-bBUNDLE"});
    forms.push_back({"run", "--bund", "BUNDLE"});
  } else {
    forms.push_back({"-log-format", "json", "run", "-bundle", "BUNDLE"});
    forms.push_back({"run", "-b=BUNDLE", "--"});
  }
  for (const auto& form : forms) {
    RuntimeContainer container(shim());
    with_default_profile(container.spec);
    container.probe({"lookup /sys/fs/bpf/flows 1"});
    container.write_bundle();
    std::vector<std::string> arguments;
    for (std::string argument : form) {
      if (const size_t at = argument.find("BUNDLE"); at != std::string::npos)
        argument.replace(at, 6, container.bundle());
      arguments.push_back(argument);
    }
    arguments.push_back(container.id());
    const auto result = call(arguments, container);
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42")
        << result << testing::PrintToString(form);
  }
}

TEST_P(Shim, RefusesWithTheHooksReasonWhereASourceIsMissing) {
  installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/gone}]\n"));
  RuntimeContainer container(shim());
  EXPECT_NE(run(container, {"id"}).status, 0);
  EXPECT_EQ(installation_.last_audit().stage, "createRuntime");
  EXPECT_EQ(installation_.last_audit().code, "source-missing");
}

TEST_P(Shim, ManyAtOnceGetTheirViews) {
  installation_.write_policy(policy_text(kGrants));
  ASSERT_THAT(installation_.compile(), Succeeds());
  constexpr int kMany = 8;
  std::vector<std::unique_ptr<RuntimeContainer>> containers;
  std::vector<std::thread> threads;
  std::vector<CommandResult> results(kMany);
  for (int i = 0; i < kMany; ++i) {
    containers.push_back(std::make_unique<RuntimeContainer>(shim()));
    with_default_profile(containers.back()->spec);
    containers.back()->probe({"lookup /sys/fs/bpf/flows 1"});
  }
  for (size_t i = 0; i < kMany; ++i)
    threads.emplace_back([&, i] { results[i] = containers[i]->run(); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results)
    EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
}

TEST_P(Shim, LetsAContainerReadValuesThoughItMayNotCallBpf) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const ValuesDaemons daemons(installation_.state_directory());
  installation_.write_policy(
      policy_text("select: {}\nview: {values: only}\n"
                  "grants: [{pin: /sys/fs/bpf/flows, mode: \"0444\"}]\n"));
  RuntimeContainer container(shim());
  with_default_profile(container.spec);
  const auto result = run(container, {"cat /run/bpf/flows/entries", "ls /run/bpf", "map-create",
                                      "touch /run/bpf/flows/entries"});
  EXPECT_EQ(answer(result, "cat /run/bpf/flows/entries"), "ok " + std::string(kEntryOf42))
      << result;
  EXPECT_EQ(answer(result, "ls /run/bpf"), "ok flows");
  EXPECT_EQ(answer(result, "map-create"), kRefusedBySeccomp);
  EXPECT_EQ(answer(result, "touch /run/bpf/flows/entries"), "EROFS");
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  EXPECT_THAT(installation_.records(), IsEmpty());
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Shim);

}  // namespace
}  // namespace pinscope::test
