// Policies that somebody other than root could have written are refused by name, whatever they say.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/attack/attack_test.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PolicyTrust : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy("grants: [{pin: /sys/fs/bpf/secret, as: secret}]\n");
  }

  std::string directory() const { return installation_.policy_directory(); }
  std::string file() const { return directory() + "/test.yaml"; }

  // The container does not start, and the reason names what is not trusted.
  void expect_untrusted(const std::string& path, const std::string& reason) {
    const auto result = run({"id", "get-ro /sys/fs/bpf/secret"});
    EXPECT_NE(result.status, 0) << result;
    EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/secret"), "no answer");
    const auto line = installation_.last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_THAT(line.error, HasSubstr("cannot trust \"" + path + "\": " + reason));
  }
};

TEST_P(PolicyTrust, AFileThatRootDoesNotOwnIsRefused) {
  ASSERT_EQ(chown(file().c_str(), 1000, 0), 0);
  expect_untrusted(file(), "it is owned by uid 1000");
}

TEST_P(PolicyTrust, AFileThatAGroupMayWriteIsRefused) {
  ASSERT_EQ(chmod(file().c_str(), 0664), 0);
  expect_untrusted(file(), "others may write it (mode 0664)");
}

TEST_P(PolicyTrust, AFileThatEverybodyMayWriteIsRefused) {
  ASSERT_EQ(chmod(file().c_str(), 0646), 0);
  expect_untrusted(file(), "others may write it (mode 0646)");
}

TEST_P(PolicyTrust, ADirectoryThatRootDoesNotOwnIsRefused) {
  ASSERT_EQ(chown(directory().c_str(), 1000, 0), 0);
  expect_untrusted(directory(), "it is owned by uid 1000");
}

TEST_P(PolicyTrust, ADirectoryThatOthersMayWriteIsRefused) {
  ASSERT_EQ(chmod(directory().c_str(), 0777), 0);
  expect_untrusted(directory(), "others may write it (mode 0777)");
}

TEST_P(PolicyTrust, AStickyDirectoryIsRefusedToo) {
  ASSERT_EQ(chmod(directory().c_str(), 01777), 0);
  expect_untrusted(directory(), "others may write it (mode 1777)");
}

TEST_P(PolicyTrust, ADirectoryAboveThatOthersMayWriteIsRefused) {
  const std::string above = installation_.directory().path();
  ASSERT_EQ(chmod(above.c_str(), 0775), 0);
  expect_untrusted(above, "others may write it (mode 0775)");
}

TEST_P(PolicyTrust, ADirectoryAboveThatRootDoesNotOwnIsRefused) {
  const std::string above = installation_.directory().path();
  // The compiler has no capability to pass or to change somebody else's directory.
  installation_.directory().make_directory("cache");
  ASSERT_EQ(chmod(above.c_str(), 0755), 0);
  ASSERT_EQ(chown(above.c_str(), 1000, 0), 0);
  expect_untrusted(above, "it is owned by uid 1000");
}

TEST_P(PolicyTrust, ALinkThatRootDoesNotOwnIsRefused) {
  const std::string real = installation_.directory().write("real.yaml", read_file(file()));
  fs::remove(file());
  fs::create_symlink(real, file());
  ASSERT_EQ(lchown(file().c_str(), 1000, 0), 0);
  expect_untrusted(file(), "it is a symbolic link of uid 1000");
}

TEST_P(PolicyTrust, ALinkToAFileThatOthersMayWriteIsRefused) {
  const TempDirectory other;
  const std::string real = other.write("real.yaml", read_file(file()), 0666);
  fs::remove(file());
  fs::create_symlink(real, file());
  expect_untrusted(real, "others may write it (mode 0666)");
}

TEST_P(PolicyTrust, ALinkOfRootToAFileOfRootIsFollowed) {
  const std::string real = installation_.directory().write("real.yaml", read_file(file()));
  fs::remove(file());
  fs::create_symlink(real, file());
  expect({{"get-ro /sys/fs/bpf/secret", "ok"}});
}

