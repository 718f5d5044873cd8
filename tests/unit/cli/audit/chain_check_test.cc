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
  if (check.problems().empty()) return "none";
  const auto& said = check.problems().front();
  return said.file + ":" + std::to_string(said.line) + ": " + said.text;
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
    ASSERT_FALSE(check.problems().empty()) << lines[1];
    EXPECT_EQ(check.problems()[0].line, 2U) << problem(check);
  }
}

TEST(ChainCheck, SeesEachLineThatIsGoneButTheLast) {
  for (size_t gone = 0; gone + 1 < 6; ++gone) {
    Lines lines = written(6);
    lines.erase(lines.begin() + static_cast<ptrdiff_t>(gone));
    const auto check = checked({lines});
    ASSERT_FALSE(check.problems().empty()) << gone;
    EXPECT_EQ(check.problems()[0].line, gone + 1) << problem(check);
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
    ASSERT_FALSE(check.problems().empty()) << at;
    EXPECT_EQ(check.problems()[0].line, at + 1) << problem(check);
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
    ASSERT_FALSE(check.problems().empty()) << line;
    EXPECT_THAT(check.problems()[0].line, testing::AnyOf(4U, 5U)) << problem(check);
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

// One writer behind the other found no space, the last one perhaps for more than its newline.
TEST(ChainCheck, TakesAllLinesThatWereNeverFinishedTogether) {
  Lines lines = written(2);
  const std::string cut = R"({"number":2,"err)";
  lines.push_back(cut);
  lines.push_back("{");
  lines.push_back("");
  lines.push_back(cut);
  const record::ChainLink link{.prev = digest(lines[1]),
                               .cut_digest = record::sha256(cut + "\n{\n\n" + cut)};
  lines.push_back(chained(R"({"number":3})", link));
  EXPECT_EQ(problem(checked({lines})), "none");
  for (size_t gone = 2; gone < 6; ++gone) {
    Lines fewer = lines;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(gone));
    EXPECT_NE(problem(checked({fewer})), "none") << gone;
  }
}

// That the same bytes were cut before does not account for those that are gone.
TEST(ChainCheck, SeesThatOneOfTwoLikeCutLinesIsGone) {
  const std::string cut = "{";
  Lines lines = written(1);
  for (int i = 0; i < 2; ++i) {
    const record::ChainLink link{.prev = digest(lines.back()), .cut_digest = record::sha256(cut)};
    lines.push_back(cut);
    lines.push_back(chained(R"({"number":3})", link));
  }
  EXPECT_EQ(problem(checked({lines})), "none");
  lines.erase(lines.begin() + 3);
  EXPECT_THAT(problem(checked({lines})), HasSubstr("audit-0:4: in front of this line"));
}

// Nobody can pass a line of their own, or of an older version, off as one that was cut.
TEST(ChainCheck, TakesNoWholeLineForOneThatWasNeverFinished) {
  Lines lines = written(2);
  lines.push_back(R"({"number":2})");
  const record::ChainLink link{.prev = digest(lines[1]), .cut_digest = record::sha256(lines[2])};
  lines.push_back(chained(R"({"number":3})", link));
  EXPECT_THAT(problem(checked({lines})), HasSubstr("audit-0:3: this line has no digest"));
}

// The file that was rotated ends with a cut line, and a writer that had it open goes on behind it.
TEST(ChainCheck, AccountsTwiceForACutLineAtTheEndOfARotatedFile) {
  const std::string cut = R"({"number":2,"err)";
  Lines first = written(2);
  const std::string fork = digest(first.back());
  first.push_back(cut);
  const record::ChainLink begins{.prev = fork, .cut_digest = record::sha256(cut), .first = true};
  Lines second = {chained(R"({"number":3})", begins)};
  second.push_back(chained(R"({"number":4})", {.prev = digest(second[0])}));
  EXPECT_EQ(problem(checked({first, second})), "none");
  Lines later = first;
  const record::ChainLink late{.prev = fork, .cut_digest = record::sha256(cut)};
  later.push_back(chained(R"({"late":1})", late));
  EXPECT_EQ(problem(checked({later, second})), "none");
  // The late one found no space either.
  later = first;
  later.emplace_back("{\"late");
  EXPECT_EQ(problem(checked({later, second})), "none");
  // What was cut is gone, or was changed.
  Lines gone = first;
  gone.pop_back();
  EXPECT_THAT(problem(checked({gone, second})), HasSubstr("audit-1:1: in front of this line"));
  Lines changed = first;
  changed.back() += "x";
  EXPECT_THAT(problem(checked({changed, second})), HasSubstr("audit-0:3: this line has no digest"));
  // Only a late writer was cut.
  Lines only_late = written(2);
  only_late.push_back(cut);
  EXPECT_EQ(problem(checked({only_late, written(2, fork)})), "none");
}

TEST(ChainCheck, TakesAFileThatBeginsWithACutLine) {
  const std::string cut = R"({"number":2,"err)";
  const Lines first = written(2);
  const record::ChainLink link{
      .prev = digest(first.back()), .cut_digest = record::sha256(cut), .first = true};
  EXPECT_EQ(problem(checked({first, {cut, chained(R"({"number":3})", link)}})), "none");
  EXPECT_NE(problem(checked({first, {cut + "x", chained(R"({"number":3})", link)}})), "none");
  EXPECT_NE(problem(checked({first, {chained(R"({"number":3})", link)}})), "none");
}

// Two that had no lock go on from the same line, behind the same cut one.
TEST(ChainCheck, KnowsThatTwoWithoutTheLockAccountForTheSame) {
  const std::string cut = R"({"number":2,"err)";
  Lines lines = written(2);
  const record::ChainLink link{
      .prev = digest(lines[1]), .cut_digest = record::sha256(cut), .unlocked = true};
  lines.push_back(cut);
  lines.push_back(chained(R"({"number":3})", link));
  lines.push_back(chained(R"({"number":4})", link));
  EXPECT_EQ(problem(checked({lines})), "none");
}

TEST(ChainCheck, GoesOnBehindAProblem) {
  Lines lines = written(9);
  lines[1][3] ^= 1;                                              // changed
  lines.insert(lines.begin() + 3, R"({"number":7})");            // put in, without a digest
  lines.insert(lines.begin() + 5, chained(R"({"put":1})", {}));  // … and with one
  lines.erase(lines.begin() + 8);                                // removed
  const auto check = checked({lines, written(3)});
  std::vector<size_t> places;
  for (const auto& said : check.problems()) places.push_back(said.line);
  EXPECT_THAT(places, testing::ElementsAre(2U, 4U, 6U, 9U));
  EXPECT_EQ(check.problem_count(), 4U);
  EXPECT_EQ(check.verified(), 9U);
}

TEST(ChainCheck, NamesTheFirstProblemsAndCountsAll) {
  Lines lines = written(100);
  for (auto& line : lines) line[3] ^= 1;
  const auto check = checked({lines});
  EXPECT_THAT(check.problems(), SizeIs(ChainCheck::kMaxProblems));
  EXPECT_EQ(check.problem_count(), 100U);
  EXPECT_EQ(check.problems().back().line, ChainCheck::kMaxProblems);
}

TEST(ChainCheck, SaysThatThereIsNothingToVerify) {
  for (const Lines& lines : {Lines{}, Lines{R"({"old":1})"}}) {
    const auto check = checked({lines});
    EXPECT_EQ(problem(check), "none");
    ASSERT_THAT(check.notes(), SizeIs(1));
    EXPECT_EQ(check.notes()[0].text, "there is nothing to verify: no line has a digest");
  }
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
