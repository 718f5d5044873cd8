// Everything that can happen to an audit trail: what is seen, and what is no reason for an alarm.
#include "plugin/cli/audit/chain_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/record/chain.h"

namespace pinscope::cli {
namespace {

using record::chained;
using record::digest_of;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Lines = std::vector<std::string>;

std::string digest(const std::string& line) {
  return std::string(*digest_of(line));
}

// What a writer makes of `count` events, behind a line with the digest `prev`.
Lines written(int count, const std::string& prev = "", bool first = true) {
  Lines lines;
  record::ChainLink link{.prev = prev, .first = first};
  for (int i = 0; i < count; ++i) {
    lines.push_back(chained("{\"number\":" + std::to_string(i) + "}", link));
    link = {.prev = digest(lines.back())};
  }
  return lines;
}

ChainCheck checked(const std::vector<Lines>& files, const std::string& expected = "",
                   bool ended = true) {
  ChainCheck check(expected);
  for (size_t i = 0; i < files.size(); ++i) {
    check.begin_file("audit-" + std::to_string(i));
    for (size_t line = 0; line < files[i].size(); ++line)
      check.take(files[i][line], ended || i + 1 < files.size() || line + 1 < files[i].size());
  }
  check.end();
  return check;
}

std::string problem(const ChainCheck& check) {
  const auto& said = check.problem();
  return said ? said->file + ":" + std::to_string(said->line) + ": " + said->text : "none";
}

TEST(ChainCheck, FindsNothingWrongWithWhatWasWritten) {
  const auto check = checked({written(200)});
  EXPECT_EQ(problem(check), "none");
  EXPECT_EQ(check.verified(), 200U);
  EXPECT_THAT(check.notes(), IsEmpty());
  EXPECT_EQ(check.last_digest(), digest(written(200).back()));
}

TEST(ChainCheck, SeesEachByteThatWasChanged) {
  const Lines good = written(4);
  for (size_t at = 0; at < good[1].size(); ++at) {
    Lines lines = good;
    lines[1][at] ^= 1;
    const auto check = checked({lines});
    ASSERT_TRUE(check.problem()) << lines[1];
    EXPECT_EQ(check.problem()->line, 2U) << problem(check);
  }
}

TEST(ChainCheck, SeesEachLineThatIsGoneButTheLast) {
  for (size_t gone = 0; gone + 1 < 6; ++gone) {
    Lines lines = written(6);
    lines.erase(lines.begin() + static_cast<ptrdiff_t>(gone));
    const auto check = checked({lines});
    ASSERT_TRUE(check.problem()) << gone;
    EXPECT_EQ(check.problem()->line, gone + 1) << problem(check);
  }
}

TEST(ChainCheck, SeesTheEndThatIsGoneIfItsDigestIsKnown) {
  Lines lines = written(6);
  const std::string last = digest(lines.back());
  EXPECT_EQ(problem(checked({lines}, last)), "none");
  lines.pop_back();
  EXPECT_EQ(problem(checked({lines})), "none") << "from the file alone nobody can tell";
  EXPECT_THAT(problem(checked({lines}, last)), HasSubstr("audit-0:5: no line has the digest"));
}

TEST(ChainCheck, SeesEachTwoLinesThatWereSwapped) {
  for (size_t at = 0; at + 1 < 6; ++at) {
    Lines lines = written(6);
    std::swap(lines[at], lines[at + 1]);
    const auto check = checked({lines});
    ASSERT_TRUE(check.problem()) << at;
    EXPECT_EQ(check.problem()->line, at + 1) << problem(check);
  }
}

TEST(ChainCheck, SeesALineThatWasPutIn) {
  const Lines good = written(5);
  const std::string inserted[] = {
      R"({"number":7})",                                      // without a digest
      good[1],                                                // a copy
      chained(R"({"number":7})", {}),                         // a chain of its own
      chained(R"({"number":7})", {.prev = digest(good[2])}),  // that fits in front only
      chained(R"({"number":7})", {.prev = "", .first = true}),
      "not even JSON"};
  for (const auto& line : inserted) {
    Lines lines = good;
    lines.insert(lines.begin() + 3, line);
    const auto check = checked({lines});
    ASSERT_TRUE(check.problem()) << line;
    EXPECT_THAT(check.problem()->line, testing::AnyOf(4U, 5U)) << problem(check);
  }
}

TEST(ChainCheck, FollowsTheChainIntoTheNextFile) {
  const Lines first = written(3);
  const Lines second = written(3, digest(first.back()));
  EXPECT_EQ(problem(checked({first, second})), "none");
  EXPECT_THAT(checked({first, second}).notes(), IsEmpty());
  Lines cut = first;
  cut.pop_back();
  EXPECT_EQ(problem(checked({cut, second})),
            "audit-1:1: lines in front of this one are gone: the end of the file before, or a "
            "whole file");
  const Lines third = written(3, digest(second.back()));
  EXPECT_EQ(problem(checked({first, second, third})), "none");
  EXPECT_THAT(problem(checked({first, third})), HasSubstr("audit-1:1: lines in front of this one"));
  // Rotation takes the oldest away.
  EXPECT_EQ(problem(checked({second, third})), "none");
  EXPECT_THAT(checked({second, third}).notes(), SizeIs(1));
  // But not its first lines alone.
  Lines headless = second;
  headless.erase(headless.begin());
  EXPECT_EQ(problem(checked({headless, third})),
            "audit-0:1: lines in front of this one are gone: it was not the first of its file");
}

TEST(ChainCheck, KnowsThatAFileIsWrittenToWhileItIsRotated) {
  const Lines first = written(4);
  const Lines second = written(3, digest(first[1]));
  EXPECT_EQ(problem(checked({first, second})), "none");
  EXPECT_THAT(checked({first, second}).notes(), SizeIs(1));
}

TEST(ChainCheck, SaysWhereAChainBeginsAnew) {
  EXPECT_EQ(problem(checked({written(3), written(3)})), "none");
  EXPECT_THAT(checked({written(3), written(3)}).notes(), SizeIs(1));
}

TEST(ChainCheck, BeginsBehindTheLinesOfOlderVersions) {
  Lines lines = {R"({"old":1})", R"({"old":2})"};
  for (const auto& line : written(3, "", false)) lines.push_back(line);
  const auto check = checked({lines});
  EXPECT_EQ(problem(check), "none");
  EXPECT_EQ(check.older(), 2U);
  lines.push_back(R"({"old":3})");
  EXPECT_THAT(problem(checked({lines})), HasSubstr("audit-0:6: this line has no digest"));
}

TEST(ChainCheck, TakesALineThatWasNeverFinishedForWhatItIs) {
  Lines lines = written(2);
  const std::string cut = R"({"number":2,"err)";
  lines.push_back(cut);
  EXPECT_EQ(problem(checked({lines}, "", false)), "none") << "somebody may be at it";
  const record::ChainLink link{.prev = digest(lines[1]), .cut_digest = record::sha256(cut)};
  lines.push_back(chained(R"({"number":3})", link));
  const auto check = checked({lines});
  EXPECT_EQ(problem(check), "none");
  EXPECT_THAT(check.notes(), SizeIs(1));
  Lines changed = lines;
  changed[2] += "x";
  EXPECT_THAT(problem(checked({changed})), HasSubstr("audit-0:3: this line has no digest"));
  Lines gone = lines;
  gone.erase(gone.begin() + 2);
  EXPECT_THAT(problem(checked({gone})), HasSubstr("audit-0:3: in front of this line"));
}

// A holder of the lock was stopped between reading the end and writing: others went on without it.
TEST(ChainCheck, KnowsWhoWroteWithoutTheLock) {
  Lines lines = written(2);
  const std::string fork = digest(lines[1]);
  const std::string late = chained(R"({"late":1})", {.prev = fork});
  lines.push_back(chained(R"({"number":2})", {.prev = fork, .unlocked = true}));
  lines.push_back(chained(R"({"number":3})", {.prev = digest(lines[2]), .unlocked = true}));
  lines.push_back(late);
  lines.push_back(chained(R"({"number":4})", {.prev = digest(late)}));
  EXPECT_EQ(problem(checked({lines})), "none");
  EXPECT_THAT(checked({lines}).notes(), SizeIs(1));
  // The same behind lines that had the lock is a copy.
  Lines locked = written(4);
  locked.push_back(chained(R"({"late":1})", {.prev = digest(locked[1])}));
  EXPECT_EQ(problem(checked({locked})),
            "audit-0:5: this line does not go on from the one before: it was copied or moved");
}

}  // namespace
}  // namespace pinscope::cli
