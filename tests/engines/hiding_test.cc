// What somebody does so that `pinscope inventory` does not see them, or waits for them.
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "tests/engines/whole_machine.h"
#include "tests/support/bpf/programs.h"
#include "tests/support/machine/silent_file_system.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

// Linux 6.11.
bool tells_mounts_of_others() {
  utsname names{};
  check(uname(&names), "uname");
  int major = 0;
  int minor = 0;
  check(std::sscanf(names.release, "%d.%d", &major, &minor) == 2 ? 0 : -1, "read the version");
  return std::pair(major, minor) >= std::pair(6, 11);
}

class Hiding : public testing::Test {
 protected:
  Hiding() { std::filesystem::create_directories(installation_.state_directory()); }
  [[nodiscard]] Taken take() const { return Taken(installation_); }

  TempDirectory directory_;
  HostPins pins_;
  Installation installation_;
};

// The kernel writes a line for each of them in front of the object's id.
TEST_F(Hiding, BehindLocksShowsWhoHoldsAMap) {
  pins_.map("/sys/fs/bpf/flows");
  const uint32_t id = map_id("/sys/fs/bpf/flows");
  const Neighbour neighbour([&] {
    static int held = -1;
    held = open_pin("/sys/fs/bpf/flows").release();
    for (int i = 0; i < 600; ++i) {
      struct flock lock {};
      lock.l_type = F_RDLCK;
      lock.l_start = off_t{2} * i;
      lock.l_len = 1;
      check(fcntl(held, F_SETLK, &lock), "lock a part of the map's file");
    }
  });
  EXPECT_THAT(take().holders(id),
              testing::ElementsAre(std::to_string(neighbour.pid()) + " writes"));
}

TEST_F(Hiding, InManyDescriptorsOfOneFileIsOneHolder) {
  pins_.map("/sys/fs/bpf/flows");
  const uint32_t id = map_id("/sys/fs/bpf/flows");
  const Neighbour neighbour([&] {
    static int held = -1;
    held = open_pin("/sys/fs/bpf/flows").release();
    for (int i = 0; i < 900; ++i) check(dup(held), "dup");
  });
  EXPECT_THAT(take().holders(id),
              testing::ElementsAre(std::to_string(neighbour.pid()) + " writes"));
}

TEST_F(Hiding, ABpffsDeepDownShowsIt) {
  const std::string top = directory_.make_directory("deep");
  const Neighbour neighbour([&] {
    check(mount("none", top.c_str(), "tmpfs", 0, nullptr), "mount a tmpfs");
    check(chdir(top.c_str()), "chdir");
    const std::string name(250, 'd');
    for (int i = 0; i < 60; ++i) {
      check(mkdir(name.c_str(), 0755), "mkdir");
      check(chdir(name.c_str()), "chdir");
    }
    check(mount("bpf", ".", "bpf", 0, nullptr), "mount a bpffs");
  });
  EXPECT_THAT(take().notices(),
              Contains(AllOf(StartsWith("stranger: "), HasSubstr(neighbour.name()))));
}

// The directory that it has for "/" is the machine's, as that of a service is.
TEST_F(Hiding, InADirectoryWithTheMachinesRootShowsAContainer) {
  const std::string root = directory_.make_directory("root");
  const Neighbour neighbour([&] {
    check(mount("/", root.c_str(), nullptr, MS_BIND, nullptr), "bind the machine's root");
    check(chroot(root.c_str()), "chroot");
  });
  if (!tells_mounts_of_others()) GTEST_SKIP() << "this kernel tells no mounts of other namespaces";
  EXPECT_THAT(take().notices(),
              Contains(AllOf(StartsWith("exposed: "), HasSubstr(neighbour.name()))));
}

// Two mounts show two parts of one bpffs, whose root is mounted nowhere any more.
TEST_F(Hiding, InAPartOfABpffsShowsItsPins) {
  const std::string whole = directory_.make_directory("whole");
  const std::string one = directory_.make_directory("one");
  const std::string two = directory_.make_directory("two");
  pins_.map("/sys/fs/bpf/flows");
  const Fd flows = open_pin("/sys/fs/bpf/flows");
  const Neighbour neighbour([&] {
    mount_bpffs(whole);
    for (const auto& [name, at] : {std::pair("/a", one), std::pair("/b", two)}) {
      check(mkdir((whole + name).c_str(), 0755), "mkdir");
      pins_.object(flows, whole + name + "/pin");
      check(mount((whole + name).c_str(), at.c_str(), nullptr, MS_BIND, nullptr), "bind a part");
    }
    check(umount2(whole.c_str(), MNT_DETACH), "unmount the whole");
  });
  const auto result = take_inventory(installation_, {"pins"});
  EXPECT_THAT(result.out, HasSubstr("a/pin"));
  EXPECT_THAT(result.out, HasSubstr("b/pin"));
}

TEST_F(Hiding, BehindAFileSystemThatNeverAnswersHoldsOneProcess) {
  if (!SilentFileSystem::possible()) GTEST_SKIP() << "there is no FUSE here";
  const std::string silent = directory_.make_directory("silent");
  std::vector<std::string> places;
  for (const char* name : {"a", "b", "c", "d"}) places.push_back(directory_.make_directory(name));
  SilentFileSystem file_system(silent);
  const Neighbour neighbour([&] {
    for (const auto& place : places) {
      check(mount(silent.c_str(), place.c_str(), nullptr, MS_BIND, nullptr), "bind");
      check(mount("bpf", (place + "/x").c_str(), "bpf", 0, nullptr), "mount a bpffs");
    }
  });
  file_system.fall_silent(SilentFileSystem::Silence::kTaking);
  const auto taken = take();
  EXPECT_THAT(taken.not_seen(), Contains(HasSubstr("it took too long")));
  EXPECT_THAT(
      taken.not_seen(),
      Contains(HasSubstr("another file system of this mount namespace gave no answer")).Times(3));
  EXPECT_EQ(file_system.unanswered(), 1U);
}

}  // namespace
}  // namespace pinscope::test
