#include "plugin/metrics/trail_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace pinscope::metrics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TrailReader : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pinscope-trail-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    directory_ = path;
    trail_ = directory_ + "/audit.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void append(const std::string& text) const { std::ofstream(trail_, std::ios::app) << text; }
  // As logrotate does, with the time that its write left.
  void rotate(const std::string& suffix, int hours_ago = 1) const {
    const std::string to = trail_ + suffix;
    std::filesystem::rename(trail_, to);
    std::filesystem::last_write_time(
        to, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours_ago));
  }

  // The lines since the last time; "(damaged)" and "(lost)" among them.
  std::vector<std::string> read(uint64_t budget = UINT64_MAX) {
    std::vector<std::string> lines;
    const Taker taker{[&](std::string_view line) { lines.emplace_back(line); },
                      [&] { lines.emplace_back("(damaged)"); },
                      [&] { lines.emplace_back("(lost)"); }};
    auto progress = read_on(trail_, position_, budget, taker);
    EXPECT_TRUE(progress.has_value()) << progress.error().sentence();
    if (!progress) return lines;
    position_ = progress->position;
    unread_ = progress->unread;
    return lines;
  }

  [[nodiscard]] std::string read_error() const {
    const Taker nothing{[](std::string_view) {}, [] {}, [] {}};
    const auto progress = read_on(trail_, {}, UINT64_MAX, nothing);
    return progress ? "" : progress.error().sentence();
  }

  std::string directory_;
  std::string trail_;
  Position position_;
  uint64_t unread_ = 0;
};

TEST_F(TrailReader, GivesEachLineOnce) {
  EXPECT_THAT(read(), IsEmpty());  // nothing was audited yet
  append("one\ntwo\n");
  EXPECT_THAT(read(), ElementsAre("one", "two"));
  EXPECT_THAT(read(), IsEmpty());
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("three"));
}

TEST_F(TrailReader, WaitsForTheEndOfALine) {
  append("one\ntw");
  EXPECT_THAT(read(), ElementsAre("one"));
  EXPECT_EQ(unread_, 2U);
  append("o\n");
  EXPECT_THAT(read(), ElementsAre("two"));
}

TEST_F(TrailReader, ReadsTheRestOfAFileThatWasPutAsideFirst) {
  append("one\n");
  EXPECT_THAT(read(), ElementsAre("one"));
  append("two\n");
  rotate(".1");
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("two", "three"));
}

TEST_F(TrailReader, FollowsSeveralRotations) {
  append("one\n");
  EXPECT_THAT(read(), ElementsAre("one"));
  append("two\n");
  rotate(".3", 3);
  append("three\n");
  rotate("-20260131", 2);
  append("four\n");
  rotate(".1", 1);
  append("five\n");
  EXPECT_THAT(read(), ElementsAre("two", "three", "four", "five"));
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(TrailReader, DoesNotReadWhatWasPutAsideBeforeItBegan) {
  append("zero\n");
  rotate(".1");
  append("one\n");
  EXPECT_THAT(read(), ElementsAre("one"));
}

TEST_F(TrailReader, ReadsOnWhereNoNewFileIsThereYet) {
  append("one\n");
  EXPECT_THAT(read(), ElementsAre("one"));
  append("two\n");
  rotate(".1");
  EXPECT_THAT(read(), ElementsAre("two"));
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("three"));
}

TEST_F(TrailReader, CountsALineThatWasNeverFinishedOnce) {
  append("one\ntw");
  EXPECT_THAT(read(), ElementsAre("one"));
  rotate(".1");
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("(damaged)", "three"));
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(TrailReader, SaysThatItHasLostTheTrail) {
  append("one\ntwo\n");
  EXPECT_THAT(read(), ElementsAre("one", "two"));
  rotate(".1.gz");  // compressed at once, without delaycompress
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("(lost)", "three"));
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(TrailReader, BeginsAnewWithAFileThatWasCut) {
  append("one\ntwo\n");
  EXPECT_THAT(read(), ElementsAre("one", "two"));
  std::filesystem::resize_file(trail_, 0);
  append("three\n");
  EXPECT_THAT(read(), ElementsAre("(lost)", "three"));
}

// The file has the same number and is as long as the one before: copytruncate, or a number that was
// used again.
TEST_F(TrailReader, KnowsAFileByWhatIsInItToo) {
  append("one\ntwo\n");
  EXPECT_THAT(read(), ElementsAre("one", "two"));
  std::filesystem::resize_file(trail_, 0);
  append("six\nten\nfour\n");
  EXPECT_THAT(read(), ElementsAre("(lost)", "six", "ten", "four"));
}

TEST_F(TrailReader, ReadsALargeTrailInParts) {
  const std::string line(1000, 'x');
  std::string text;
  for (int i = 0; i < 1000; ++i) text += line + "\n";
  append(text);
  rotate(".1");
  append("first of the next\n");
  position_ = {};
  EXPECT_THAT(read(1), ElementsAre("first of the next"));
  append(text);
  size_t lines = 0;
  for (int i = 0; i < 3; ++i) {
    lines += read(300'000).size();
    EXPECT_GT(unread_, 0U);
  }
  lines += read().size();
  EXPECT_EQ(lines, 1000U);
  EXPECT_EQ(unread_, 0U);
}

TEST_F(TrailReader, PassesOverWhatIsTooLongToBeALine) {
  append("one\n" + std::string(3 << 20, 'x'));
  EXPECT_THAT(read(), ElementsAre("one", "(damaged)"));
  append(std::string(2 << 20, 'x'));
  EXPECT_THAT(read(), IsEmpty());
  append("x\ntwo\n");
  EXPECT_THAT(read(), ElementsAre("two"));
}

TEST_F(TrailReader, OpensNeitherALinkNorWhatHasNoEnd) {
  append("one\n");
  std::filesystem::rename(trail_, directory_ + "/other");
  for (const char* kind : {"fifo", "link"}) {
    std::filesystem::remove(trail_);
    if (std::string(kind) == "fifo")
      ASSERT_EQ(::mkfifo(trail_.c_str(), 0600), 0);
    else
      ASSERT_EQ(::symlink("other", trail_.c_str()), 0);
    EXPECT_THAT(read_error(), testing::Not(testing::IsEmpty())) << kind;
  }
}

}  // namespace
}  // namespace pinscope::metrics
