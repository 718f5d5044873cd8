// A hook or a shim that stands still, or is killed from outside, at each of its system calls:
// others get through, and what they share is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>

#include "plugin/json/json.h"
#include "tests/support/container/hooked_process.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::IsEmpty;

void skip_with_sanitizers() {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer's own system calls are met as well; the release build meets each";
#endif
}

class StoppedHook : public testing::Test {
 protected:
  void SetUp() override { skip_with_sanitizers(); }

  // Another container of the same machine, whose hook runs now.
  static CommandResult start_another(HookedProcess& hooked, ContainerProcess& other) {
    JsonWriter json;
    json.object().field("ociVersion", "1.0.2").field("id", "other").field("status", "creating");
    json.field("pid", other.pid());
    json.field("bundle", hooked.installation().directory().path("bundle")).end();
    return hooked.installation().run_hook("createRuntime", json.take());
  }
  static CommandResult stop_another(HookedProcess& hooked) {
    JsonWriter json;
    json.object().field("ociVersion", "1.0.2").field("id", "other").field("status", "stopped");
    json.field("bundle", hooked.installation().directory().path("bundle")).end();
    return hooked.installation().run_hook("poststop", json.take());
  }
  static std::string rootfs(const HookedProcess& hooked) {
    return hooked.installation().directory().path("bundle/rootfs");
  }
};

// The supervised hook waits in its call while the other one starts and ends.
TEST_F(StoppedHook, HoldsUpNoOtherContainerAtAnyKindOfItsSystemCalls) {
  HookedProcess hooked("shared");
  std::set<int> met;
  const auto result = hooked.create([&](const SystemCall& call) {
    if (call.number == SYS_exit_group || !met.insert(call.number).second) return Verdict::run();
    ContainerProcess other(rootfs(hooked));
    const auto another = start_another(hooked, other);
    EXPECT_EQ(another.status, 0) << describe(call) << another;
    other.end();
    EXPECT_THAT(stop_another(hooked), Succeeds()) << describe(call);
    EXPECT_THAT(hooked.installation().run_gc(), Succeeds()) << describe(call);
    return Verdict::run();
  });
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_GT(met.size(), 25U) << "this test looks at too little";
  // The last line of the audit trail may be about the other one.
  EXPECT_THAT(hooked.defects(),
              AnyOf(IsEmpty(), ElementsAre("the audit trail does not say granted")));
  EXPECT_THAT(hooked.poststop(), Succeeds());
}

// An edit is there, and whoever compiles it stands still with the locks in its hands: the last good
// policies serve.
TEST_F(StoppedHook, ThatCompilesAnEditKeepsNobodyFromTheLastGoodPolicies) {
  HookedProcess hooked("shared");
  hooked.installation().write_policy(policy_text("select: {user: {uid: 4321}}\n", "edit"),
                                     "edit.yaml");
  bool met = false;
  const auto result = hooked.create([&](const SystemCall& call) {
    if (met || call.number != SYS_execve || call.pid == 0) return Verdict::run();
    met = describe(call).find("bin/pinscope\"") != std::string::npos;
    if (!met) return Verdict::run();
    ContainerProcess other(rootfs(hooked));
    const auto another = start_another(hooked, other);
    EXPECT_EQ(another.status, 0) << another;
    EXPECT_THAT(stop_another(hooked), Succeeds());
    return Verdict::run();
  });
  EXPECT_TRUE(met) << "nobody compiled";
  EXPECT_THAT(result.status, AnyOf(0, 1)) << result;
  hooked.poststop();
}

}  // namespace
}  // namespace pinscope::test
