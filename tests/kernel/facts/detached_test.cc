// What the kernel does with a mount that is attached nowhere, which is how a view is built, and how
// one takes the place of another.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/sys.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;

constexpr unsigned kBeneath = 0x200;  // MOVE_MOUNT_BENEATH, Linux 6.5

// An instance of bpffs with a directory and a map, and its mount, which no mount table shows.
class DetachedFacts : public testing::Test {
 protected:
  Fd context_ = *kernel::create_filesystem("bpf");
  Fd mount_ = *kernel::mount_filesystem(context_.get());
  Fd descriptors_ = *kernel::open_descriptor_directory();
  Fd map_ = make_map();
  TempDirectory directory_;
  std::string shown_ = directory_.make_directory("shown");

  void SetUp() override { ASSERT_EQ(mkdirat(mount_.get(), "view", 0755), 0); }

  Status pin(const std::string& name, bool by_path_fd) {
    return kernel::pin_object(map_.get(), mount_.get(), name, by_path_fd, descriptors_.get());
  }

  // The answer of the probe about a name of the instance, once the mount is attached.
  std::string ask_attached(const std::string& command, const std::string& name) {
    const auto attached = kernel::attach_mount(mount_.get(), AT_FDCWD, shown_);
    if (!attached) return attached.error().sentence();
    std::string answer = ask(command + " " + shown_ + "/" + name);
    EXPECT_EQ(umount2(shown_.c_str(), MNT_DETACH), 0);
    return answer;
  }
};

TEST_F(DetachedFacts, APinIsMadeRelativeToItsDescriptor) {
  if (kernel::has_path_fd()) {
    const auto pinned = pin("flows", true);
    ASSERT_TRUE(pinned) << pinned.error().sentence();
    EXPECT_EQ(ask_attached("get-rw", "flows"), "ok");
    return;
  }
  const auto refused = pin("flows", true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errnum(), EINVAL);
  record_fallback("pinned through /proc/self/fd (EINVAL)");
}

TEST_F(DetachedFacts, APinIsMadeThroughTheMagicLinkOfItsDescriptor) {
  const auto pinned = pin("flows", false);
  ASSERT_TRUE(pinned) << pinned.error().sentence();
  EXPECT_EQ(ask_attached("get-rw", "flows"), "ok");
}

TEST_F(DetachedFacts, ItsSuperblockBecomesReadOnlyAfterPinning) {
  ASSERT_TRUE(pin("flows", false));
  ASSERT_TRUE(kernel::make_superblock_read_only(context_.get()));
  const auto again = pin("again", false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().errnum(), EROFS);
  EXPECT_EQ(ask_attached("get-rw", "flows"), "EROFS");
}

TEST_F(DetachedFacts, ItBecomesReadOnlyWithoutItsSuperblock) {
  ASSERT_TRUE(pin("flows", false));
  ASSERT_TRUE(kernel::make_mount_read_only(mount_.get()));
  const auto again = pin("again", false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().errnum(), EROFS);
  EXPECT_EQ(ask_attached("get-rw", "flows"), "ok");
}

TEST_F(DetachedFacts, ASubdirectoryOfItIsCloned) {
  const auto clone = kernel::clone_mount(mount_.get(), "view");
  if (clone) return;
  EXPECT_EQ(clone.error().errnum(), EINVAL);
  record_fallback("attached, cloned and detached at the target (EINVAL)");
}

TEST_F(DetachedFacts, AnotherMountIsAttachedInIt) {
  const Fd other_context = *kernel::create_filesystem("bpf");
  const Fd other = *kernel::mount_filesystem(other_context.get());
  const auto attached = kernel::attach_mount(other.get(), mount_.get(), "view");
  if (attached) return;
  EXPECT_EQ(attached.error().errnum(), EINVAL);
  record_fallback("attached once the first is (EINVAL)");
}

TEST_F(DetachedFacts, ItsDescriptorIsOfThePathOnly) {
  EXPECT_TRUE((fcntl(mount_.get(), F_GETFL) & O_PATH) != 0);
  EXPECT_EQ(fchmod(mount_.get(), 0700), -1);
  EXPECT_EQ(errno, EBADF);
  const Fd real(openat(mount_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(fchmod(real.get(), 0700), 0);
}

TEST_F(DetachedFacts, ItTakesThePlaceOfAnAttachedMountFromBeneath) {
  ASSERT_TRUE(pin("fresh", false));
  const Mounted old = Mounted::bpf(shown_);
  const long moved = syscall(SYS_move_mount, mount_.get(), "", AT_FDCWD, shown_.c_str(),
                             MOVE_MOUNT_F_EMPTY_PATH | kBeneath);
  if (moved != 0) {
    EXPECT_EQ(errno, EINVAL);
    record_refusal("EINVAL");
    return;
  }
  EXPECT_THAT(mounts_below(shown_), ElementsAre(shown_, shown_));
  EXPECT_EQ(ask("get-rw " + shown_ + "/fresh"), "ENOENT");
  ASSERT_EQ(umount2(shown_.c_str(), MNT_DETACH), 0);
  EXPECT_EQ(ask("get-rw " + shown_ + "/fresh"), "ok");
}

}  // namespace
}  // namespace pinscope::test
