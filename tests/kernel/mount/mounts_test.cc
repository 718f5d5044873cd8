// The two ways to ask what is mounted must agree, and neither may be led astray.
#include "plugin/kernel/mount/mounts.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plugin/host/file.h"
#include "plugin/kernel/probe.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using kernel::MountTable;
using kernel::parse_mountinfo;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class MountTables : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !kernel::quick_features().list_mounts)
      GTEST_SKIP() << "this kernel has no listmount(2)";
  }
  Fd mountinfo_ = *open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY);
  MountTable table_{GetParam(), mountinfo_.get()};
  TempDirectory directory_;

  static Fd open_path(const std::string& path) { return *open_at(AT_FDCWD, path, O_PATH); }

  std::vector<std::string> bpf_mounts_below(const std::string& path) {
    const auto found = table_.bpf_mounts_below(open_path(path).get());
    EXPECT_TRUE(found) << found.error().sentence();
    std::vector<std::string> points;
    for (const auto& mount : *found) points.push_back(mount.mount_point);
    std::sort(points.begin(), points.end());
    return points;
  }
};

TEST_P(MountTables, FindEveryBpffsBelowAMountHoweverDeepAndNoOther) {
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  const Mounted inner = Mounted::tmpfs(directory_.make_directory("root/inner"));
  const Mounted below = Mounted::bpf(directory_.make_directory("root/inner/bpf"));
  const Mounted direct = Mounted::bpf(directory_.make_directory("root/a b\n"));
  const Mounted stacked = Mounted::bpf(direct.path());
  const Mounted outside = Mounted::bpf(directory_.make_directory("outside"));
  EXPECT_THAT(bpf_mounts_below(root.path()),
              ElementsAre(direct.path(), direct.path(), below.path()));
  EXPECT_THAT(bpf_mounts_below(inner.path()), ElementsAre(below.path()));
}

TEST_P(MountTables, FindTheBindMountOfASinglePinsDirectory) {
  const Mounted instance = Mounted::bpf(directory_.make_directory("instance"));
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  const Mounted bound = Mounted::bind(instance.path(), directory_.make_directory("root/x"));
  EXPECT_THAT(bpf_mounts_below(root.path()), ElementsAre(bound.path()));
}

TEST_P(MountTables, FindABpffsThatSomethingElseCovers) {
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  const Mounted hidden = Mounted::bpf(directory_.make_directory("root/x"));
  const Mounted cover = Mounted::tmpfs(hidden.path());
  EXPECT_THAT(bpf_mounts_below(root.path()), ElementsAre(hidden.path()));
}

TEST_P(MountTables, FindNothingWhereNothingIsMounted) {
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  EXPECT_THAT(bpf_mounts_below(root.path()), IsEmpty());
}

TEST_P(MountTables, FindMoreThanFitInOneAnswerOfTheKernel) {
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  std::vector<Mounted> many;
  constexpr size_t kMany = 600;
  for (size_t i = 0; i < kMany; ++i)
    many.push_back(Mounted::bpf(directory_.make_directory("root/" + std::to_string(i))));
  EXPECT_THAT(bpf_mounts_below(root.path()), SizeIs(kMany));
  while (!many.empty()) many.pop_back();
}

TEST_P(MountTables, KnowAMountByADescriptorOnIt) {
  Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  root.change(MS_SHARED);
  const Mounted bpf = Mounted::bpf(directory_.make_directory("root/x"));
  const auto shared = table_.of(open_path(root.path()).get());
  ASSERT_TRUE(shared) << shared.error().sentence();
  EXPECT_TRUE(shared->is_shared);
  EXPECT_FALSE(shared->is_bpf);
  const auto found = table_.bpf_mounts_below(open_path(root.path()).get());
  ASSERT_THAT(*found, SizeIs(1));
  EXPECT_EQ(found->front().parent, shared->id);
  EXPECT_EQ(found->front().id, *table_.id_of(open_path(bpf.path()).get()));
  EXPECT_TRUE(found->front().is_bpf);
}

TEST_P(MountTables, TellAPrivateAndAFollowingMountFromASharedOne) {
  Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  root.change(MS_PRIVATE);
  EXPECT_FALSE(table_.of(open_path(root.path()).get())->is_shared);
  root.change(MS_SHARED);
  Mounted follower = Mounted::bind(root.path(), directory_.make_directory("follower"));
  follower.change(MS_SLAVE);
  EXPECT_FALSE(table_.of(open_path(follower.path()).get())->is_shared);
  follower.change(MS_SHARED);
  EXPECT_TRUE(table_.of(open_path(follower.path()).get())->is_shared);
}

TEST_P(MountTables, SayThatAMountIsGone) {
  uint64_t id = 0;
  {
    const Mounted gone = Mounted::tmpfs(directory_.make_directory("gone"));
    id = *table_.id_of(open_path(gone.path()).get());
  }
  const auto found = table_.by_id(id);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().errnum(), ENOENT);
}

