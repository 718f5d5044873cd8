// What a seccomp profile says to bpf(2).
#include "plugin/oci/seccomp.h"

#include "tests/unit/oci/configs.h"

namespace pinscope::oci {
namespace {

using model::SeccompBpf;

SeccompBpf verdict(const std::string& default_action, const std::string& rules) {
  auto container = read_container(a_state(),
                                  config_with(R"(,"linux":{"seccomp":{"defaultAction":")" +
                                              default_action + R"(","syscalls":[)" + rules + "]}}"),
                                  model::Engine::kUnknown);
  EXPECT_TRUE(container) << container.error().sentence();
  return container ? container->seccomp_bpf : SeccompBpf::kNoProfile;
}

std::string rule(const std::string& action, const std::string& arguments = "") {
  return R"({"names":["read","bpf"],"action":")" + action + R"(","args":[)" + arguments + "]}";
}

constexpr const char* kOtherCalls = R"({"names":["read","bpf2","bp"],"action":"SCMP_ACT_ALLOW"})";
constexpr const char* kCommand = R"({"index":0,"value":7,"op":"SCMP_CMP_EQ"})";

TEST(Seccomp, IsNoProfileWithoutOne) {
  const auto container = read_container(a_state(), config_with(R"(,"linux":{"seccomp":null})"),
                                        model::Engine::kUnknown);
  EXPECT_EQ(container->seccomp_bpf, SeccompBpf::kNoProfile);
}

TEST(Seccomp, TakesTheDefaultActionWhereNoRuleNamesTheCall) {
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", kOtherCalls), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_KILL", kOtherCalls), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_KILL_PROCESS", ""), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_KILL_THREAD", ""), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_TRAP", ""), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_ALLOW", ""), SeccompBpf::kAllowed);
  EXPECT_EQ(verdict("SCMP_ACT_LOG", ""), SeccompBpf::kAllowed);
  EXPECT_EQ(verdict("SCMP_ACT_NOTIFY", ""), SeccompBpf::kFiltered);
  EXPECT_EQ(verdict("SCMP_ACT_OF_A_NEWER_VERSION", ""), SeccompBpf::kFiltered);
}

TEST(Seccomp, TakesARuleThatNamesTheCall) {
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW")), SeccompBpf::kAllowed);
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_LOG")), SeccompBpf::kAllowed);
  EXPECT_EQ(verdict("SCMP_ACT_ALLOW", rule("SCMP_ACT_ERRNO")), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_NOTIFY")), SeccompBpf::kFiltered);
}

TEST(Seccomp, CallsARuleWithArgumentsAFilter) {
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW", kCommand)), SeccompBpf::kFiltered);
  EXPECT_EQ(verdict("SCMP_ACT_ALLOW", rule("SCMP_ACT_ERRNO", kCommand)), SeccompBpf::kFiltered);
}

TEST(Seccomp, IgnoresArgumentsOfARuleThatChangesNothing) {
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_KILL", kCommand)), SeccompBpf::kRefused);
  EXPECT_EQ(verdict("SCMP_ACT_ALLOW", rule("SCMP_ACT_LOG", kCommand)), SeccompBpf::kAllowed);
}

TEST(Seccomp, LetsARuleWithoutArgumentsWin) {
  const std::string allow = rule("SCMP_ACT_ALLOW");
  const std::string filter = rule("SCMP_ACT_ALLOW", kCommand);
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", allow + "," + filter), SeccompBpf::kAllowed);
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", filter + "," + allow), SeccompBpf::kAllowed);
}

TEST(Seccomp, DoesNotDecideBetweenRulesThatContradictEachOther) {
  EXPECT_EQ(verdict("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW") + "," + rule("SCMP_ACT_ERRNO")),
            SeccompBpf::kFiltered);
}

TEST(Seccomp, NamesThePlaceOfAWrongType) {
  const auto container = read_container(
      a_state("/b"),
      config_with(R"(,"linux":{"seccomp":{"syscalls":[{"names":["a"]},{"names":["a",7]}]}})"),
      model::Engine::kUnknown);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().sentence(),
            "cannot read \"/b/config.json\": /linux/seccomp/syscalls/1/names/1: expected a string");
}

}  // namespace
}  // namespace pinscope::oci
