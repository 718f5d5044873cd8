// What the kernel does with mounts: facts that building a view and hiding the host's pins rest on.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/kernel/sys.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MountFacts, EachBpffsIsASuperblockOfItsOwn) {
  const TempDirectory directory;
  const Mounted one = Mounted::bpf(directory.make_directory("one"));
  const Mounted two = Mounted::bpf(directory.make_directory("two"));
  struct stat first {};
  struct stat second {};
  ASSERT_EQ(stat(one.path().c_str(), &first), 0);
  ASSERT_EQ(stat(two.path().c_str(), &second), 0);
  EXPECT_NE(first.st_dev, second.st_dev);
}

TEST(MountFacts, ACloneOfASubdirectoryStaysWhenTheMountItCameFromIsDetached) {
  const TempDirectory directory;
  const std::string place = directory.make_directory("place");
  const std::string shown = directory.make_directory("shown");
  HostPins pins;
  Fd clone;
  {
    const Mounted instance = Mounted::bpf(place);
    ASSERT_EQ(mkdir((place + "/view").c_str(), 0755), 0);
    pins.map(place + "/view/flows");
    auto made = kernel::clone_mount(AT_FDCWD, place + "/view");
    ASSERT_TRUE(made) << made.error().sentence();
    clone = *std::move(made);
  }
  ASSERT_TRUE(kernel::attach_mount(clone.get(), AT_FDCWD, shown));
  EXPECT_EQ(ask("get-rw " + shown + "/flows"), "ok");
  EXPECT_EQ(umount2(shown.c_str(), MNT_DETACH), 0);
}

// Why the tree is made private before it is unmounted.
TEST(MountFacts, UnmountingASharedMountLazilyReachesWhatIsMountedOnItsPeers) {
  const TempDirectory directory;
  Mounted host = Mounted::tmpfs(directory.make_directory("host"));
  host.change(MS_SHARED);
  const std::string inner = directory.make_directory("host/inner");
  const std::string peer = directory.make_directory("peer");
  {
    const Mounted on_host = Mounted::tmpfs(inner);
    ASSERT_EQ(::mount(host.path().c_str(), peer.c_str(), nullptr, MS_BIND | MS_REC, nullptr), 0);
    ASSERT_THAT(mounts_below(peer), ElementsAre(peer, peer + "/inner"));
    ASSERT_EQ(umount2(peer.c_str(), MNT_DETACH), 0);
    EXPECT_THAT(mounts_below(inner), IsEmpty());
  }
}

TEST(MountFacts, UnmountingATreeThatWasMadePrivateReachesNothingElse) {
  const TempDirectory directory;
  Mounted host = Mounted::tmpfs(directory.make_directory("host"));
  host.change(MS_SHARED);
  const std::string inner = directory.make_directory("host/inner");
  const Mounted on_host = Mounted::tmpfs(inner);
  {
    Mounted peer = Mounted::bind(host.path(), directory.make_directory("peer"), true);
    peer.change(MS_PRIVATE | MS_REC);
  }
  EXPECT_THAT(mounts_below(inner), ElementsAre(inner));
}

TEST(MountFacts, MountingBelowASharedMountReachesItsPeers) {
  const TempDirectory directory;
  Mounted host = Mounted::tmpfs(directory.make_directory("host"));
  host.change(MS_SHARED);
  directory.make_directory("host/inner");
  const Mounted peer = Mounted::bind(host.path(), directory.make_directory("peer"));
  const Mounted made = Mounted::tmpfs(peer.path("inner"));
  EXPECT_THAT(mounts_below(host.path()), ElementsAre(host.path(), host.path("inner")));
}

// A user namespace with mapped ids, which lives as long as the descriptor.
Fd make_user_namespace() {
  int ends[2];
  check(pipe(ends), "pipe");
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    check(unshare(CLONE_NEWUSER), "unshare");
    [[maybe_unused]] const auto told = write(ends[1], "x", 1);
    for (;;) pause();
  }
  char byte = 0;
  check(read(ends[0], &byte, 1), "wait for the child");
  const std::string proc = "/proc/" + std::to_string(child);
  write_proc_file(proc + "/uid_map", "0 100000 1000\n");
  write_proc_file(proc + "/gid_map", "0 100000 1000\n");
  Fd made(check(open((proc + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC), "open namespace"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  return made;
}

TEST(MountFacts, ABpffsCannotHaveMappedIds) {
  const TempDirectory directory;
  const Mounted bpf = Mounted::bpf(directory.make_directory("bpf"));
  const Mounted tmpfs = Mounted::tmpfs(directory.make_directory("tmpfs"));
  const Fd user = make_user_namespace();
  const auto map_ids = [&](const Mounted& mounted) {
    const auto clone = kernel::clone_mount(AT_FDCWD, mounted.path());
    struct mount_attr attributes {};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<unsigned>(user.get());
    const long result =
        syscall(SYS_mount_setattr, clone->get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    return result == 0 ? 0 : errno;
  };
  EXPECT_EQ(map_ids(bpf), EINVAL);
  // What shows that the call is right; a tmpfs has it since Linux 6.3.
  if (map_ids(tmpfs) == EINVAL) record_answer("yes, like a tmpfs of this kernel");
}

}  // namespace
}  // namespace pinscope::test
