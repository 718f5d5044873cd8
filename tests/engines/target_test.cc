// Where the view goes: other places than /sys/fs/bpf, root file systems of every kind, and a bpffs
// that the container brings along.
#include <sys/mount.h>

#include <filesystem>

#include "tests/support/container/view_test.h"
#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

class Target : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    write_policy("/sys/fs/bpf");
  }

  void write_policy(const std::string& at) {
    installation_.write_policy(
        policy_text("select: {}\nview: {at: " + at + "}\ngrants:\n  - {pin: /sys/fs/bpf/flows}\n"));
  }

  void expect_view_at(const std::string& at) {
    const auto result = run({"ls " + at, "get-ro " + at + "/flows", "get-rw " + at + "/flows"});
    EXPECT_EQ(result.status, 0) << result << installation_.last_audit().error;
    EXPECT_EQ(answer(result, "ls " + at), "ok flows");
    EXPECT_EQ(answer(result, "get-ro " + at + "/flows"), "ok");
    EXPECT_EQ(answer(result, "get-rw " + at + "/flows"), "EROFS");
  }
};

TEST_P(Target, MayBeAnotherDirectoryThatDoesNotExistYet) {
  write_policy("/run/some/bpf");
  expect_view_at("/run/some/bpf");
}

TEST_P(Target, MayBeInATmpfsOfTheContainer) {
  container_.spec.mounts.push_back({"/run", "tmpfs", "tmpfs", {"nosuid", "mode=755"}});
  write_policy("/run/bpf");
  expect_view_at("/run/bpf");
}

TEST_P(Target, NeedsNoSysInTheContainer) {
  container_.spec.without_mount("/sys");
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, NeedsNotEvenADirectoryForSysInTheImage) {
  container_.spec.without_mount("/sys");
  std::filesystem::remove(container_.image() + "/sys");
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, IsReachedInAReadOnlyRootFileSystem) {
  container_.spec.readonly_rootfs = true;
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, IsMadeInARootFileSystemThatBecomesReadOnly) {
  container_.spec.readonly_rootfs = true;
  write_policy("/opt/bpf");
  expect_view_at("/opt/bpf");
}

TEST_P(Target, IsReachedInAnOverlay) {
  container_.spec.overlay_rootfs = true;
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, IsMadeInAnOverlay) {
  container_.spec.overlay_rootfs = true;
  write_policy("/opt/bpf");
  expect_view_at("/opt/bpf");
}

TEST_P(Target, IsReachedWhereTheRootPathIsAbsolute) {
  container_.spec.root_path = container_.bundle() + "/rootfs";
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, IsReachedWhereTheRootPathClimbsOutOfTheBundle) {
  container_.spec.root_path = "../bundle/./rootfs";
  expect_view_at("/sys/fs/bpf");
}

TEST_P(Target, RefusesAPlaceThatCannotBeMade) {
  write_policy("/sys/kernel/none/bpf");
  const auto result = run({"id"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(answer(result, "id"), "no answer");
  const auto line = installation_.last_audit();
  EXPECT_EQ(line.code, "target-invalid");
  EXPECT_THAT(line.error, testing::HasSubstr("make it part of the image, or choose another "
                                             "view.at"));
}

TEST_P(Target, StaysBelowTheContainersRootWithSharedPropagation) {
  container_.spec.rootfs_propagation = "rshared";
  const auto before = Snapshot::take();
  expect_view_at("/sys/fs/bpf");
  EXPECT_EQ(before.mounts, Snapshot::take().mounts);
}

PINSCOPE_EACH_RUNTIME_AND_THE_NEWEST(Target);

}  // namespace
}  // namespace pinscope::test
