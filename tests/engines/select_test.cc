// Selectors end to end: what a runtime's state and bundle say of a container, and which namespaces
// its process really is in.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

class Selection : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
  }

  // Whether a container with this spec is selected.
  bool selects(const std::string& select, RuntimeContainer& container) {
    installation_.write_policy(policy_text("select: " + select +
                                           "\n"
                                           "grants:\n"
                                           "  - {pin: /sys/fs/bpf/flows}\n"));
    const auto result = run(container, {"ls /sys/fs/bpf"});
    const auto said = answer(result, "ls /sys/fs/bpf");
    EXPECT_THAT(said, testing::AnyOf("ok", "ok flows")) << result << select;
    return said == "ok flows";
  }
  bool selects(const std::string& select) { return selects(select, container_); }
};

// A network namespace that lives as long as its name, and a second name for it.
class NamedNetwork {
 public:
  NamedNetwork() {
    first_ = directory_.write("tenant-a", "");
    second_ = directory_.write("other-name", "");
    const Fd home(check(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "open namespace"));
    check(unshare(CLONE_NEWNET), "unshare the network namespace");
    for (const auto& name : {first_, second_})
      check(mount("/proc/self/ns/net", name.c_str(), nullptr, MS_BIND, nullptr), "mount " + name);
    check(setns(home.get(), CLONE_NEWNET), "return to the network namespace");
  }
  ~NamedNetwork() {
    umount2(first_.c_str(), MNT_DETACH);
    umount2(second_.c_str(), MNT_DETACH);
  }
  NamedNetwork(const NamedNetwork&) = delete;
  NamedNetwork& operator=(const NamedNetwork&) = delete;
  [[nodiscard]] const std::string& path() const { return first_; }
  [[nodiscard]] const std::string& other_path() const { return second_; }

 private:
  TempDirectory directory_;
  std::string first_;
  std::string second_;
};

TEST_P(Selection, ByAnnotation) {
  container_.spec.annotations = {{"team", "net"}, {"stage", "test"}};
  EXPECT_TRUE(selects("{annotations: {team: net}}"));
  EXPECT_TRUE(selects("{annotations: {team: \"n*\", stage: [prod, test]}}"));
  EXPECT_FALSE(selects("{annotations: {team: web}}"));
  EXPECT_FALSE(selects("{annotations: {owner: \"*\"}}"));
}

TEST_P(Selection, ByBundle) {
  EXPECT_TRUE(selects("{bundle: " + container_.bundle() + "}"));
  EXPECT_TRUE(selects("{bundle: \"/run/*/bundle\"}"));
  EXPECT_FALSE(selects("{bundle: \"/var/lib/**\"}"));
}

TEST_P(Selection, ByUser) {
  container_.spec.uid = 1000;
  container_.spec.gid = 100;
  EXPECT_TRUE(selects("{user: {uid: 1000}}"));
  EXPECT_TRUE(selects("{user: {uid: [5, 1000], gid: 100}}"));
  EXPECT_FALSE(selects("{user: {uid: 0}}"));
  EXPECT_FALSE(selects("{user: {uid: 1000, gid: 7}}"));
}

TEST_P(Selection, ByEngineWhichOnlyTheHooksOwnArgumentsTell) {
  container_.spec.annotations = {{"io.kubernetes.cri.sandbox-namespace", "web"},
                                 {"io.kubernetes.cri.container-type", "container"}};
  EXPECT_FALSE(selects("{engine: containerd}"));
  EXPECT_FALSE(selects("{kubernetes: {namespace: web}}")) << "anybody may set that annotation";
  installation_.options = {"--engine", "containerd"};
  RuntimeContainer container(GetParam());
  container.spec.annotations = container_.spec.annotations;
  EXPECT_TRUE(selects("{engine: containerd, kubernetes: {namespace: web}}", container));
}

TEST_P(Selection, ByUserNamespace) {
  EXPECT_TRUE(selects("{namespaces: {user: host}}"));
  EXPECT_FALSE(selects("{namespaces: {user: private}}"));
  container_.spec.with_user_namespace();
  EXPECT_TRUE(selects("{namespaces: {user: private}}"));
  EXPECT_FALSE(selects("{namespaces: {user: host}}"));
}

