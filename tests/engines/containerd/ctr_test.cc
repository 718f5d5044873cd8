// `ctr run` with the runtime shim: no wiring, the view under containerd's default profile, and what
// annotations from a command line are worth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engines/containerd/pinscope_test.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kDevice = "pinscope.dev/view=readers";
constexpr const char* kEverybody = R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: readers}
spec:
  select: {engine: containerd}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)";

class Ctr : public PinscopeContainerdTest {
 protected:
  void SetUp() override {
    PinscopeContainerdTest::SetUp();
    if (!IsSkipped()) node().start();
  }

  // The probe's questions in a container of this namespace of containerd.
  CommandResult run(std::vector<std::string> options, const std::string& in = "default") {
    if (in != "k8s.io") {
      const auto imported = node().ctr({"images", "import", EngineMachine::kImageArchive}, in);
      EXPECT_EQ(imported.status, 0) << imported;
    }
    // To a file: ctr now and then ends before it has read all that a short process wrote.
    constexpr const char* kOutput = "/var/log/ctr.out";
    node().machine().write(kOutput, "");
    std::vector<std::string> arguments = {"run", "--rm", "--log-uri",
                                          std::string("file://") + kOutput};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {EngineMachine::kImage, "c1", "/bin/probe"});
    for (const auto& question : questions()) arguments.push_back(question);
    CommandResult result = node().ctr(arguments, in);
    result.out += node().machine().read(kOutput);
    return result;
  }
  CommandResult run_shim(std::vector<std::string> options = {}, const std::string& in = "default") {
    options.insert(options.begin(),
                   {"--seccomp", "--runc-binary", "/usr/bin/pinscope-runtime-containerd"});
    return run(std::move(options), in);
  }

  static std::vector<std::string> lying_options() {
    std::vector<std::string> options;
    for (const auto& [key, value] : lies()) {
      options.emplace_back("--annotation");
      options.push_back(key + "=" + value);
    }
    return options;
  }
};

TEST_P(Ctr, GivesAViewUnderTheDefaultProfileToWhomAPolicySelects) {
  write_policy(kEverybody);
  const auto result = run_shim();
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, kView);
  EXPECT_THAT(records(), IsEmpty());
}

TEST_P(Ctr, IsNotBelievedWhatOnlyTheCriWrites) {
  const auto result = run_shim(lying_options());
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, kNoView);
  write_policy(kEverybody);
  const auto sandbox = run_shim({"--annotation", "io.kubernetes.cri.container-type=sandbox"});
  EXPECT_EQ(sandbox.out, kView) << sandbox;
}

// Documented: the CRI's own namespace is not protected from whoever has containerd's socket.
TEST_P(Ctr, IsBelievedInTheNamespaceOfTheCri) {
  const auto result = run_shim(lying_options(), "k8s.io");
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, kView);
}

// Each namespace of containerd has ids of its own.
TEST_P(Ctr, GivesContainersOfOneIdInTwoNamespacesARecordEach) {
  write_policy(kEverybody);
  const auto remove = [&](const std::string& in) {
    return node().ctr({"tasks", "rm", "--force", "c1"}, in).status;
  };
  for (const std::string in : {"one", "two"}) {
    ASSERT_THAT(node().ctr({"images", "import", EngineMachine::kImageArchive}, in), Succeeds());
    const auto started = node().ctr(
        {"run", "--detach", "--seccomp", "--runc-binary", "/usr/bin/pinscope-runtime-containerd",
         EngineMachine::kImage, "c1", "/bin/probe", "sleep 100"},
        in);
    EXPECT_EQ(started.status, 0) << in << ": " << started;
  }
  EXPECT_THAT(records(), ElementsAre("c1.json", "c1.more"));
  EXPECT_EQ(remove("one"), 0);
  EXPECT_THAT(records(), ElementsAre("c1.more")) << "the other one's";
  EXPECT_EQ(remove("two"), 0);
  EXPECT_THAT(records(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Releases, Ctr,
                         testing::Values(kContainerd16, kContainerd17, kContainerd21),
                         release_name);

// Views by name. CDI opens no seccomp profile, and ctr has none unless it is told to.
class CtrDevice : public Ctr {};

TEST_P(CtrDevice, HasItsViewIfThePolicySelectsIt) {
  write_policy(R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: readers}
spec:
  cdi: true
  select: {bundle: "/run/containerd/**/default/*"}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)");
  const auto generated = pinscope({"cdi", "generate"});
  ASSERT_EQ(generated.status, 0) << generated;
  const auto result = run({"--device", kDevice});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out, kView);
  const auto other = run({"--device", kDevice}, "other");
  EXPECT_NE(other.status, 0) << other;
  EXPECT_THAT(other.err, HasSubstr("the policy does not select it"));
  EXPECT_THAT(records(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Releases, CtrDevice, testing::Values(kContainerd21), release_name);

// Devices that a pod's container gets from a device plugin or a DRA driver.
class DevicePod : public PinscopeContainerdTest {};

TEST_P(DevicePod, HasItsViewIfThePolicySelectsIt) {
  write_policy(R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: readers}
spec:
  cdi: true
  select: {kubernetes: {namespace: web}}
  grants:
    - {pin: /sys/fs/bpf/flows, access: read}
)");
  // No other engine reads this node's specifications.
  const auto generated = pinscope({"cdi", "generate", "--engine", "containerd"});
  ASSERT_EQ(generated.status, 0) << generated;
  node().start();
  CriContainerSpec spec = ContainerdMachine::probe(questions());
  spec.seccomp = CriContainerSpec::Seccomp::kUnconfined;
  spec.cdi_devices = {kDevice};
  EXPECT_EQ(node().cri().run(node().cri().run_pod(), spec), kView);

  PodSpec shop;
  shop.kubernetes_namespace = "shop";
  try {
    (void)node().cri().run(node().cri().run_pod(shop), spec);
    ADD_FAILURE() << "the container started";
  } catch (const CriError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the policy does not select it"));
  }
  EXPECT_THAT(records(), IsEmpty());
}

PINSCOPE_CRI_RELEASES(DevicePod);

}  // namespace
}  // namespace pinscope::test
