// What comes back from work in a child, and what a child that reads YAML may do.
#include "plugin/node/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace pinscope::node {
namespace {

using testing::HasSubstr;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Child, GivesWhatTheWorkGives) {
  EXPECT_EQ(run_confined([] { return Result<std::string>("done"); }), "done");
}

TEST(Child, GivesEveryFieldOfAnError) {
  const auto result = run_confined([]() -> Result<std::string> {
    return std::unexpected(Error::system("accept them", EACCES, ErrorCode::kPolicyInvalid)
                               .hint("ask")
                               .rule("policy \"a\"")
                               .in("inner")
                               .in("outer"));
  });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().sentence(),
            "outer: inner: cannot accept them: Permission denied (ask); policy \"a\"");
  EXPECT_EQ(result.error().code(), ErrorCode::kPolicyInvalid);
  EXPECT_EQ(result.error().errnum(), EACCES);
}

TEST(Child, CutsAnErrorThatIsTooLong) {
  const auto result = run_confined([]() -> Result<std::string> {
    return std::unexpected(Error(ErrorCode::kPolicyInvalid, std::string(1 << 20, 'x')));
  });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), ErrorCode::kPolicyInvalid);
  EXPECT_LT(result.error().sentence().size(), size_t{1} << 16);
}

TEST(Child, SurvivesAnExceptionAndASignal) {
  const auto thrown =
      run_confined([]() -> Result<std::string> { throw std::runtime_error("too deep"); });
  ASSERT_FALSE(thrown.has_value());
  EXPECT_EQ(thrown.error().sentence(), "cannot go on: too deep");
  const auto killed = run_confined([]() -> Result<std::string> {
    ::raise(SIGKILL);
    return "never";
  });
  ASSERT_FALSE(killed.has_value());
  EXPECT_EQ(killed.error().sentence(), "cannot go on: the process was ended by signal 9");
}

// As root this shows that they are given up; otherwise there are none.
TEST(Child, ThatIsConfinedHasNoCapabilityAndLimits) {
  const auto status =
      run_confined([] { return Result<std::string>(text_of("/proc/self/status")); });
  ASSERT_TRUE(status.has_value()) << status.error().sentence();
  for (const char* set : {"CapPrm:", "CapEff:", "CapInh:", "CapAmb:"})
    EXPECT_THAT(*status, HasSubstr(std::string(set) + "\t0000000000000000\n"));
  EXPECT_THAT(*status, HasSubstr("NoNewPrivs:\t1\n"));
  const auto limit = run_confined([]() -> Result<std::string> {
    struct rlimit seconds {};
    ::getrlimit(RLIMIT_CPU, &seconds);
    return std::to_string(seconds.rlim_max);
  });
  EXPECT_EQ(limit, "30");
}

TEST(Child, LeavesThisProcessAsItIs) {
  const auto before = text_of("/proc/self/status").find("NoNewPrivs:\t1\n");
  (void)run_confined([] { return Result<std::string>(""); });
  EXPECT_EQ(text_of("/proc/self/status").find("NoNewPrivs:\t1\n") == std::string::npos,
            before == std::string::npos);
  struct rlimit seconds {};
  ::getrlimit(RLIMIT_CPU, &seconds);
  EXPECT_NE(seconds.rlim_max, 30U);
}

TEST(Child, SaysThatItHasNoRootDirectory) {
  const auto result = run_in_root("/nonexistent/host", [] { return Result<std::string>("never"); });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().sentence(),
            "cannot make \"/nonexistent/host\" the root directory: No such file or directory");
}

}  // namespace
}  // namespace pinscope::node
