// The chain in the file: what writers that run at once, are killed, or find a cut line make of it.
#include "plugin/record/chain.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugin/record/audit.h"
#include "plugin/record/audit_line.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using test::check;
using testing::HasSubstr;

// FIPS 180-4's own examples.
TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Chain, IsAtTheEndOfALine) {
  const std::string line = chained(R"({"a":1})", {.prev = sha256("x"), .first = true});
  const std::string text = R"({"a":1,"prev":")" + sha256("x") + R"(","first":true)";
  EXPECT_EQ(line, text + R"(,"digest":")" + sha256(text) + "\"}");
  EXPECT_EQ(digest_of(line), sha256(text));
  EXPECT_TRUE(has_right_digest(line));
  EXPECT_FALSE(digest_of(line.substr(0, line.size() - 1)));
  EXPECT_FALSE(digest_of(R"({"a":1})"));
}

class ChainInFile : public testing::Test {
 protected:
  [[nodiscard]] AuditTrail trail() const {
    return AuditTrail::open({.path = path(), .journal_socket = "", .waiting_directory = {}});
  }
  [[nodiscard]] std::string path() const { return directory_.path("audit.jsonl"); }
  static std::vector<std::string> lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  // Each line goes on from the one before; where one was cut, the next one accounts for it.
  static void expect_whole(const std::vector<std::string>& lines, std::string prev = "") {
    std::string link = "\"prev\":\"" + prev + "\"";
    for (const auto& line : lines) {
      if (!digest_of(line)) {
        link += ",\"cut_digest\":\"" + sha256(line) + "\"";
        continue;
      }
      EXPECT_TRUE(has_right_digest(line));
      EXPECT_TRUE(line.contains(link)) << line.substr(line.size() - 300) << " " << link;
      link = "\"prev\":\"" + std::string(*digest_of(line)) + "\"";
    }
    ASSERT_FALSE(lines.empty());
    EXPECT_TRUE(digest_of(lines.back()));
  }

  test::TempDirectory directory_;
};

TEST_F(ChainInFile, IsWholeWhoeverWritesAtTheSameTime) {
  constexpr int kWriters = 2;
  constexpr int kEvents = 200;
  std::vector<pid_t> writers;
  for (int i = 0; i < kWriters; ++i) {
    const pid_t writer = check(fork(), "fork");
    if (writer == 0) {
      // Long lines: their digests leave the other one time to get in between.
      const auto event = a_huge_event(200);
      for (int j = 0; j < kEvents; ++j)
        if (!trail().write(event)) _exit(1);
      _exit(0);
    }
    writers.push_back(writer);
  }
  for (const pid_t writer : writers) {
    int status = 0;
    check(waitpid(writer, &status, 0), "waitpid");
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(lines(path()).size(), size_t{kWriters} * kEvents);
  expect_whole(lines(path()));
}

TEST_F(ChainInFile, IsWholeAfterWritersThatWereKilled) {
  for (int i = 0; i < 20; ++i) {
    const pid_t writer = check(fork(), "fork");
    if (writer == 0) {
      for (;;)
        if (!trail().write(a_huge_event(50))) _exit(1);
    }
    usleep(3000);
    check(kill(writer, SIGKILL), "kill");
    int status = 0;
    check(waitpid(writer, &status, 0), "waitpid");
    ASSERT_TRUE(trail().write(a_refusal()));
  }
  expect_whole(lines(path()));
}

TEST_F(ChainInFile, GoesOnFromTheFileThatWasRotated) {
  ASSERT_TRUE(trail().write(a_refusal()));
  const auto before = lines(path());
  std::filesystem::rename(path(), path() + ".1");
  ASSERT_TRUE(trail().write(a_refusal()));
  ASSERT_TRUE(trail().write(a_refusal()));
  expect_whole(lines(path()), std::string(*digest_of(before.back())));
  EXPECT_THAT(lines(path())[0], HasSubstr("\"first\":true"));
  EXPECT_THAT(lines(path())[1], testing::Not(HasSubstr("\"first\"")));
}

TEST_F(ChainInFile, BeginsBehindLinesOfOlderVersions) {
  std::ofstream(path()) << to_json_line(a_refusal()) << "\n";
  ASSERT_TRUE(trail().write(a_refusal()));
  auto all = lines(path());
  all.erase(all.begin());
  expect_whole(all);
}

TEST_F(ChainInFile, AccountsForALineThatWasCut) {
  ASSERT_TRUE(trail().write(a_full_event()));
  const std::string whole = lines(path())[0];
  const std::string cut = R"({"time":"20)";
  std::ofstream(path(), std::ios::app) << cut;
  ASSERT_TRUE(trail().write(a_refusal()));
  const auto all = lines(path());
  ASSERT_EQ(all.size(), 3U);
  EXPECT_THAT(all[2], HasSubstr("\"prev\":\"" + std::string(*digest_of(whole)) +
                                "\",\"cut_digest\":\"" + sha256(cut) + "\""));
}