TEST_P(MountTables, TellTheRootOfAMountFromADirectoryOnIt) {
  const Mounted root = Mounted::tmpfs(directory_.make_directory("root"));
  EXPECT_EQ(*MountTable::is_mount_root(open_path(root.path()).get()), true);
  EXPECT_EQ(*MountTable::is_mount_root(open_path(directory_.make_directory("root/inner")).get()),
            false);
}

INSTANTIATE_TEST_SUITE_P(, MountTables, testing::Bool(), [](const auto& way) {
  return std::string(way.param ? "ByListmount" : "ByMountinfo");
});

TEST(Mountinfo, IsReadLineByLine) {
  const auto mounts = parse_mountinfo(
      "22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda rw\n"
      "30 22 0:25 / /sys/fs/bpf rw master:3 propagate_from:2 - bpf none rw\n"
      "31 30 0:26 / /a\\040b\\134c\\012 rw - tmpfs a\\040b rw\n");
  ASSERT_THAT(mounts, SizeIs(3));
  EXPECT_TRUE(mounts[0].is_shared);
  EXPECT_FALSE(mounts[0].is_bpf);
  EXPECT_EQ(mounts[1].id, 30U);
  EXPECT_EQ(mounts[1].parent, 22U);
  EXPECT_TRUE(mounts[1].is_bpf);
  EXPECT_FALSE(mounts[1].is_shared);
  EXPECT_EQ(mounts[2].mount_point, "/a b\\c\n");
}

TEST(Mountinfo, SaysWhichSuperblocksAreReadOnly) {
  const auto superblocks = kernel::parse_superblocks(
      "22 1 0:20 / / ro,relatime shared:1 - ext4 /dev/sda rw,ro_not\n"
      "30 22 0:25 /view /sys/fs/bpf rw - bpf none ro,mode=700\n"
      "31 22 0:x / /a rw - bpf none rw\n"
      "32 22 0:27 / /b rw - bpf none\n");
  ASSERT_THAT(superblocks, SizeIs(2));
  EXPECT_FALSE(superblocks[0].read_only) << "its mount is";
  EXPECT_EQ(superblocks[1].device_minor, 25U);
  EXPECT_EQ(superblocks[1].type, "bpf");
  EXPECT_TRUE(superblocks[1].read_only);
}

TEST(Mountinfo, LeavesOutLinesThatAreNone) {
  EXPECT_THAT(parse_mountinfo(""), IsEmpty());
  EXPECT_THAT(parse_mountinfo("\n\n\n"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("1 2 3"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("x 1 0:1 / /a rw - bpf none rw"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("1 x 0:1 / /a rw - bpf none rw"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("1 2 0:1 / /a rw bpf none rw"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("1 2 0:1 / /a rw -"), IsEmpty());
  EXPECT_THAT(parse_mountinfo("99999999999999999999 2 0:1 / /a rw - bpf none rw"), IsEmpty());
  EXPECT_THAT(parse_mountinfo(std::string("\0\xff\n- - - - - - - - -", 20)), IsEmpty());
}

TEST(Mountinfo, TakesNoNameForATypeOrAFlag) {
  const auto mounts = parse_mountinfo(
      "1 0 0:1 / /shared:1 rw - tmpfs bpf rw\n"
      "2 1 0:1 - - rw - tmpfs shared:9 rw\n");
  ASSERT_THAT(mounts, SizeIs(2));
  for (const auto& mount : mounts) {
    EXPECT_FALSE(mount.is_bpf);
    EXPECT_FALSE(mount.is_shared);
  }
}

TEST(Mountinfo, KeepsABackslashThatEscapesNothing) {
  const auto mounts = parse_mountinfo("1 0 0:1 / /a\\9\\04 rw - bpf none rw");
  ASSERT_THAT(mounts, SizeIs(1));
  EXPECT_EQ(mounts[0].mount_point, "/a\\9\\04");
}

TEST(ReadMounts, AsksTheNamespaceOfAnotherProcess) {
  const TempDirectory directory;
  const std::string rootfs = directory.make_directory("rootfs");
  directory.make_directory("rootfs/sys");
  ContainerProcess container(rootfs);
  const std::string proc = "/proc/" + std::to_string(container.pid());
  const auto is_the_containers = [&](const kernel::Mount& mount) {
    return mount.mount_point == rootfs + "/sys/fs/bpf";
  };
  const auto theirs = kernel::read_bpf_mounts(proc);
  ASSERT_TRUE(theirs) << theirs.error().sentence();
  EXPECT_TRUE(std::ranges::any_of(*theirs, is_the_containers));
  const auto ours = kernel::read_bpf_mounts();
  ASSERT_TRUE(ours) << ours.error().sentence();
  EXPECT_TRUE(std::ranges::none_of(*ours, is_the_containers));

  container.end();
  EXPECT_FALSE(kernel::read_mounts(proc));
}

}  // namespace
}  // namespace pinscope::test
