#include "plugin/daemon/run_hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::daemon {
namespace {

using std::chrono::milliseconds;

std::chrono::steady_clock::time_point in(milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

class RunHook : public testing::Test {
 protected:
  std::string script(const std::string& body) {
    return directory_.write("hook", "#!/bin/sh\n" + body + "\n", 0755);
  }
  test::TempDirectory directory_;
};

TEST_F(RunHook, GivesItItsArgumentsTheStateAndNothingElse) {
  const std::string out = directory_.path("out");
  const std::string program =
      script("for fd in /proc/$$/fd/*; do case $fd in */50) echo leak;; esac; done > " + out +
             "; { echo \"$@\"; cat; pwd; env | grep LEAK; true; } >> " + out);
  ::setenv("LEAK", "1", 1);
  ASSERT_EQ(::dup2(STDERR_FILENO, 50), 50);
  const auto done = run_hook(program, {"hook", "a", "b c"}, "{state}\n", in(milliseconds(10'000)));
  ::close(50);
  ::unsetenv("LEAK");
  ASSERT_TRUE(done) << done.error().sentence();
  EXPECT_EQ(test::read_file(out), "a b c\n{state}\n/\n");
}

TEST_F(RunHook, TellsTheLastLineOfAFailure) {
  const std::string program = script("echo first >&2; echo 'hook: cannot do it: no' >&2; exit 1");
  const auto done = run_hook(program, {"hook"}, "", in(milliseconds(10'000)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sentence(), "cannot run \"" + program + "\": cannot do it: no");
}

TEST_F(RunHook, TellsHowAFailureWithoutWordsEnded) {
  const auto silent = run_hook(script("exit 3"), {"hook"}, "", in(milliseconds(10'000)));
  EXPECT_THAT(silent.error().sentence(), testing::EndsWith("it ended with status 3"));
  const auto killed = run_hook(script("kill -9 $$"), {"hook"}, "", in(milliseconds(10'000)));
  EXPECT_THAT(killed.error().sentence(), testing::EndsWith("it was ended by signal 9"));
  const auto missing = run_hook(directory_.path("none"), {"hook"}, "", in(milliseconds(10'000)));
  EXPECT_THAT(missing.error().sentence(), testing::EndsWith("No such file or directory"));
}

// With what it started: a child that holds stderr open must not hold us up.
TEST_F(RunHook, EndsOneThatTakesTooLong) {
  const auto begun = std::chrono::steady_clock::now();
  const auto done = run_hook(script("sleep 100 & wait"), {"hook"}, "", in(milliseconds(100)));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().sentence(), testing::EndsWith("it did not end in time"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(5000));
}

TEST_F(RunHook, KeepsTheEndOfALongMessageOnly) {
  const auto done = run_hook(script("yes x | head -c 1000000 >&2; echo end >&2; exit 1"), {"hook"},
                             "", in(milliseconds(10'000)));
  EXPECT_THAT(done.error().sentence(), testing::EndsWith(": end"));
}

TEST(HookState, IsWhatTheSpecificationAsksFor) {
  EXPECT_EQ(state_json("c1", "created", 42, "/b"),
            R"({"ociVersion":"1.0.2","id":"c1","status":"created","pid":42,"bundle":"/b"})");
  EXPECT_EQ(state_json("c1", "stopped", 0, "/b"),
            R"({"ociVersion":"1.0.2","id":"c1","status":"stopped","bundle":"/b"})");
}

}  // namespace
}  // namespace pinscope::daemon
