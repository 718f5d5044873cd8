// The precreate stage as Podman calls it: the proposed config.json on stdin, the whole replacement
// expected on stdout.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "plugin/json/json.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// As Podman's default profile, which refuses bpf by name.
constexpr const char* kConfig =
    "{\n \"root\": {\"path\": \"rootfs\"},\n \"newer\": 1.50,\n \"linux\": {\"seccomp\": {\n"
    "  \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38,\n  \"syscalls\": [\n"
    "   {\"names\": [\"bpf\", \"swapon\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1}\n"
    "  ]\n }}\n}\n";

class Precreate : public testing::Test {
 protected:
  Precreate() { pins_.map("/sys/fs/bpf/flows"); }

  CommandResult call(const std::string& config) const {
    return Command(installation_.hook_argv("precreate"))
        .directory(installation_.directory().path())
        .input(config)
        .run();
  }

  HostPins pins_;
  Installation installation_;
};

// The stages at which a configuration has the hook run.
std::vector<std::string> hooks_in(const std::string& config) {
  const auto json = JsonDocument::parse(config, "config", ErrorCode::kConfigInvalid);
  std::vector<std::string> stages;
  const auto hooks = json ? json->root().find("hooks").value() : std::nullopt;
  for (const char* stage : {"prestart", "createRuntime", "poststop"}) {
    const auto list = hooks ? hooks->find(stage).value() : std::nullopt;
    if (!list) continue;
    const auto entries = list->elements().value();
    for (const auto& hook : entries)
      if (hook.string_or("path", "").value().ends_with("/pinscope-hook"))
        stages.emplace_back(stage);
  }
  return stages;
}

TEST_F(Precreate, AddsTheHooksAndWhatTheProfileLacks) {
  installation_.write_policy(
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows, access: read}]\n"));
  const auto result = call(kConfig);
  ASSERT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, StartsWith("{\n \"root\": {\"path\": \"rootfs\"},\n \"newer\": 1.50,\n"));
  EXPECT_THAT(result.out, HasSubstr("{\"names\": [\"swapon\"], \"action\": \"SCMP_ACT_ERRNO\", "
                                    "\"errnoRet\": 1},\n"));
  EXPECT_EQ(hooks_in(result.out), (std::vector<std::string>{"createRuntime", "poststop"}));
  const auto json = JsonDocument::parse(result.out, "stdout", ErrorCode::kConfigInvalid);
  ASSERT_TRUE(json) << result;
  const auto rules = json->root()
                         .find("linux")
                         .value()
                         ->find("seccomp")
                         .value()
                         ->find("syscalls")
                         .value()
                         ->elements()
                         .value();
  std::vector<uint64_t> commands;
  for (size_t i = 1; i < rules.size(); ++i) {
    const auto arguments = rules[i].find("args").value()->elements().value();
    commands.push_back(arguments.at(0).unsigned_or("value", 99).value());
  }
  EXPECT_EQ(commands, (std::vector<uint64_t>{1, 4, 7, 15, 24}));
  EXPECT_EQ(call(result.out).out, result.out) << "done again it changes nothing";
}

// The kind of an object that is not there yet cannot be learned; the hook says that it is missing.
TEST_F(Precreate, DoesNotMindASourceThatIsMissing) {
  installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/later}]\n"));
  const auto result = call(kConfig);
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_THAT(result.out, HasSubstr("\"value\": 24"));
}

TEST_F(Precreate, CopiesTheConfigurationOfAContainerThatNoPolicySelects) {
  EXPECT_EQ(call(kConfig).out, kConfig) << "no policies";
  installation_.write_policy(
      policy_text("select: {image: elsewhere}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  const auto result = call(kConfig);
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, kConfig);
}

TEST_F(Precreate, AddsNoHooksWhereNoPolicyCanSelect) {
  installation_.write_policy(
      policy_text("select: {user: {uid: 7}}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  EXPECT_EQ(call(kConfig).out, kConfig);
}

TEST_F(Precreate, AddsTheHooksWhereOnlyTheProcessWillTell) {
  installation_.write_policy(
      policy_text("select: {namespaces: {net: host}}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  const auto with_network = [](const char* network) {
    return std::string("{\"root\": {\"path\": \"rootfs\"}, \"linux\": {\"namespaces\": [") +
           network + "]}}";
  };
  EXPECT_EQ(hooks_in(call(with_network("{\"type\": \"network\"}")).out).size(), 0U);
  EXPECT_EQ(
      hooks_in(call(with_network(R"({"type": "network", "path": "/run/netns/x"})")).out).size(),
      2U);
}

// Podman 4.3.1 runs this stage where whoever called Podman was.
TEST_F(Precreate, AddsTheHooksWhateverBundleThePolicySelects) {
  installation_.write_policy(
      policy_text("select: {bundle: \"/var/lib/containers/**\"}\ngrants: [{pin: "
                  "/sys/fs/bpf/flows}]\n"));
  const auto result = call(kConfig);
  EXPECT_EQ(hooks_in(result.out).size(), 2U) << result;
  EXPECT_THAT(result.out, HasSubstr("SCMP_CMP_EQ"));
}

// Anybody can write containerd's annotations; only the bundle shows whether they are its own.
TEST_F(Precreate, AddsTheHooksWhereTheAnnotationsOfASandboxMayLie) {
  installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/flows}]\n"));
  installation_.options = {"--engine", "containerd"};
  const auto result = call(
      "{\"root\": {\"path\": \"rootfs\"}, "
      "\"annotations\": {\"io.kubernetes.cri.container-type\": \"sandbox\"}}");
  EXPECT_EQ(hooks_in(result.out).size(), 2U) << result;
}

TEST_F(Precreate, FailsRatherThanPrintingWhatIsNoConfiguration) {
  for (const char* text : {"", "{", "[]"}) {
    const auto result = call(text);
    EXPECT_EQ(result.status, 1) << text << result;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err,
                StartsWith("pinscope-hook: cannot read \"the configuration on stdin\""));
  }
}

TEST_F(Precreate, FailsWhereTheHookWouldFailBeforeItDecides) {
  installation_.write_policy("nonsense: [");
  const auto result = call(kConfig);
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_EQ(result.out, "");
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.outcome, "refused");
  EXPECT_EQ(line.stage, "precreate");
  EXPECT_EQ(line.code, "policy-unavailable");
}

TEST_F(Precreate, FailsIfItCannotWriteEverything) {
  const auto result = Command(installation_.hook_argv("precreate"))
                          .input(kConfig)
                          .before_exec([] { dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); })
                          .run();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "pinscope-hook: cannot write the configuration to stdout: No space left on device\n");
}

}  // namespace
}  // namespace pinscope::test
