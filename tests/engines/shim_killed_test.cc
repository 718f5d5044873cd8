// The shim is killed from outside at each of its system calls: the configuration of the container
// is the one that the engine wrote, or the whole new one, and the next try works.
#include <sys/syscall.h>

#include "tests/engines/shim_alone.h"
#include "tests/support/programs/supervisor.h"

namespace pinscope::test {
namespace {

using testing::AnyOf;

class ShimKilled : public ShimAlone {};

TEST_F(ShimKilled, LeavesAConfigurationThatIsWhole) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer's own system calls are met as well; the release build meets each";
#endif
  select_everything();
  ASSERT_THAT(installation_.compile(), Succeeds());
  const std::string before = config();
  const std::vector<std::string> arguments = {"create", "--bundle", bundle(), "c1"};
  ASSERT_THAT(call(arguments), Succeeds());
  const std::string after = config();
  ASSERT_NE(before, after) << "the shim had nothing to do";

  size_t met = 0;
  for (bool reached = true; reached; ++met) {
    write_config(before);
    size_t count = 0;
    bool shim_is_over = false;
    reached = false;
    bool started = false;
    const auto result = run_supervised(argv(arguments), "", [&](const SystemCall& call) {
      if (call.number == SYS_execve && std::exchange(started, true)) shim_is_over = true;
      if (shim_is_over || count++ != met) return Verdict::run();
      reached = true;
      return Verdict::kill();
    });
    ASSERT_FALSE(result.timed_out);
    EXPECT_THAT(config(), AnyOf(before, after)) << "killed at call " << met;
    if (reached) {
      EXPECT_EQ(result.status, 128 + SIGKILL) << "at call " << met << result;
    }
    // Whatever the killed one left, the engine's next try works.
    write_config(before);
    EXPECT_THAT(call(arguments), Succeeds()) << "after call " << met;
    EXPECT_EQ(config(), after) << "after call " << met;
  }
  // Far fewer would mean that this test looks at nothing.
  EXPECT_GT(met, 25U);
}

}  // namespace
}  // namespace pinscope::test
