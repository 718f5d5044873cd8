// Places below a container's root, where the image may have put anything.
#include "plugin/kernel/mount/container_root.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/kernel/probe.h"
#include "plugin/kernel/sys.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using kernel::ContainerRoot;
using kernel::HostRoot;
using kernel::MountTable;
using model::HostBpffs;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ContainerRoots : public testing::Test {
 protected:
  TempDirectory directory_;
  std::string rootfs_ = directory_.make_directory("rootfs");
  std::string outside_ = directory_.make_directory("outside");
  Mounted mounted_ = Mounted::bind(rootfs_, rootfs_);
  Fd mountinfo_ = *kernel::open_resolved(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
  Fd descriptors_ = *kernel::open_descriptor_directory();
  std::vector<ContainerRoot::MadeDirectory> made_;
  size_t host_bpffs_ = mounts_below(kBpffs).size();

  // What was taken away stays in this process's namespace; a container's loses it in pivot_root(2).
  void TearDown() override {
    while (mounts_below(kBpffs).size() > host_bpffs_) ASSERT_EQ(umount2(kBpffs, MNT_DETACH), 0);
  }

  ContainerRoot root() { return *ContainerRoot::find(rootfs_, *HostRoot::remember(rootfs_)); }
  void image(const std::string& name) { directory_.make_directory("rootfs/" + name); }
  void link(const std::string& target, const std::string& name) {
    fs::create_directories(fs::path(rootfs_ + "/" + name).parent_path());
    fs::create_symlink(target, rootfs_ + "/" + name);
  }

  // Where the kernel says that the target is, or the error; checks that nothing was made outside.
  std::string target(const std::string& at = "/sys/fs/bpf") {
    const auto found = root().make_directory(*parse_absolute(at), 0, 0, made_);
    EXPECT_THAT(files_below(outside_), IsEmpty());
    if (!found) {
      EXPECT_EQ(found.error().code(), ErrorCode::kTargetInvalid);
      return found.error().sentence();
    }
    const std::string path =
        fs::read_symlink("/proc/self/fd/" + std::to_string(found->get())).string();
    EXPECT_TRUE(path == rootfs_ || path.starts_with(rootfs_ + "/")) << path;
    return path.substr(rootfs_.size());
  }

  static constexpr const char* kBpffs = "/sys/fs/bpf";

  std::string error_of_find(const std::string& rootfs) {
    const auto found = ContainerRoot::find(rootfs, *HostRoot::remember(rootfs));
    if (found) return "";
    EXPECT_EQ(found.error().code(), ErrorCode::kRootfsAmbiguous);
    return found.error().sentence();
  }

  Result<std::vector<std::string>> hide(HostBpffs how, bool list_mounts) {
    return root().hide_bpffs(how, MountTable(list_mounts, mountinfo_.get()), descriptors_.get());
  }
};

TEST_F(ContainerRoots, AreMountPointsAndNotTheHostsRoot) {
  EXPECT_EQ(error_of_find("/"), "cannot find the container's root \"/\": it is the host's root");
  EXPECT_EQ(error_of_find(outside_),
            "cannot find the container's root \"" + outside_ +
                "\": it is not a mount point in the container's mount namespace");
  EXPECT_EQ(error_of_find(outside_ + "/nowhere"), "cannot open the container's root \"" + outside_ +
                                                      "/nowhere\": No such file or directory");
  EXPECT_EQ(error_of_find(rootfs_), "");
}

TEST_F(ContainerRoots, GetTheDirectoriesThatAreMissingAndRememberThem) {
  EXPECT_EQ(target("/sys/fs/bpf"), "/sys/fs/bpf");
  ASSERT_THAT(made_, SizeIs(3));
  EXPECT_EQ(made_[0].name, "sys");
  EXPECT_EQ(made_[2].name, "bpf");
  struct stat status {};
  ASSERT_EQ(stat((rootfs_ + "/sys/fs").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U);
}

TEST_F(ContainerRoots, GiveWhatTheyMakeToTheContainersRoot) {
  ASSERT_TRUE(root().make_directory(*parse_absolute("/run/bpf"), 100000, 100001, made_));
  struct stat status {};
  ASSERT_EQ(stat((rootfs_ + "/run/bpf").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 100000U);
  EXPECT_EQ(status.st_gid, 100001U);
}

TEST_F(ContainerRoots, BoundAbsoluteLinks) {
  link(outside_, "sys/fs");
  // The directory of that name inside the container is not there, and a link is not replaced.
  EXPECT_EQ(target(),
            "cannot use \"/sys/fs/bpf\" in the container: \"fs\" is a link that leads "
            "nowhere");
  image(outside_.substr(1));
  EXPECT_EQ(target(), outside_ + "/bpf");
}

TEST_F(ContainerRoots, BoundRelativeLinks) {
  image("sys");
  link("../../../../../../../.." + outside_, "sys/fs");
  EXPECT_EQ(target(),
            "cannot use \"/sys/fs/bpf\" in the container: \"fs\" is a link that leads "
            "nowhere");
  image(outside_.substr(1));
  EXPECT_EQ(target(), outside_ + "/bpf");
}

TEST_F(ContainerRoots, FollowLinksInside) {
  image("other");
  link("../other", "sys/fs");
  EXPECT_EQ(target(), "/other/bpf");
}

TEST_F(ContainerRoots, RefuseALinkThatLeadsNowhereAtEachPlace) {
  link("nowhere", "run/bpf");
  EXPECT_EQ(target("/run/bpf"),
            "cannot use \"/run/bpf\" in the container: \"bpf\" is a link that leads nowhere");
  EXPECT_EQ(target("/run/bpf/view"),
            "cannot use \"/run/bpf/view\" in the container: \"bpf\" is a link that leads nowhere");
  EXPECT_THAT(made_, IsEmpty());
}

TEST_F(ContainerRoots, RefuseLinksThatFormALoop) {
  link("bpf", "sys/fs/bpf");
  EXPECT_EQ(target(),
            "cannot use \"/sys/fs/bpf\" in the container: Too many levels of symbolic "
            "links (a component of it is a link into /proc, or links form a loop)");
}

TEST_F(ContainerRoots, RefuseMagicLinksOfAnyProcFileSystem) {
  image("proc");
  const Mounted proc = Mounted::of_type("proc", rootfs_ + "/proc", "");
  const std::string self = "/proc/" + std::to_string(getpid());
  int place = 0;
  const std::vector<std::string> links = {"/root", "/cwd",
                                          "/fd/" + std::to_string(descriptors_.get()),
                                          "/task/" + std::to_string(getpid()) + "/root"};
  for (const auto& magic : links) {
    const std::string at = "/at" + std::to_string(++place);
    link(self + magic, at.substr(1));
    EXPECT_EQ(target(at), "cannot use \"" + at +
                              "\" in the container: Too many levels of symbolic links (a component "
                              "of it is a link into /proc, or links form a loop)");
    EXPECT_EQ(target(at + "/x"), "cannot use \"" + at +
                                     "/x\" in the container: Too many levels of symbolic links (a "
                                     "component of it is a link into /proc, or links form a loop)");
  }
}

TEST_F(ContainerRoots, RefuseADirectoryOfAProcFileSystem) {
  image("proc");
  const Mounted proc = Mounted::of_type("proc", rootfs_ + "/proc", "");
  link("/proc/1/attr", "sys/fs/bpf");
  EXPECT_EQ(target(),
            "cannot use \"/sys/fs/bpf\" in the container: it is a part of a proc file "
            "system");
}

TEST_F(ContainerRoots, RefuseWhatIsNoDirectoryAtEachPlace) {
  const auto expect_refusal = [&] {
    for (const std::string at : {"/x", "/x/y"})
      EXPECT_EQ(target(at), "cannot use \"" + at +
                                "\" in the container: Not a directory (a component of it is not a "
                                "directory)");
    fs::remove(rootfs_ + "/x");
  };
  const std::string place = rootfs_ + "/x";
  write_file(place, "");
  expect_refusal();
  ASSERT_EQ(mkfifo(place.c_str(), 0666), 0);
  expect_refusal();
  ASSERT_EQ(mknod(place.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  expect_refusal();
  ASSERT_EQ(mknod(place.c_str(), S_IFBLK | 0666, makedev(7, 0)), 0);
  expect_refusal();
  ASSERT_EQ(mknod(place.c_str(), S_IFSOCK | 0666, 0), 0);
  expect_refusal();
}

TEST_F(ContainerRoots, DoNotMakeDirectoriesOnAReadOnlyMount) {
  mounted_.change(MS_REMOUNT | MS_BIND | MS_RDONLY);
  EXPECT_EQ(
      target("/run/bpf"),
      "cannot make directory \"run\" in the container: Read-only file system (make it part of "
      "the image, or choose another view.at)");
}

TEST_F(ContainerRoots, LoseEveryBpffsThatIsMountedBelow) {
  const Mounted instance = Mounted::bpf(directory_.make_directory("instance"));
  HostPins pins;
  pins.map(instance.path("flows"));
  for (const bool list_mounts : {true, false}) {
    if (list_mounts && !kernel::quick_features().list_mounts) continue;
    image("sys/fs/bpf");
    image("mnt/tree");
    write_file(rootfs_ + "/pin", "");
    const Mounted whole = Mounted::bind(instance.path(), rootfs_ + "/sys/fs/bpf");
    const Mounted stacked = Mounted::bpf(rootfs_ + "/sys/fs/bpf");
    const Mounted single = Mounted::bind(instance.path("flows"), rootfs_ + "/pin");
    const Mounted tree = Mounted::tmpfs(rootfs_ + "/mnt/tree");
    image("mnt/tree/deep");
    const Mounted deep = Mounted::bpf(rootfs_ + "/mnt/tree/deep");
    const auto hidden = hide(HostBpffs::kMask, list_mounts);
    ASSERT_TRUE(hidden) << hidden.error().sentence();
    EXPECT_THAT(*hidden, testing::IsSupersetOf({"/pin", "/mnt/tree/deep"}));
    EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_, rootfs_ + "/mnt/tree"));
    EXPECT_EQ(ask("get-rw " + instance.path("flows")), "ok");
  }
}

TEST_F(ContainerRoots, AreRefusedForABpffsThatSomethingElseCovers) {
  image("x/y");
  const Mounted hidden = Mounted::bpf(rootfs_ + "/x/y");
  const std::string start =
      "cannot hide the bpffs that the container mounts at \"" + hidden.path() + "\": ";
  {
    const Mounted cover = Mounted::tmpfs(hidden.path());
    const auto status = hide(HostBpffs::kMask, false);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().sentence(),
              start + "another mount is over it (mount one of the two elsewhere)");
  }
  {
    const Mounted cover = Mounted::tmpfs(rootfs_ + "/x");
    auto status = hide(HostBpffs::kMask, false);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().sentence(), start + "it cannot be opened");
    image("x/y");
    status = hide(HostBpffs::kMask, false);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().sentence(),
              start + "another mount is over it (mount one of the two elsewhere)");
  }
}

