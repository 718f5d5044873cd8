// What the kernel lets a user without privileges do with pins, and root of a user namespace of
// theirs, which is what a rootless engine is: the findings of docs/rootless.md.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_container.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/unprivileged.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {
namespace {

using testing::ElementsAre;

constexpr gid_t kTheirGroup = kPlainUser;

// A host's bpffs with one pin, of a mode and an owner that each test chooses, and a directory of
// the user's.
class RootlessFacts : public testing::Test {
 protected:
  using Identity = void (*)(uid_t);

  void SetUp() override {
    ASSERT_EQ(chmod(host_.path().c_str(), 0755), 0) << "the kernel's own default is 1777";
    pins_.map(pin_);
    set_value(pin_, 1, 42);
    place_ = directory_.make_directory("theirs");
    file_ = directory_.write("theirs/file", "");
    for (const auto& path : {place_, file_})
      ASSERT_EQ(chown(path.c_str(), kPlainUser, kTheirGroup), 0);
    // The build directory need not be reachable for everybody.
    program_ = Fd(check(open(PINSCOPE_BIN_DIR "/pinscope_probe", O_RDONLY), "open the probe"));
  }

  // Who owns the pin, and its mode.
  void pin_is(uid_t uid, gid_t gid, mode_t mode) const {
    ASSERT_EQ(chown(pin_.c_str(), uid, gid), 0);
    ASSERT_EQ(chmod(pin_.c_str(), mode), 0);
  }

  std::vector<std::string> ask_as(Identity identity, const std::vector<std::string>& commands) {
    std::vector<std::string> argv = {"/proc/self/fd/" + std::to_string(program_.get())};
    argv.insert(argv.end(), commands.begin(), commands.end());
    const auto result = Command(argv).before_exec([=] { identity(kPlainUser); }).run();
    std::vector<std::string> answers;
    for (const auto& command : commands) answers.push_back(answer(result, command));
    return answers;
  }
  std::vector<std::string> ask_user(const std::vector<std::string>& commands) {
    return ask_as(become_plain_user, commands);
  }
  std::vector<std::string> ask_namespace_root(const std::vector<std::string>& commands) {
    return ask_as(become_namespace_root, commands);
  }