// What was accepted stays in force; the edit that cannot be trusted does not.
TEST_P(PolicyTrust, AnEditByAnotherDoesNotReplaceThePolicyInForce) {
  policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  ASSERT_THAT(installation_.compile(), Succeeds());
  policy("grants: [{pin: /sys/fs/bpf/secret, as: secret}]\n");
  ASSERT_EQ(chown(file().c_str(), 1000, 1000), 0);
  expect({{"ls /sys/fs/bpf", "ok flows"}, {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
  const auto audit = installation_.audit();
  ASSERT_GE(audit.size(), 2U);
  EXPECT_EQ(audit[0].outcome, "policy-rejected");
  EXPECT_THAT(audit[0].error, HasSubstr("cannot trust \"" + file() + "\""));
}

TEST_P(PolicyTrust, ACompiledSetThatRootDoesNotOwnIsNotUsed) {
  ASSERT_THAT(installation_.compile(), Succeeds());
  for (const auto& entry : fs::directory_iterator(installation_.cache_directory()))
    ASSERT_EQ(chown(entry.path().c_str(), 1000, 1000), 0);
  policy("grants: [{pin: /sys/fs/bpf/app/flows, as: flows}]\n");
  const auto result = run({"ls /sys/fs/bpf"});
  // The set is made again from the files, or refused; it is not read.
  if (result.status == 0) {
    EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows");
  } else {
    EXPECT_THAT(installation_.last_audit().error, HasSubstr("owned by uid 1000"));
  }
}

// Policies that were accepted hold on a machine whose policy directory is not there: while it is
// being replaced, or because its file system is not mounted.
class PolicyGone : public AttackTest {
 protected:
  void SetUp() override {
    AttackTest::SetUp();
    if (IsSkipped()) return;
    make_pins();
    policy("view: {hostBpffs: mask}\n");
    ASSERT_THAT(installation_.compile(), Succeeds());
    container_.spec.mounts.push_back({"/sys/fs/bpf", "bind", "/sys/fs/bpf", {"rbind"}});
  }
  [[nodiscard]] std::string directory() const { return installation_.policy_directory(); }

  void expect_masked(const std::string& reason) {
    expect({{"ls /sys/fs/bpf", "ok"}, {"get-ro /sys/fs/bpf/secret", "ENOENT"}});
    const auto audit = installation_.audit();
    ASSERT_GE(audit.size(), 2U);
    EXPECT_EQ(audit[0].outcome, "policy-rejected");
    EXPECT_EQ(audit[0].code, "policy-invalid");
    EXPECT_THAT(audit[0].error, HasSubstr(reason));
    EXPECT_EQ(audit[1].outcome, "granted");
  }
};

TEST_P(PolicyGone, ADirectoryThatIsMovedAwayLeavesTheHostsBpffsMasked) {
  fs::rename(directory(), directory() + ".old");
  expect_masked("No such file or directory");
}

TEST_P(PolicyGone, AnEmptyDirectoryInItsPlaceLeavesTheHostsBpffsMasked) {
  fs::rename(directory(), directory() + ".old");
  fs::create_directory(directory());
  expect_masked("is not the directory that the policies in force were read from");
}

TEST_P(PolicyGone, AFileSystemThatHidesItLeavesTheHostsBpffsMasked) {
  const auto mounted = Mounted::tmpfs(directory());
  expect_masked("is not the directory that the policies in force were read from");
}

TEST_P(PolicyGone, WhoEmptiesItMeansIt) {
  installation_.remove_policy();
  expect({{"get-ro /sys/fs/bpf/secret", "ok"}});
  ASSERT_EQ(installation_.audit().size(), 1U);
  EXPECT_EQ(installation_.audit()[0].outcome, "policy-accepted");
}

PINSCOPE_EACH_RUNTIME(PolicyTrust);
PINSCOPE_EACH_RUNTIME(PolicyGone);

}  // namespace
}  // namespace pinscope::test
