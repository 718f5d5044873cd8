// `pinscope engine install` on a node as its packages leave it, and the way back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engines/containerd/pinscope_test.h"
#include "tests/support/machine/snapshot.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class InstalledPod : public PinscopeContainerdTest {
 protected:
  [[nodiscard]] std::vector<std::string> configuration() {
    return files_below(node().machine().outside("/etc/containerd"));
  }
};

TEST_P(InstalledPod, HasItsViewUntilTheWiringIsRemoved) {
  const auto before = configuration();
  const auto dry = pinscope({"engine", "install", "--engine", "containerd", "--dry-run"});
  EXPECT_EQ(dry.status, 0) << dry;
  EXPECT_EQ(configuration(), before);

  const auto installed = pinscope({"engine", "install", "--engine", "containerd"});
  ASSERT_EQ(installed.status, 0) << installed;
  EXPECT_THAT(installed.out, HasSubstr("systemctl restart containerd"));
  node().start();
  const auto status = pinscope({"engine", "status", "--engine", "containerd"});
  EXPECT_EQ(status.status, 0) << status;
  PodSpec spec;
  spec.handler = "pinscope";
  EXPECT_EQ(node().cri().run(node().cri().run_pod(spec), ContainerdMachine::probe(questions())),
            kView);
  // Who does not ask for it does not meet Pinscope.
  spec.name = "web-2";
  spec.handler = "";
  EXPECT_EQ(node().cri().run(node().cri().run_pod(spec), ContainerdMachine::probe(questions())),
            kNoView);
  node().remove_pods();

  const auto removed = pinscope({"engine", "remove", "--engine", "containerd"});
  ASSERT_EQ(removed.status, 0) << removed;
  EXPECT_EQ(configuration(), before);
  EXPECT_FALSE(node().machine().exists("/etc/pinscope/engine"));
  node().restart();
  EXPECT_EQ(node().cri().run(node().cri().run_pod(spec), ContainerdMachine::probe(questions())),
            kNoView);
  spec.name = "web-3";
  spec.handler = "pinscope";
  EXPECT_THROW((void)node().cri().run_pod(spec), CriError);
}

TEST_P(InstalledPod, HasItsViewWithoutAskingIfPinscopeIsTheDefault) {
  const auto installed = pinscope({"engine", "install", "--engine", "containerd", "--set-default"});
  ASSERT_EQ(installed.status, 0) << installed;
  node().start();
  EXPECT_EQ(node().cri().run(node().cri().run_pod(), ContainerdMachine::probe(questions())), kView);
  node().remove_pods();
  EXPECT_THAT(records(), IsEmpty());
}

// A vendor's runc under a runtime of its own, with settings that ours must have as well.
TEST_P(InstalledPod, RunsTheProgramThatTheDefaultRuntimeWouldHaveRun) {
  node().machine().write("/opt/vendor/bin/runc",
                         "#!/bin/sh\necho \"$*\" >> /run/vendor.log\nexec runc \"$@\"\n", 0755);
  node().configure(R"([@CRI@.containerd]
default_runtime_name = "vendor"
[@CRI@.containerd.runtimes.vendor]
runtime_type = "io.containerd.runc.v2"
container_annotations = ["vendor.test/*"]
[@CRI@.containerd.runtimes.vendor.options]
BinaryName = "/opt/vendor/bin/runc"
NoNewKeyring = true
)");
  const auto installed = pinscope({"engine", "install", "--engine", "containerd", "--set-default"});
  ASSERT_EQ(installed.status, 0) << installed;
  node().start();
  EXPECT_EQ(node().cri().run(node().cri().run_pod(), ContainerdMachine::probe(questions())), kView);
  EXPECT_THAT(node().machine().read("/run/vendor.log"), HasSubstr("create"));
  EXPECT_THAT(node().machine().read("/run/vendor.log"), HasSubstr("--no-new-keyring"));
  const auto status = pinscope({"engine", "status", "--engine", "containerd"});
  EXPECT_EQ(status.status, 0) << status;
  // What it has made it ends, also when nothing names it any more.
  PodSpec spec;
  spec.name = "web-2";
  const Pod pod = node().cri().run_pod(spec);
  const std::string id = node().cri().create(pod, ContainerdMachine::sleeper());
  node().cri().start(id);
  ASSERT_THAT(pinscope({"engine", "remove", "--engine", "containerd"}), Succeeds());
  node().machine().write("/run/vendor.log", "");
  node().cri().stop(id);
  node().cri().remove(id);
  EXPECT_THAT(node().machine().read("/run/vendor.log"), HasSubstr(" delete "));
  node().remove_pods();
  ASSERT_THAT(pinscope({"engine", "install", "--engine", "containerd", "--set-default"}),
              Succeeds());
  // An upgrade installs again, and names no default.
  const auto again = pinscope({"engine", "install", "--engine", "containerd"});
  EXPECT_THAT(again.out, HasSubstr("nothing to change")) << again;
}

INSTANTIATE_TEST_SUITE_P(Releases, InstalledPod,
                         testing::Values(kContainerd16, kContainerd17, kContainerd21),
                         release_name);

}  // namespace
}  // namespace pinscope::test