  TempDirectory directory_{0711};
  Mounted host_ = Mounted::bpf(directory_.make_directory("host"));
  HostPins pins_;
  std::string pin_ = host_.path("flows");
  std::string place_;
  std::string file_;
  Fd program_;
};

TEST_F(RootlessFacts, AUserMountsNoBpffsInANamespaceOfTheirOwn) {
  EXPECT_THAT(ask_namespace_root({"caps", "mount-bpf " + place_}),
              ElementsAre(testing::StartsWith("ok 000001ff"), "EPERM"));
}

TEST_F(RootlessFacts, AUserOpensAPinAsItsModeSays) {
  const std::vector<std::string> open = {"get-ro " + pin_, "get-rw " + pin_};
  pin_is(0, 0, 0600);
  EXPECT_THAT(ask_user(open), ElementsAre("EACCES", "EACCES"));
  pin_is(0, 0, 0440);
  EXPECT_THAT(ask_user(open), ElementsAre("EACCES", "EACCES"));
  pin_is(0, kTheirGroup, 0440);
  EXPECT_THAT(ask_user(open), ElementsAre("ok", "EACCES"));
  pin_is(0, 0, 0444);
  EXPECT_THAT(ask_user(open), ElementsAre("ok", "EACCES"));
  EXPECT_THAT(ask_user({"lookup " + pin_ + " 1", "update-ro " + pin_ + " 1 43"}),
              ElementsAre("ok 42", "EPERM"));
  pin_is(0, 0, 0666);
  EXPECT_THAT(ask_user(open), ElementsAre("ok", "ok"));
}

// With every capability there: they are for ids that the namespace maps, and root of the host is
// none of them.
TEST_F(RootlessFacts, RootOfTheirNamespacePassesNoModeOfARootsPin) {
  const std::vector<std::string> commands = {"get-ro " + pin_, "get-rw " + pin_,
                                             "chmod " + pin_ + " 666", "chown " + pin_ + " 0 0",
                                             "unlink " + pin_};
  pin_is(0, 0, 0600);
  EXPECT_THAT(ask_namespace_root(commands),
              ElementsAre("EACCES", "EACCES", "EPERM", "EPERM", "EACCES"));
  pin_is(0, kTheirGroup, 0440);
  EXPECT_THAT(ask_namespace_root(commands),
              ElementsAre("ok", "EACCES", "EPERM", "EPERM", "EACCES"));
}

TEST_F(RootlessFacts, AUserPinsNothingWhereTheyMayNotWrite) {
  pin_is(0, 0, 0444);
  const std::vector<std::string> commands = {"repin " + pin_ + " " + host_.path("again"),
                                             "mkdir " + host_.path("mine"),
                                             "repin " + pin_ + " " + place_ + "/again"};
  // The last is no bpffs.
  EXPECT_THAT(ask_user(commands), ElementsAre("EACCES", "EACCES", "EPERM"));
  EXPECT_THAT(ask_namespace_root(commands), ElementsAre("EACCES", "EACCES", "EPERM"));
}

// The known way round a mode, open to every user of a machine whose bpffs has the kernel's own
// mode, 1777.
TEST_F(RootlessFacts, ADescriptorForReadingIsMadeOneForWritingWhereAUserMayPin) {
  pin_is(0, 0, 0444);
  ASSERT_EQ(chmod(host_.path().c_str(), 01777), 0);
  uint64_t value = 43;
  for (const Identity identity : {become_plain_user, become_namespace_root}) {
    const std::string again = host_.path("again" + std::to_string(value));
    EXPECT_THAT(ask_as(identity, {"get-rw " + pin_, "repin " + pin_ + " " + again,
                                  "update " + again + " 1 " + std::to_string(value)}),
                ElementsAre("EACCES", "ok", "ok"));
    EXPECT_EQ(value_at(pin_, 1), value++);
    EXPECT_EQ(unlink(again.c_str()), 0);
  }
}

TEST_F(RootlessFacts, AnOwnerOfAPinGivesThemselvesEveryAccess) {
  pin_is(kPlainUser, kTheirGroup, 0400);
  EXPECT_THAT(ask_user({"get-rw " + pin_}), ElementsAre("EACCES"));
  // Root of the namespace has CAP_DAC_OVERRIDE over what the user owns.
  EXPECT_THAT(ask_namespace_root({"get-rw " + pin_}), ElementsAre("ok"));
  EXPECT_THAT(ask_user({"chmod " + pin_ + " 600", "get-rw " + pin_}), ElementsAre("ok", "ok"));
}

// What a session of `pinscope run` has: the instance is root's, whoever owns its pins.
TEST_F(RootlessFacts, AReadOnlySuperblockOfTheHostHoldsAgainstItsUserAndRootOfTheirNamespace) {
  pin_is(kPlainUser, kTheirGroup, 0666);
  host_.change(MS_REMOUNT | MS_RDONLY);
  const std::string root = host_.path();
  EXPECT_THAT(ask_user({"get-rw " + pin_, "lookup " + pin_ + " 1", "update-ro " + pin_ + " 1 43",
                        "chmod " + pin_ + " 600", "repin " + pin_ + " " + root + "/again",
                        "remount-rw " + root, "reconfigure-rw " + root}),
              ElementsAre("EROFS", "ok 42", "EPERM", "EROFS", "EROFS", "EPERM", "EPERM"));
  EXPECT_THAT(ask_namespace_root({"get-rw " + pin_, "lookup " + pin_ + " 1", "remount-rw " + root,
                                  "reconfigure-rw " + root, "bind " + pin_ + " " + file_,
                                  "get-rw " + file_}),
              ElementsAre("EROFS", "ok 42", "EPERM", "EPERM", "ok", "EROFS"));
}

TEST_F(RootlessFacts, APinIsBoundIntoAMountNamespaceOfAUserWithTheAccessOfItsMode) {
  pin_is(0, kTheirGroup, 0440);
  EXPECT_THAT(ask_namespace_root({"bind " + pin_ + " " + file_, "lookup " + file_ + " 1",
                                  "get-rw " + file_, "umount " + file_}),
              ElementsAre("ok", "ok 42", "EACCES", "ok"));
}

TEST_F(RootlessFacts, WhatCoversTheHostsPinsIsNotTakenOffInANamespaceOfAUser) {
  pin_is(0, 0, 0444);
  const std::string host = host_.path();
  const Mounted cover = Mounted::tmpfs(host);
  EXPECT_THAT(ask_namespace_root({"umount " + host, "move-mount " + host + " " + place_,
                                  "bind " + directory_.path() + " " + place_,
                                  "open-tree " + directory_.path(), "get-ro " + pin_}),
              ElementsAre("EINVAL", "EINVAL", "EINVAL", "EINVAL", "ENOENT"));
}

TEST_F(RootlessFacts, AUserFindsNoObjectByItsId) {
  const std::string by_id = "map-by-id " + std::to_string(map_id(pin_));
  EXPECT_THAT(ask_user({by_id, "next-map-id 0"}), ElementsAre("EPERM", "EPERM"));
  EXPECT_THAT(ask_namespace_root({by_id, "next-map-id 0"}), ElementsAre("EPERM", "EPERM"));
}

TEST_F(RootlessFacts, AUserLoadsNothing) {
  if (read_file("/proc/sys/kernel/unprivileged_bpf_disabled") == "0\n")
    GTEST_SKIP() << "unprivileged_bpf_disabled is 0";
  EXPECT_THAT(ask_user({"map-create", "prog-load"}), ElementsAre("EPERM", "EPERM"));
  EXPECT_THAT(ask_namespace_root({"map-create", "prog-load"}), ElementsAre("EPERM", "EPERM"));
}

}  // namespace
}  // namespace pinscope::test
