// Exceptions, where somebody hostile chooses a reason, is no root, or is root in the container that
// something is taken away from.
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/container/swap_test.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uid_t kNobody = 65534;

class AttackOnExceptions : public SwapTest {
 protected:
  void SetUp() override {
    SwapTest::SetUp();
    if (IsSkipped()) return;
    pins_.map("/sys/fs/bpf/other2");
    policy("shared", {"{pin: /sys/fs/bpf/flows}", "{pin: /sys/fs/bpf/counters}"});
    ASSERT_NO_FATAL_FAILURE(start());
  }
  [[nodiscard]] CommandResult revoke(std::vector<std::string> arguments,
                                     const std::string& reason = "x") {
    arguments.insert(arguments.end(), {"--container", container_.id(), "--reason", reason});
    return pinscope::test::run(argv("revoke", arguments));
  }
};

TEST_P(AttackOnExceptions, ByAReasonThatMovesTheCursorShowsItEscaped) {
  const std::string reason = "ok\x1b[2J\x1b]0;owned\x07\r\ncontainer 2: 2 changed\xe2\x80\xae\xff";
  const auto made = revoke({kFlows, "--for", "1h"}, reason);
  EXPECT_EQ(made.status, 0) << made;
  std::string all = made.out + made.err;
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"list"},
                                             {"list", "--output", "json"},
                                             {"inspect", container_.id()},
                                             {"inspect", container_.id(), "--output", "json"}}) {
    std::vector<std::string> command = {kPinscope};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"--state-dir", installation_.state_directory()});
    all += pinscope::test::run(command).out;
  }
  for (const char* name : {"exceptions", "drift"})
    for (const char* output : {"table", "json"})
      all += pinscope::test::run(argv(name, {"--output", output})).out;
  all += pinscope::test::run(
             {kPinscope, "audit", "--audit", installation_.audit_path(), "--output", "json"})
             .out;
  all += installation_.record(container_.id());
  EXPECT_THAT(all, HasSubstr("owned"));
  for (const char* bad : {"\x1b", "\x07", "\r", "\ncontainer 2", "\xe2\x80\xae", "\xff"})
    EXPECT_THAT(all, Not(HasSubstr(bad)));
}

TEST_P(AttackOnExceptions, ByAUserWhoIsNotRootComesToNothing) {
  if (!wrapper_.empty()) GTEST_SKIP() << "the old kernel is played by root";
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"revoke", "--all", kFlows, "--reason", "x"},
           {"grant", "--container", container_.id(), kOther, "--for", "1h", "--reason", "x"},
           {"exceptions", "--expire"}}) {
    auto command = argv(words.front(), {words.begin() + 1, words.end()});
    command.insert(command.begin(), {"setpriv", "--reuid", std::to_string(kNobody), "--regid",
                                     std::to_string(kNobody), "--clear-groups"});
    const auto result = pinscope::test::run(command);
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_THAT(result.err, HasSubstr("needs root"));
  }
  EXPECT_EQ(seen(), expected(kCounters, "ro") + " " + expected(kFlows, "ro"));
}

// Its record is a file of the host's that no mount of the container leads to.
TEST_P(AttackOnExceptions, ByTheContainersRootFindsNoRecord) {
  EXPECT_THAT(revoke({kFlows}), Succeeds());
  const std::string directory = installation_.state_directory();
  in_container([&] {
    if (access(directory.c_str(), F_OK) == 0) _exit(1);
    // As its root, whose root directory is that of the container.
    if (chroot(("/proc/" + std::to_string(container_.pid()) + "/root").c_str()) == 0 &&
        access("/run/pinscope/containers", F_OK) == 0)
      _exit(2);
  });
  struct stat status {};
  ASSERT_EQ(stat((directory + "/containers").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077U, 0U);
}

// What it has put aside is found, and it cannot keep a name that nobody thought of.
TEST_P(AttackOnExceptions, ByMountsOfTheViewElsewhereKeepsNothing) {
  if (leaves_old_view()) GTEST_SKIP() << "the old view stays below the new one";
  in_container([] {
    mkdir("/tmp", 0755);
    check(mkdir("/tmp/aside", 0755), "mkdir");
    check(mount("/sys/fs/bpf", "/tmp/aside", nullptr, MS_BIND | MS_REC, nullptr), "bind");
  });
  EXPECT_THAT(revoke({kFlows}), Succeeds());
  EXPECT_EQ(seen(), expected(kCounters, "ro"));
  EXPECT_THAT(seen("/tmp/aside"), Not(HasSubstr("flows")));
}

PINSCOPE_EACH_RUNTIME(AttackOnExceptions);

}  // namespace
}  // namespace pinscope::test
