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

std::vector<uint32_t> allowed(const std::string& default_action, const std::string& rules) {
  const auto container =
      read_container(a_state(),
                     config_with(R"(,"linux":{"seccomp":{"defaultAction":")" + default_action +
                                 R"(","syscalls":[)" + rules + "]}}"),
                     model::Engine::kUnknown);
  return container->seccomp_commands.list();
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

TEST(Seccomp, KnowsWhichCommandsAreLetThrough) {
  using Numbers = std::vector<uint32_t>;
  const auto argument = [](const char* op, const char* value) {
    return std::string(R"({"index":0,"value":)") + value + R"(,"valueTwo":4,"op":"SCMP_CMP_)" + op +
           "\"}";
  };
  const auto allowed_by = [&](const char* op, const char* value) {
    return allowed("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW", argument(op, value)));
  };
  EXPECT_EQ(allowed_by("EQ", "7"), Numbers{7});
  EXPECT_EQ(allowed_by("LT", "2"), (Numbers{0, 1}));
  EXPECT_EQ(allowed_by("LE", "2"), (Numbers{0, 1, 2}));
  EXPECT_EQ(allowed_by("GE", "62"), (Numbers{62, 63}));
  EXPECT_EQ(allowed_by("GT", "62"), Numbers{63});
  EXPECT_EQ(allowed_by("NE", "7").size(), 63U);
  EXPECT_EQ(allowed_by("MASKED_EQ", "60"), (Numbers{4, 5, 6, 7}));
  EXPECT_EQ(allowed_by("NEWER", "7"), Numbers{});
  EXPECT_EQ(allowed("SCMP_ACT_ALLOW", rule("SCMP_ACT_ERRNO", argument("GE", "2"))),
            (Numbers{0, 1}));
  EXPECT_EQ(allowed("SCMP_ACT_ALLOW", "").size(), 64U);
  EXPECT_EQ(allowed("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW")).size(), 64U);
  // Two rules for one command that disagree, and a condition on another argument.
  EXPECT_EQ(allowed("SCMP_ACT_ERRNO", rule("SCMP_ACT_ALLOW", argument("LE", "3")) + "," +
                                          rule("SCMP_ACT_KILL", argument("EQ", "2"))),
            (Numbers{0, 1, 3}));
  EXPECT_EQ(allowed("SCMP_ACT_ERRNO",
                    rule("SCMP_ACT_ALLOW", R"({"index":1,"value":0,"op":"SCMP_CMP_EQ"})")),
            Numbers{});
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
