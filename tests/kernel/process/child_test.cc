// Work in child processes: one piece, or many of which some do not answer.
#include "plugin/kernel/process/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace pinscope::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::milliseconds kLong{20'000};
constexpr std::chrono::milliseconds kShort{300};

// The answers in the order in which they were taken: the text, or "error: " and the sentence.
std::vector<std::string> answers(size_t count,
                                 const std::function<Result<std::string>(size_t)>& work,
                                 std::chrono::milliseconds timeout) {
  std::vector<std::string> taken;
  kernel::run_each_in_child(
      count, work,
      [&](size_t i, Result<std::string> answer) {
        EXPECT_EQ(i, taken.size());
        taken.push_back(answer ? *answer : "error: " + answer.error().sentence());
      },
      timeout);
  return taken;
}

TEST(ChildOfMany, GivesEachAnswerInItsPlace) {
  const auto work = [](size_t i) -> Result<std::string> {
    if (i == 1) return std::unexpected(Error(ErrorCode::kSystem, "count").reason("it is odd"));
    return std::string(i * 100'000, 'x');
  };
  const auto taken = answers(3, work, kLong);
  EXPECT_THAT(taken, ElementsAre("", "error: cannot count: it is odd", std::string(200'000, 'x')));
}

TEST(ChildOfMany, IsOneProcessForPiecesThatAnswer) {
  const auto taken = answers(
      3, [](size_t) { return Result<std::string>(std::to_string(::getpid())); }, kLong);
  EXPECT_THAT(taken, ElementsAre(taken[0], taken[0], taken[0]));
  EXPECT_NE(taken[0], std::to_string(::getpid()));
}

TEST(ChildOfMany, GivesUpAPieceThatNeverAnswersAndGoesOn) {
  const auto work = [](size_t i) -> Result<std::string> {
    if (i == 1) ::sleep(600);
    return std::string("answer");
  };
  EXPECT_THAT(answers(4, work, kShort),
              ElementsAre("answer", HasSubstr("it took too long"), "answer", "answer"));
}

TEST(ChildOfMany, GoesOnBehindAPieceThatEndsTheProcess) {
  const auto work = [](size_t i) -> Result<std::string> {
    if (i != 2) ::kill(::getpid(), SIGKILL);
    return std::string("answer");
  };
  EXPECT_THAT(answers(3, work, kLong), ElementsAre(HasSubstr("the process ended"),
                                                   HasSubstr("the process ended"), "answer"));
}

TEST(ChildOfMany, HasNothingToDoForNoPieces) {
  EXPECT_THAT(answers(
                  0, [](size_t) { return Result<std::string>("never"); }, kShort),
              testing::IsEmpty());
}

}  // namespace
}  // namespace pinscope::test