TEST_P(Selection, ByTheNetworkNamespaceThatAContainerJoinsUnderAnyName) {
  const NamedNetwork tenant;
  const std::string select = "{namespaces: {net: " + tenant.path() + "}}";
  EXPECT_FALSE(selects(select)) << "a new network namespace";
  container_.spec.namespaces["network"] = tenant.path();
  EXPECT_TRUE(selects(select));
  container_.spec.namespaces["network"] = tenant.other_path();
  EXPECT_TRUE(selects(select)) << "the same namespace by another name";
  EXPECT_TRUE(selects("{namespaces: {net: private}}"));
  EXPECT_FALSE(selects("{namespaces: {net: " + tenant.path() + "-gone}}"));
}

TEST_P(Selection, ByAHostNamespaceHoweverItIsJoined) {
  container_.spec.namespaces["network"] = "/proc/self/ns/net";
  EXPECT_TRUE(selects("{namespaces: {net: host}}"));
  EXPECT_FALSE(selects("{namespaces: {net: private}}"));
  container_.spec.namespaces.erase("network");
  EXPECT_TRUE(selects("{namespaces: {net: host}}"));
}

TEST_P(Selection, LeavesOutWhatAnItemOfExcludeMatches) {
  container_.spec.annotations = {{"role", "agent"}};
  container_.spec.uid = 1000;
  EXPECT_TRUE(selects("{}\nexclude: [{annotations: {role: web}}]"));
  EXPECT_TRUE(selects("{}\nexclude: [{annotations: {role: agent}, user: {uid: 0}}]"));
  EXPECT_FALSE(selects("{}\nexclude: [{annotations: {role: agent}, user: {uid: 1000}}]"));
  EXPECT_FALSE(selects("{}\nexclude: [{user: {uid: 0}}, {bundle: " + container_.bundle() + "}]"));
}

// The bundle lies behind a link, and the runtime is told, and may believe of the environment, the
// link's name.
class LinkedBundle : public Selection {
 protected:
  void SetUp() override {
    Selection::SetUp();
    std::filesystem::rename(container_.bundle(), real());
    std::filesystem::create_directory_symlink("real", container_.bundle());
    container_.spec.root_path = real() + "/rootfs";  // runc takes none behind a link
    if (const char* before = getenv("PWD")) before_ = before;
    setenv("PWD", container_.bundle().c_str(), 1);
  }
  void TearDown() override {
    if (before_) {
      setenv("PWD", before_->c_str(), 1);
    } else {
      unsetenv("PWD");
    }
    ViewTest::TearDown();
  }
  [[nodiscard]] std::string real() const { return container_.directory().path("real"); }

 private:
  std::optional<std::string> before_;
};

TEST_P(LinkedBundle, IsKnownByItsPathWithoutLinks) {
  EXPECT_TRUE(selects("{bundle: " + real() + "}"));
  EXPECT_EQ(installation_.last_audit().outcome, "removed");
  RuntimeContainer again(GetParam());
  EXPECT_FALSE(selects("{bundle: " + real() + "}", again));
}

TEST_P(LinkedBundle, IsNotKnownByTheNameOfTheLink) {
  EXPECT_FALSE(selects("{bundle: " + container_.bundle() + "}"));
}

// crun loses this one, and the hook finds it on crun's command line.
TEST_P(LinkedBundle, IsKnownSoWithDevicesInAUserNamespace) {
  struct stat status {};
  if (stat("/dev/fuse", &status) != 0) GTEST_SKIP() << "this machine has no /dev/fuse";
  container_.spec.with_user_namespace();
  container_.spec.devices = {{"/dev/fuse", 'c', 10, 229}};
  EXPECT_TRUE(selects("{bundle: " + real() + "}"));
}

PINSCOPE_EACH_RUNTIME(LinkedBundle);

PINSCOPE_EACH_RUNTIME(Selection);

}  // namespace
}  // namespace pinscope::test
