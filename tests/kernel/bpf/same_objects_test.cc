// Denied pins that are further names of what is granted.
#include "plugin/kernel/bpf/same_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SameObjects : public testing::Test {
 protected:
  HostPins pins_;
  TempDirectory directory_;

  static constexpr const char* kGranted = "/sys/fs/bpf/app/flows";
  static constexpr const char* kDenied = "/sys/fs/bpf/keys/tls";

  // The pin under which each source is denied, if everything at `starts` and below is.
  static std::vector<std::string> denied_as(const std::vector<std::string>& sources,
                                            const std::vector<std::string>& starts) {
    const auto compared =
        kernel::compare_objects(sources, {starts, [](const std::string&) { return true; }});
    if (!compared) return {compared.error().sentence()};
    std::vector<std::string> names = compared->notes;
    for (const auto& source : compared->sources) names.push_back(source.denied_as);
    return names;
  }
  void pin_twice() {
    const Fd map = make_map();
    pins_.object(map, kGranted);
    pins_.object(map, kDenied);
  }
};

TEST_F(SameObjects, AreFoundUnderASecondPin) {
  pin_twice();
  pins_.map("/sys/fs/bpf/app/other");
  for (const char* start : {kDenied, "/sys/fs/bpf/keys", "/sys/fs/bpf/keys/tls"})
    EXPECT_THAT(denied_as({"/sys/fs/bpf/app/other", kGranted}, {start}), ElementsAre("", kDenied));
}

TEST_F(SameObjects, AreFoundUnderAHardLink) {
  pins_.map(kGranted);
  pins_.directory("/sys/fs/bpf/keys");
  ASSERT_EQ(link(kGranted, kDenied), 0);
  EXPECT_THAT(denied_as({kGranted}, {kDenied}), ElementsAre(kDenied));
  unlink(kDenied);
}

// Where a user may write, a hard link of a pin that they may use is root's as well.
TEST_F(SameObjects, AreNotBelievedOfAHardLinkWhereOthersMayWrite) {
  pins_.map(kGranted);
  pins_.directory("/sys/fs/bpf/scratch");
  ASSERT_EQ(chmod("/sys/fs/bpf/scratch", 01777), 0);
  ASSERT_EQ(link(kGranted, "/sys/fs/bpf/scratch/x"), 0);
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/scratch"}), ElementsAre(""));
  unlink("/sys/fs/bpf/scratch/x");
}

// An engine may have mounts of its own; what a policy grants and denies is the machine's.
TEST_F(SameObjects, AreThoseOfTheMachineInAnotherMountNamespaceToo) {
  pin_twice();
  const pid_t child = check(fork(), "fork");
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) != 0 ||
        umount2("/sys/fs/bpf", MNT_DETACH) != 0)
      _exit(2);
    _exit(denied_as({kGranted}, {"/sys/fs/bpf/keys"}) == std::vector<std::string>{kDenied} ? 0 : 1);
  }
  int status = 0;
  check(waitpid(child, &status, 0), "wait");
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SameObjects, AreFoundThroughAnotherMountOfTheFileSystem) {
  pin_twice();
  const Mounted again = Mounted::bind("/sys/fs/bpf", directory_.make_directory("again"));
  EXPECT_THAT(denied_as({again.path("keys/tls")}, {kDenied}), ElementsAre(kDenied));
  EXPECT_THAT(denied_as({kDenied}, {again.path("keys")}), ElementsAre(again.path("keys/tls")));
}

TEST_F(SameObjects, AreFoundBelowWhatIsNoBpffs) {
  pin_twice();
  EXPECT_THAT(denied_as({kGranted}, {"/sys"}), ElementsAre(testing::Ne("")));
  EXPECT_THAT(denied_as({kGranted}, {"/"}), ElementsAre(testing::Ne("")));
}

TEST_F(SameObjects, AreFoundInABpffsThatIsMountedBelow) {
  const Fd map = make_map();
  pins_.object(map, kGranted);
  pins_.directory("/sys/fs/bpf/keys/inner");
  const Mounted inner = Mounted::bpf("/sys/fs/bpf/keys/inner");
  ASSERT_EQ(chmod(inner.path().c_str(), 0755), 0);
  pins_.object(map, inner.path("tls"));
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/keys"}), ElementsAre(inner.path("tls")));
  pins_.remove(inner.path("tls"));
}