// A disk that is full for long, or in the middle of a newline: all behind the last whole line
// counts.
TEST_F(ChainInFile, AccountsForEverythingBehindTheLastWholeLine) {
  const std::string cut = R"({"time":"20)";
  const std::pair<std::string, std::string> endings[] = {
      {cut, cut},
      {cut + "\n", cut},
      {cut + "\n" + cut, cut + "\n" + cut},
      {cut + "\n{\n" + cut + "\n", cut + "\n{\n" + cut},
      {std::string(size_t{3} << 20U, 'x') + "\n" + cut,
       std::string(size_t{3} << 20U, 'x') + "\n" + cut},
  };
  for (const auto& [ending, accounted] : endings) {
    std::filesystem::remove(path());
    ASSERT_TRUE(trail().write(a_full_event()));
    const std::string whole = lines(path())[0];
    std::ofstream(path(), std::ios::app) << ending;
    ASSERT_TRUE(trail().write(a_refusal()));
    EXPECT_THAT(lines(path()).back(), HasSubstr("\"prev\":\"" + std::string(*digest_of(whole)) +
                                                "\",\"cut_digest\":\"" + sha256(accounted) + "\""))
        << ending.size();
  }
}

TEST_F(ChainInFile, ACutLineIsNotTheFirstOfItsFile) {
  ASSERT_TRUE(trail().write(a_refusal()));
  const std::string before = lines(path())[0];
  std::filesystem::rename(path(), path() + ".1");
  const std::string cut = R"({"time":"20)";
  std::ofstream(path(), std::ios::app) << cut;
  ASSERT_TRUE(trail().write(a_refusal()));
  EXPECT_THAT(lines(path()).back(),
              HasSubstr("\"prev\":\"" + std::string(*digest_of(before)) + "\",\"cut_digest\":\"" +
                        sha256(cut) + "\",\"first\":true"));
}

TEST_F(ChainInFile, ALineThatLacksItsNewlineOnlyIsWhole) {
  ASSERT_TRUE(trail().write(a_full_event()));
  std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
  ASSERT_TRUE(trail().write(a_refusal()));
  expect_whole(lines(path()));
}

// Somebody who was stopped must not stop the others; the line says that it had no lock.
TEST_F(ChainInFile, IsWrittenWithoutTheLockWhereItIsHeldForLong) {
  ASSERT_TRUE(trail().write(a_refusal()));
  const Fd holder(check(::open(path().c_str(), O_RDWR | O_CLOEXEC), "open"));
  check(::flock(holder.get(), LOCK_EX), "flock");
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(trail().write(a_refusal()));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  EXPECT_THAT(lines(path()).back(), HasSubstr("\"unlocked\":true"));
  expect_whole(lines(path()));
}

TEST_F(ChainInFile, IsMadeOfWaitingLinesWhenTheyAreMoved) {
  const std::string state = directory_.make_directory("state", 0700);
  std::ofstream(state + "/audit.waiting") << to_json_line(a_refusal()) << "\n"
                                          << to_json_line(a_full_event()) << "\n";
  const auto audit =
      AuditTrail::open({.path = path(), .journal_socket = "", .waiting_directory = state});
  ASSERT_TRUE(audit.write(a_refusal()));
  EXPECT_EQ(lines(path()).size(), 3U);
  expect_whole(lines(path()));
  EXPECT_THAT(test::files_below(state), testing::IsEmpty());
}

}  // namespace
}  // namespace pinscope::record
