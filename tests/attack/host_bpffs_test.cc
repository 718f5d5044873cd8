// Containers whose configuration brings a bpffs along: whatever it is and wherever, the policy is
// not got round, and the host keeps its mounts.
#include <sys/vfs.h>

#include <filesystem>
#include <sstream>

#include "tests/attack/attack_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

class HostBpffs : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy_with("mask");
    before_ = Snapshot::take().mounts;
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(Snapshot::take().mounts, before_);
    EXPECT_EQ(ask("lookup " + std::string(kSecret) + " 1"), "ok 42");
  }

  void policy_with(const std::string& host_bpffs) {
    policy("view: {hostBpffs: " + host_bpffs +
           "}\n"
           "grants: [{pin: /sys/fs/bpf/app/flows, as: flows, access: read}]\n");
  }
  void bring(const std::string& destination, const std::string& source,
             std::vector<std::string> options = {"rbind"}) {
    container_.spec.mounts.push_back({destination, "bind", source, std::move(options)});
  }
  [[nodiscard]] std::string granted_line() const {
    for (const auto& line : installation_.audit())
      if (line.outcome == "granted") return line.text;
    return "";
  }
  // For mounts of the host that a test needs: they are part of what must not change.
  void host_has_changed() { before_ = Snapshot::take().mounts; }

  std::vector<std::string> before_;
};