TEST_F(ContainerRoots, AreRefusedForABpffsOnASharedMount) {
  image("x");
  mounted_.change(MS_SHARED);
  const Mounted found = Mounted::bpf(rootfs_ + "/x");
  const auto hidden = hide(HostBpffs::kMask, false);
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code(), ErrorCode::kHostBpffs);
  EXPECT_EQ(hidden.error().sentence(),
            "cannot hide the bpffs that the container mounts at \"" + found.path() +
                "\": it is on a shared mount, where unmounting it would reach the host (mount the "
                "tree above it with propagation private or rslave)");
  EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_, found.path()));
}

// Where a mount cannot be left behind, it is unmounted.
TEST_F(ContainerRoots, LoseABpffsWhereTheHostHasNone) {
  const Mounted none = Mounted::tmpfs("/sys/fs");
  image("x");
  const Mounted found = Mounted::bpf(rootfs_ + "/x");
  const auto hidden = hide(HostBpffs::kMask, false);
  EXPECT_TRUE(hidden) << hidden.error().sentence();
  EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_));
}

TEST_F(ContainerRoots, LoseABpffsWhereTheHostsOwnIsSharedAndTheHostDoesNotGetIt) {
  const Mounted nested = Mounted::bpf(kBpffs);
  ASSERT_EQ(::mount(nullptr, kBpffs, nullptr, MS_SHARED, nullptr), 0);
  image("x");
  const Mounted found = Mounted::bpf(rootfs_ + "/x");
  const auto hidden = hide(HostBpffs::kMask, false);
  EXPECT_TRUE(hidden) << hidden.error().sentence();
  EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_));
  EXPECT_THAT(mounts_below(kBpffs), SizeIs(host_bpffs_ + 1));
}

