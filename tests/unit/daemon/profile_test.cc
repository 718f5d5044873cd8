// Reading seccomp profiles, and the one that is shipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plugin/daemon/seccomp.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::daemon {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Profiles : public testing::Test {
 protected:
  Result<nri::LinuxSeccomp> read(const std::string& text, mode_t mode = 0644) {
    return read_seccomp_profile(directory_.write("profile.json", text, mode));
  }
  std::string refusal(const std::string& text) {
    const auto policy = read(text);
    return policy ? "accepted" : policy.error().sentence();
  }
  test::TempDirectory directory_;
};

TEST_F(Profiles, AreReadWithAllThatNriCanCarry) {
  const auto policy = read(R"({
    "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X"], "flags": ["F"],
    "syscalls": [{"names": ["a", "b"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
                  "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ"}]}]})");
  ASSERT_TRUE(policy) << policy.error().sentence();
  EXPECT_EQ(policy->default_action(), "SCMP_ACT_ERRNO");
  EXPECT_THAT(policy->flags(), ElementsAre("F"));
  ASSERT_EQ(policy->syscalls_size(), 1);
  const auto& rule = policy->syscalls(0);
  EXPECT_THAT(rule.names(), ElementsAre("a", "b"));
  EXPECT_EQ(rule.errno_ret().value(), 38U);
  ASSERT_EQ(rule.args_size(), 1);
  EXPECT_EQ(rule.args(0).value_two(), 3U);
}

// The container would lose what is left out.
TEST_F(Profiles, AreRefusedWithWhatNriCannotCarry) {
  EXPECT_THAT(refusal(R"({"defaultAction": "A", "listenerPath": "/s", "syscalls": []})"),
              HasSubstr("/listenerPath: NRI has no place for it"));
  EXPECT_THAT(refusal(R"({"defaultAction": "A", "syscalls": [{"names": ["a"], "includes": {}}]})"),
              HasSubstr("/syscalls/0/includes: NRI has no place for it"));
  EXPECT_THAT(refusal(R"({"defaultAction": "A", "syscalls": []})"),
              HasSubstr("a default action and rules are needed"));
  EXPECT_THAT(refusal("{"), HasSubstr("cannot read"));
}

TEST_F(Profiles, AreRefusedIfOthersCanWriteThem) {
  const auto policy = read("{}", 0666);
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().code(), ErrorCode::kConfigInvalid);
}

TEST_F(Profiles, TheOneThatIsShippedIsAnOrdinaryContainers) {
  const auto policy = read(test::read_file(PINSCOPE_SECCOMP_PROFILE));
  ASSERT_TRUE(policy) << policy.error().sentence();
  EXPECT_EQ(policy->default_action(), "SCMP_ACT_ERRNO");
#if defined(__x86_64__)
  EXPECT_THAT(policy->architectures(),
              ElementsAre("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"));
#endif
  std::vector<std::string> allowed;
  for (const auto& rule : policy->syscalls())
    if (rule.args().empty() && rule.action() == "SCMP_ACT_ALLOW")
      allowed.insert(allowed.end(), rule.names().begin(), rule.names().end());
  for (const char* ordinary :
       {"read", "openat2", "execve", "futex", "rseq", "landlock_create_ruleset"})
    EXPECT_THAT(allowed, Contains(ordinary));
  // Unlocked by capabilities that a container does not have by default.
  for (const char* dangerous : {"bpf",         "mount",
                                "fsopen",      "move_mount",
                                "umount2",     "unshare",
                                "setns",       "clone",
                                "clone3",      "perf_event_open",
                                "init_module", "finit_module",
                                "kexec_load",  "open_by_handle_at",
                                "reboot",      "swapon",
                                "syslog",      "userfaultfd",
                                "keyctl",      "io_uring_setup",
                                "personality"})
    EXPECT_THAT(allowed, Not(Contains(dangerous)));
}

}  // namespace
}  // namespace pinscope::daemon