TEST_P(HostBpffs, AtThePlaceOfTheViewIsReplacedByIt) {
  bring("/sys/fs/bpf", "/sys/fs/bpf");
  expect({{"ls /sys/fs/bpf", "ok flows"},
          {"get-rw /sys/fs/bpf/flows", "EROFS"},
          {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
  EXPECT_THAT(granted_line(), HasSubstr(R"("hidden":["/sys/fs/bpf"])"));
}

TEST_P(HostBpffs, ElsewhereIsEmpty) {
  bring("/mnt/x", "/sys/fs/bpf");
  expect({{"ls /sys/fs/bpf", "ok flows"},
          {"ls /mnt/x", "ok"},
          {"get-ro /mnt/x/secret", "ENOENT"},
          {"repin /sys/fs/bpf/flows /mnt/x/again", "EPERM"}});
  EXPECT_THAT(granted_line(), HasSubstr(R"("hidden":["/mnt/x"])"));
}

// crun makes bind mounts read-only after the hooks, and gives up when one of them is gone.
TEST_P(HostBpffs, ReadOnlyElsewhereIsEmptyToo) {
  bring("/mnt/x", "/sys/fs/bpf", {"bind", "ro"});
  expect({{"ls /mnt/x", "ok"}, {"get-ro /mnt/x/secret", "ENOENT"}, {"mounts /mnt/x", "ok"}});
}

TEST_P(HostBpffs, ReadOnlyAtThePlaceOfTheViewIsReplacedByIt) {
  bring("/sys/fs/bpf", "/sys/fs/bpf", {"rbind", "ro"});
  expect({{"ls /sys/fs/bpf", "ok flows"},
          {"get-ro /sys/fs/bpf/flows", "ok"},
          {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
}

TEST_P(HostBpffs, InsideATreeThatIsMadeReadOnlyIsEmpty) {
  bring("/host/sys", "/sys", {"rbind", "rslave", "ro"});
  expect({{"ls /host/sys/fs/bpf", "ok"}, {"get-ro /host/sys/fs/bpf/secret", "ENOENT"}});
}

TEST_P(HostBpffs, OfOneDirectoryIsEmpty) {
  bring("/mnt/app", "/sys/fs/bpf/app", {"bind"});
  expect({{"ls /mnt/app", "ok"}, {"get-ro /mnt/app/counters", "ENOENT"}});
}

TEST_P(HostBpffs, OfOnePinIsAnEmptyFile) {
  bring("/mnt/pin", kSecret, {"bind"});
  // A file of the image, on whatever file system that is.
  struct statfs image {};
  check(::statfs(container_.bundle().c_str(), &image), "statfs");
  std::ostringstream type;
  type << "ok type=0x" << std::hex << image.f_type << " rw";
  expect({{"get-ro /mnt/pin", "EACCES"}, {"statfs /mnt/pin", type.str()}});
}

TEST_P(HostBpffs, InsideTheHostsSysIsEmpty) {
  container_.spec.without_mount("/sys");
  bring("/sys", "/sys");
  expect({{"ls /sys/fs/bpf", "ok flows"}, {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
}

TEST_P(HostBpffs, InsideTheHostsSysElsewhereIsEmpty) {
  bring("/host/sys", "/sys");
  expect({{"ls /sys/fs/bpf", "ok flows"},
          {"ls /host/sys/fs/bpf", "ok"},
          {"get-ro /host/sys/fs/bpf/secret", "ENOENT"}});
}

TEST_P(HostBpffs, DeepInATreeIsEmpty) {
  const TempDirectory host;
  const Mounted tree = Mounted::tmpfs(host.make_directory("tree"));
  host.make_directory("tree/a/b");
  const Mounted inner = Mounted::tmpfs(tree.path("a/b"));
  host.make_directory("tree/a/b/c");
  const Mounted bound = Mounted::bind("/sys/fs/bpf", inner.path("c"));
  const Mounted own = Mounted::bpf(host.make_directory("tree/own"));
  host_has_changed();
  bring("/mnt/tree", tree.path());
  expect({{"ls /mnt/tree/a/b", "ok c"},
          {"ls /mnt/tree/a/b/c", "ok"},
          {"ls /mnt/tree/own", "ok"},
          {"repin /sys/fs/bpf/flows /mnt/tree/own/again", "EPERM"},
          {"get-ro /mnt/tree/a/b/c/secret", "ENOENT"}});
  EXPECT_EQ(Snapshot::take().mounts, before_);
  before_.resize(before_.size() - 4);
}

TEST_P(HostBpffs, ThatIsFreshIsTakenAwayBecauseItIsWritable) {
  container_.spec.mounts.push_back({"/mnt/fresh", "bpf", "bpf", {"nosuid"}});
  expect({{"ls /mnt/fresh", "ok"}, {"repin /sys/fs/bpf/flows /mnt/fresh/again", "EPERM"}});
}

TEST_P(HostBpffs, StackedOnAnotherIsTakenAwayWithIt) {
  bring("/mnt/x", "/sys/fs/bpf");
  container_.spec.mounts.push_back({"/mnt/x", "bpf", "bpf", {}});
  bring("/mnt/x", "/sys/fs/bpf/app");
  expect({{"ls /mnt/x", "ok"}, {"get-ro /mnt/x/secret", "ENOENT"}, {"mounts /mnt/x", "ok"}});
}

TEST_P(HostBpffs, CoveredBySomethingElseIsRefused) {
  bring("/mnt/x", "/sys/fs/bpf");
  container_.spec.mounts.push_back({"/mnt/x", "tmpfs", "tmpfs", {}});
  expect_refusal("/mnt/x\": another mount is over it (mount one of the two elsewhere)",
                 "host-bpffs");
}

TEST_P(HostBpffs, CoveredHigherUpIsRefused) {
  bring("/mnt/x/y", "/sys/fs/bpf");
  container_.spec.mounts.push_back({"/mnt/x", "tmpfs", "tmpfs", {}});
  expect_refusal("/mnt/x/y\": it cannot be opened", "host-bpffs");
}

// The mounts of the container are peers of the host's: unmounting in it would unmount there.
TEST_P(HostBpffs, OnATreeThatIsSharedWithTheHostIsRefusedOrTakenAwayHereOnly) {
  const TempDirectory host;
  Mounted tree = Mounted::tmpfs(host.make_directory("tree"));
  tree.change(MS_SHARED);
  const Mounted bound = Mounted::bind("/sys/fs/bpf", host.make_directory("tree/bpf"));
  const std::vector<std::string> host_mounts = mounts_below(host.path());
  host_has_changed();
  container_.spec.rootfs_propagation = "rshared";
  bring("/mnt/tree", tree.path(), {"rbind", "rshared"});
  const auto result = run({"ls /mnt/tree/bpf", "get-ro /mnt/tree/bpf/secret"});
  if (result.status == 0) {
    EXPECT_EQ(answer(result, "get-ro /mnt/tree/bpf/secret"), "ENOENT");
  } else {
    EXPECT_THAT(installation_.last_audit().error, HasSubstr("on a shared mount"));
  }
  EXPECT_EQ(mounts_below(host.path()), host_mounts);
  EXPECT_EQ(Snapshot::take().mounts, before_);
  before_.resize(before_.size() - 2);
}

// The bpffs itself is the peer here, and what the host has mounted on it must stay.
TEST_P(HostBpffs, ThatIsSharedWithTheHostIsTakenAwayHereOnly) {
  const TempDirectory host;
  Mounted shared = Mounted::bind("/sys/fs/bpf", host.make_directory("bpf"));
  shared.change(MS_SHARED);
  pins_.directory("/sys/fs/bpf/inner");
  const Mounted on_host = Mounted::tmpfs(shared.path("inner"));
  const std::vector<std::string> host_mounts = mounts_below(host.path());
  host_has_changed();
  container_.spec.rootfs_propagation = "rslave";
  bring("/mnt/x", shared.path(), {"rbind", "rshared"});
  expect({{"ls /mnt/x", "ok"}, {"get-ro /mnt/x/secret", "ENOENT"}});
  EXPECT_EQ(mounts_below(host.path()), host_mounts);
  EXPECT_EQ(Snapshot::take().mounts, before_);
  before_.resize(before_.size() - 2);
}

TEST_P(HostBpffs, IsTakenAwayFromContainersThatAreGrantedNothing) {
  policy("view: {hostBpffs: mask}\n");
  bring("/sys/fs/bpf", "/sys/fs/bpf");
  bring("/mnt/x", "/sys/fs/bpf");
  expect({{"ls /sys/fs/bpf", "ok"}, {"ls /mnt/x", "ok"}});
}

TEST_P(HostBpffs, IsRefusedWhereverItIsIfThePolicySaysReject) {
  policy_with("reject");
  bring("/mnt/x", "/sys/fs/bpf");
  expect_refusal(
      "/mnt/x\": the policy says hostBpffs: reject (remove the mount from the container, or say "
      "mask)",
      "host-bpffs");
}

TEST_P(HostBpffs, OfOnePinIsRefusedToo) {
  policy_with("reject");
  bring("/mnt/pin", kFlows, {"bind"});
  expect_refusal("/mnt/pin\": the policy says hostBpffs: reject", "host-bpffs");
}

TEST_P(HostBpffs, IsThereIfThePolicySaysAllow) {
  policy_with("allow");
  bring("/mnt/x", "/sys/fs/bpf");
  expect({{"ls /sys/fs/bpf", "ok flows"}, {"get-ro /mnt/x/secret", "ok"}});
}

TEST_P(HostBpffs, IsTakenAwayInAUserNamespaceSoThatUnmountingShowsNothing) {
  container_.spec.with_user_namespace();
  container_.spec.capabilities = BundleSpec::all_capabilities();
  std::filesystem::create_directories(container_.image() + "/mnt/x");
  bring("/mnt/x", "/sys/fs/bpf");
  expect({{"umount /mnt/x", "EINVAL"},
          {"umount /sys/fs/bpf", "ok"},
          {"get-ro /mnt/x/secret", "ENOENT"},
          {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
}

// The kernel locks mounts that come into a user namespace together.
TEST_P(HostBpffs, InsideTheHostsSysInAUserNamespaceIsTakenAwayOrRefused) {
  container_.spec.with_user_namespace();
  container_.spec.without_mount("/sys");
  container_.spec.capabilities = BundleSpec::all_capabilities();
  bring("/sys", "/sys");
  const auto result = run({"umount /sys/fs/bpf", "get-ro /sys/fs/bpf/secret"});
  const auto audit = installation_.audit();
  if (result.status == 0) {
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/secret"), "ENOENT");
  } else {
    EXPECT_THAT(audit.back().error, HasSubstr("it cannot be unmounted")) << result;
  }
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(HostBpffs);

}  // namespace
}  // namespace pinscope::test