TEST_F(ContainerRoots, DoNotUnmountWhatTheHostHasMountedOnAPeer) {
  Mounted host = Mounted::bpf(directory_.make_directory("host"));
  host.change(MS_SHARED);
  HostPins pins;
  pins.directory(host.path("inner"));
  const Mounted on_host = Mounted::tmpfs(host.path("inner"));
  const Mounted deeper = Mounted::tmpfs(directory_.make_directory("host/inner/deeper"));
  const Mounted none = Mounted::tmpfs("/sys/fs");
  image("x");
  const Mounted peer = Mounted::bind(host.path(), rootfs_ + "/x", true);
  ASSERT_THAT(mounts_below(rootfs_), SizeIs(4));
  const auto hidden = hide(HostBpffs::kMask, false);
  EXPECT_TRUE(hidden) << hidden.error().sentence();
  EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_));
  EXPECT_THAT(mounts_below(host.path()), ElementsAre(host.path(), on_host.path(), deeper.path()));
}

TEST_F(ContainerRoots, AreRefusedIfThePolicySaysSoAndNothingIsUnmounted) {
  image("x");
  const Mounted found = Mounted::bpf(rootfs_ + "/x");
  const auto refused = hide(HostBpffs::kReject, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().sentence(),
      "cannot hide the bpffs that the container mounts at \"" + found.path() +
          "\": the policy says hostBpffs: reject (remove the mount from the container, or say "
          "mask)");
  EXPECT_THAT(mounts_below(rootfs_), ElementsAre(rootfs_, found.path()));
  EXPECT_TRUE(hide(HostBpffs::kAllow, false));
}

TEST_F(ContainerRoots, AreRefusedIfTheyAreABpffsThemselves) {
  const Mounted bpf = Mounted::bpf(directory_.make_directory("bpf"));
  const auto found = ContainerRoot::find(bpf.path(), *HostRoot::remember(bpf.path()));
  ASSERT_TRUE(found) << found.error().sentence();
  const auto hidden =
      found->hide_bpffs(HostBpffs::kMask, MountTable(false, mountinfo_.get()), descriptors_.get());
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().sentence(),
            "cannot hide the bpffs that the container mounts at \"/\": it is the container's root");
}

}  // namespace
}  // namespace pinscope::test