TEST_F(SameObjects, TellMapsProgramsAndLinksApart) {
  const Fd program = make_program();
  const Fd attached = make_link();
  pins_.object(program, "/sys/fs/bpf/app/program");
  pins_.object(attached, "/sys/fs/bpf/app/link");
  pins_.object(program, "/sys/fs/bpf/keys/program");
  pins_.object(attached, "/sys/fs/bpf/keys/link");
  EXPECT_THAT(denied_as({"/sys/fs/bpf/app/link", "/sys/fs/bpf/app/program"}, {"/sys/fs/bpf/keys"}),
              ElementsAre("/sys/fs/bpf/keys/link", "/sys/fs/bpf/keys/program"));
}

TEST_F(SameObjects, AreOnlyThoseThatAreCovered) {
  pin_twice();
  const auto compared = kernel::compare_objects(
      {kGranted}, {{"/sys/fs/bpf"}, [](const std::string& path) { return path.ends_with("x"); }});
  ASSERT_TRUE(compared);
  EXPECT_EQ(compared->sources[0].denied_as, "");
  EXPECT_EQ(compared->sources[0].object.id, map_id(kGranted));
}

// Otherwise whoever may make pins below a denied path could take objects away from containers.
TEST_F(SameObjects, AreNotBelievedWhereOthersThanRootMakeThem) {
  pin_twice();
  ASSERT_EQ(chown("/sys/fs/bpf/keys", 1000, 1000), 0);
  for (const char* start : {kDenied, "/sys/fs/bpf/keys"})
    EXPECT_THAT(denied_as({kGranted}, {start}), ElementsAre("")) << start;
  ASSERT_EQ(chown("/sys/fs/bpf/keys", 0, 0), 0);
  ASSERT_EQ(chmod("/sys/fs/bpf/keys", 01777), 0);
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/keys"}), ElementsAre(kDenied));
  ASSERT_EQ(chown(kDenied, 1000, 1000), 0);
  for (const char* start : {kDenied, "/sys/fs/bpf/keys"})
    EXPECT_THAT(denied_as({kGranted}, {start}), ElementsAre("")) << start;
}

TEST_F(SameObjects, AreNotLookedForThroughLinks) {
  pin_twice();
  pins_.directory("/sys/fs/bpf/denied");
  ASSERT_EQ(symlink("../keys", "/sys/fs/bpf/denied/directory"), 0);
  ASSERT_EQ(symlink("../keys/tls", "/sys/fs/bpf/denied/pin"), 0);
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/denied"}), ElementsAre(""));
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/denied/pin"}), ElementsAre(""));
  unlink("/sys/fs/bpf/denied/directory");
  unlink("/sys/fs/bpf/denied/pin");
}

// A user who may make directories there must not be able to stop or slow starts.
TEST_F(SameObjects, AreLookedForWithBoundedWorkWhereOthersMakeDirectories) {
  pin_twice();
  pins_.directory("/sys/fs/bpf/open");
  ASSERT_EQ(chmod("/sys/fs/bpf/open", 01777), 0);
  std::vector<std::string> made;
  for (int i = 0; i < 4200; ++i) {
    made.push_back("/sys/fs/bpf/open/" + std::to_string(i));
    ASSERT_EQ(mkdir(made.back().c_str(), 0755), 0);
    ASSERT_EQ(chown(made.back().c_str(), 1000, 1000), 0);
  }
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/open"}),
              ElementsAre(HasSubstr("left out some pins in \"/sys/fs/bpf/open\""), ""));
  for (const auto& path : made) rmdir(path.c_str());
}

TEST_F(SameObjects, AreNoneWhereNothingIsPinned) {
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/keys", "/nowhere/at/all"}), ElementsAre(""));
  pins_.map(kGranted);
  EXPECT_THAT(denied_as({kGranted}, {"/sys/fs/bpf/keys", "/nowhere/at/all"}), ElementsAre(""));
  EXPECT_THAT(denied_as({}, {"/sys/fs/bpf"}), IsEmpty());
}

}  // namespace
}  // namespace pinscope::test
