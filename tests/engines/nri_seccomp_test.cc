// The seccomp policy that pinscoped hands to a container, from NRI 0.10 on: what the grants need is
// let through, and every other profile stays as it is.
#include <utility>
#include <vector>

#include "plugin/nri/nri.pb.h"
#include "tests/engines/nri_plugin.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class NriSeccomp : public NriPlugin {
 protected:
  // {names}: how the policy of the answer deals with bpf; "none" without a policy.
  static std::vector<uint64_t> commands_of(const nri::Response& response) {
    nri::CreateContainerResponse message;
    EXPECT_TRUE(message.ParseFromString(response.payload));
    std::vector<uint64_t> commands;
    for (const auto& rule : message.adjust().linux().seccomp_policy().syscalls())
      for (const auto& name : rule.names())
        if (name == "bpf" && rule.args_size() == 1) commands.push_back(rule.args(0).value());
    return commands;
  }
  std::string profile() {
    return "nri-seccomp: " + installation_.directory().write("profile.json",
                                                             R"({"defaultAction": "SCMP_ACT_ERRNO",
                   "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]})");
  }
  // linux = 11 {seccomp_profile = 7}, empty: the runtime's default
  static std::string default_profile() { return nri::test::field(11, nri::test::field(7, "")); }
};

TEST_P(NriSeccomp, LetsThroughWhatTheGrantsNeed) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  const auto commands = commands_of(engine_.create(played_));
  EXPECT_THAT(commands, testing::IsSupersetOf({1, 7}));                     // look up, get
  EXPECT_THAT(commands, Not(testing::Contains(2)));                         // update
  EXPECT_THAT(commands, Not(testing::Contains(testing::AnyOf(0, 5, 22))));  // create, load, freeze
}

TEST_P(NriSeccomp, LeavesOtherProfilesAlone) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  for (const uint64_t type : {1U, 2U}) {
    played_.more = nri::test::field(11, nri::test::field(7, nri::test::field(1, type)));
    EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
  }
  played_.more.clear();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
}

TEST_P(NriSeccomp, StaysAsItIsWithAnOlderEngineOrWithoutAProfile) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.1.9").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty());
  EXPECT_THAT(engine_.log(), HasSubstr("this engine's NRI cannot change seccomp policies"));
  PlayedEngine none;
  ASSERT_EQ(none.configure(configuration("nri-seccomp: none"), "containerd", "2.2.0").code,
            nri::RpcCode::kOk);
  EXPECT_THAT(commands_of(none.create(played_)), IsEmpty());
}

// containerd 2.3 and newer tell the policy itself: what else it lets through stays, and the file
// that stands in for it elsewhere is not needed.
TEST_P(NriSeccomp, ChangesThePolicyOfTheContainerItselfWhereTheEngineTellsIt) {
  ASSERT_EQ(engine_.configure(configuration("nri-seccomp: /nowhere"), "containerd", "2.3.0").code,
            nri::RpcCode::kOk);
  EXPECT_THAT(engine_.log(), Not(HasSubstr("seccomp")));
  const std::string allow_clock =
      nri::test::field(1, "clock_settime") + nri::test::field(2, "SCMP_ACT_ALLOW");
  const std::string policy =
      nri::test::field(1, "SCMP_ACT_ERRNO") + nri::test::field(7, allow_clock);
  played_.more = nri::test::field(11, nri::test::field(7, "") + nri::test::field(8, policy));
  const auto response = engine_.create(played_);
  EXPECT_THAT(commands_of(response), testing::IsSupersetOf({1, 7}));
  EXPECT_THAT(response.payload, HasSubstr("clock_settime"));
  played_.more = default_profile();
  EXPECT_THAT(commands_of(engine_.create(played_)), IsEmpty()) << "it has no policy";
}

// During a rollout two of them serve one engine, which lets only one plugin set a policy.
TEST_P(NriSeccomp, StaysAsAnotherPinscopedHasMadeIt) {
  ASSERT_EQ(engine_.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  played_.more = default_profile();
  nri::CreateContainerResponse first;
  ASSERT_TRUE(first.ParseFromString(engine_.create(played_).payload));
  const std::string made = first.adjust().linux().seccomp_policy().SerializeAsString();
  ASSERT_NE(made, "");
  played_.more = nri::test::field(11, nri::test::field(7, "") + nri::test::field(8, made));
  PlayedEngine second;
  ASSERT_EQ(second.configure(configuration(profile()), "containerd", "2.2.1").code,
            nri::RpcCode::kOk);
  nri::CreateContainerResponse answer;
  ASSERT_TRUE(answer.ParseFromString(second.create(played_).payload));
  EXPECT_TRUE(answer.adjust().has_hooks());
  EXPECT_FALSE(answer.adjust().linux().has_seccomp_policy());
}

TEST_P(NriSeccomp, IsSaidToBeOutOfReachByAnEngineThatTellsNoProfile) {
  for (const auto& [name, version] : {std::pair("cri-o", "1.37.0"), {"containerd", "2.2.0"}}) {
    PlayedEngine engine;
    ASSERT_EQ(engine.configure(configuration(profile()), name, version).code, nri::RpcCode::kOk);
    EXPECT_THAT(engine.log(), HasSubstr("this engine tells plugins no seccomp profile"));
    EXPECT_THAT(commands_of(engine.create(played_)), IsEmpty());
  }
}

PINSCOPE_EACH_RUNTIME(NriSeccomp);

}  // namespace
}  // namespace pinscope::test
