// CDI with Podman: a view is had by asking for the device of its policy, and by nobody whom the
// policy does not select. Nothing else is wired. CDI cannot open a seccomp profile: these
// containers run without one.
#include "tests/engines/engine_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kContainersConf = R"([engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
)";
constexpr const char* kReaders = "pinscope.dev/view=flow-readers";
constexpr const char* kOthers = "pinscope.dev/view=others";
constexpr const char* kOfUser1000 =
    "cdi: true\n"
    "select: {user: {uid: 1000}}\n"
    "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n";

class PodmanCdi : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!has_program("podman")) GTEST_SKIP() << "podman is not installed";
    if (!has_program(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
    test_ = std::make_unique<EngineTest>("");
    machine().write("/etc/containers/containers.conf", kContainersConf);
    machine().write("/etc/subuid", "containers:200000:1048576\n");
    machine().write("/etc/subgid", "containers:200000:1048576\n");
    const auto loaded = podman({"load", "-i", EngineMachine::kImageArchive});
    ASSERT_EQ(loaded.status, 0) << loaded;
    test_->write_policy(kOfUser1000, "flow-readers");
  }

  void TearDown() override {
    if (test_) podman({"rm", "-fa", "-t", "0"});
  }

  EngineMachine& machine() { return test_->machine; }

  CommandResult podman(std::vector<std::string> arguments) {
    std::vector<std::string> argv = {"podman", "--runtime", GetParam()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return machine().run(argv);
  }

  void generate() {
    const auto result = machine().run({"pinscope", "cdi", "generate"});
    ASSERT_EQ(result.status, 0) << result;
  }

  // The probe as `user`, with these devices and options.
  CommandResult run(const std::string& user, const std::vector<std::string>& devices,
                    const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"run",    "--rm", "--network",      "none",
                                          "--user", user,   "--security-opt", "seccomp=unconfined"};
    for (const auto& device : devices) arguments.insert(arguments.end(), {"--device", device});
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {EngineMachine::kImage, "/bin/probe"});
    arguments.insert(arguments.end(), kUseTheGrant.begin(), kUseTheGrant.end());
    return podman(arguments);
  }

  // The container did not start, for this reason, and nothing is left of it.
  void expect_refused(const CommandResult& result, const std::string& reason) {
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "no answer");
    const auto audit = test_->audit();
    const auto refusal =
        std::ranges::find(audit.rbegin(), audit.rend(), "refused", &AuditLine::outcome);
    ASSERT_NE(refusal, audit.rend()) << result;
    EXPECT_EQ(refusal->code, "policy-required");
    EXPECT_THAT(refusal->error, HasSubstr(reason));
    if (GetParam() == "runc") {
      EXPECT_THAT(result.err, HasSubstr(reason)) << "runc shows what a hook says";
    }
    EXPECT_THAT(test_->records(), IsEmpty());
  }

  std::unique_ptr<EngineTest> test_;
};

TEST_P(PodmanCdi, GivesTheViewToWhoAsksForIt) {
  generate();
  expect_the_grant_works(run("1000:1000", {kReaders}));
  const auto audit = test_->audit();
  ASSERT_EQ(audit.size(), 3U);
  EXPECT_EQ(audit[1].outcome, "granted");
  EXPECT_EQ(audit[2].outcome, "removed");
  EXPECT_THAT(test_->records(), IsEmpty());
}

TEST_P(PodmanCdi, GivesItInAUserNamespaceToo) {
  generate();
  expect_the_grant_works(run("1000:1000", {kReaders}, {"--userns", "auto"}));
}

TEST_P(PodmanCdi, LeavesAloneWhoDoesNotAsk) {
  generate();
  expect_no_view(run("1000:1000", {}));
  EXPECT_THAT(test_->audit(), IsEmpty());
}

TEST_P(PodmanCdi, RefusesWhoAsksAndIsNotSelected) {
  generate();
  expect_refused(run("0:0", {kReaders}),
                 "the policy does not select it: user.uid is 0, wanted 1000");
}

TEST_P(PodmanCdi, GivesSeveralDevicesToOneContainer) {
  test_->write_policy(
      "cdi: true\nselect: {user: {gid: 7}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n",
      "others");
  generate();
  const auto both = run("1000:7", {kReaders, kOthers});
  expect_the_grant_works(both);
  EXPECT_THAT(test_->records(), IsEmpty());
  expect_refused(run("1000:1000", {kReaders, kOthers}), "user.gid is 1000, wanted 7");
  expect_refused(run("1000:1000", {kOthers, kReaders}), "user.gid is 1000, wanted 7");
}

TEST_P(PodmanCdi, RefusesADeviceWhosePolicyIsGone) {
  generate();
  test_->write_policy(kOfUser1000, "renamed");
  ASSERT_THAT(machine().run({"rm", "/etc/pinscope/policy.d/flow-readers.yaml"}), Succeeds());
  expect_refused(run("1000:1000", {kReaders}), "there is no such policy");
  const auto list = machine().run({"pinscope", "cdi", "list"});
  EXPECT_EQ(list.status, 1);
  EXPECT_THAT(list.out, HasSubstr("stale"));
  generate();
  EXPECT_NE(run("1000:1000", {kReaders}).status, 0) << "Podman does not know it any more";
  expect_the_grant_works(run("1000:1000", {"pinscope.dev/view=renamed"}));
}

// The hooks of devices are not told which engine runs them: no annotation counts.
TEST_P(PodmanCdi, BelievesNoAnnotation) {
  test_->write_policy(
      "cdi: true\nselect: {kubernetes: {namespace: kube-system}}\n"
      "grants:\n  - {pin: /sys/fs/bpf/keys}\n",
      "others");
  generate();
  std::vector<std::string> options;
  for (const auto& annotation : kLyingAnnotations)
    options.insert(options.end(), {"--annotation", annotation});
  expect_refused(run("1000:1000", {kOthers}, options), "kubernetes.namespace is not established");
}

INSTANTIATE_TEST_SUITE_P(, PodmanCdi, testing::Values("runc", "crun"),
                         [](const auto& runtime) { return std::string(runtime.param); });

}  // namespace
}  // namespace pinscope::test
