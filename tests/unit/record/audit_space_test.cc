// The audit trail on a file system that has no space left: a real one, a small tmpfs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "plugin/json/json.h"
#include "plugin/record/audit.h"
#include "plugin/record/audit_line.h"
#include "plugin/record/waiting.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/unit/record/samples.h"

namespace pinscope::record {
namespace {

using model::AuditEvent;
using test::check;
using testing::IsEmpty;

class AuditSpace : public testing::Test {
 protected:
  void SetUp() override {
    check(::mount("tmpfs", log_.c_str(), "tmpfs", 0, "size=4m,mode=0700"), "mount tmpfs");
  }
  void TearDown() override { check(::umount2(log_.c_str(), 0), "umount"); }

  [[nodiscard]] AuditTrail trail() const {
    return AuditTrail::open(
        {.path = file(), .journal_socket = "", .waiting_directory = directory_.path("state")});
  }
  [[nodiscard]] std::string file() const { return log_ + "/audit.jsonl"; }
  [[nodiscard]] std::string waiting() const { return directory_.path("state/audit.waiting"); }
  static std::vector<std::string> lines(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(without_chain(line));
    return all;
  }
  // As a tenant does it whose file system it is, too.
  void fill() const {
    const Fd fd(
        check(::open((log_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open"));
    check(static_cast<int>(::lseek(fd.get(), 0, SEEK_END)), "seek");
    const std::string page(4096, 'x');
    while (::write(fd.get(), page.data(), page.size()) > 0) {
    }
  }
  void free_space() const { check(::unlink((log_ + "/filler").c_str()), "unlink"); }
  static AuditEvent grant(int number) {
    AuditEvent event = a_full_event();
    event.given.id = "web-" + std::to_string(number);
    return event;
  }
  static std::string error_of(const Status& status) {
    return status ? "written" : status.error().sentence();
  }

  test::TempDirectory directory_;
  std::string log_ = directory_.make_directory("log");
};

TEST_F(AuditSpace, KeepsAReserveThatNobodyElseCanFill) {
  ASSERT_TRUE(trail().write(grant(0)));
  fill();
  const size_t line = to_json_line(grant(0)).size() + 1;
  const size_t fit = (size_t{1} << 20) / line / 2;
  for (size_t i = 0; i < fit; ++i) ASSERT_TRUE(trail().write(grant(0)));
  EXPECT_EQ(lines(file()).size(), fit + 1);
  EXPECT_EQ(lines(waiting()).size(), 0U);
}

// Fills the disk, uses the reserve up by starting containers, and everybody else goes on.
TEST_F(AuditSpace, LetsLinesWaitUntilThereIsSpaceAndLosesNone) {
  constexpr int kEvents = 1200;
  for (int i = 0; i < kEvents; ++i) {
    if (i == 10) fill();
    ASSERT_TRUE(trail().write(grant(i))) << i;
  }
  EXPECT_GT(lines(waiting()).size(), 100U);
  EXPECT_LT(lines(file()).size(), size_t{kEvents});
  free_space();
  ASSERT_TRUE(trail().write(grant(kEvents)));
  EXPECT_THAT(test::files_below(directory_.path("state")), IsEmpty());
  std::vector<std::string> wanted;
  for (int i = 0; i <= kEvents; ++i) wanted.push_back(to_json_line(grant(i)));
  std::vector<std::string> found;
  for (auto& line : lines(file()))
    if (JsonDocument::parse(line, "line", ErrorCode::kInternal)) found.push_back(std::move(line));
  std::ranges::sort(found);
  std::ranges::sort(wanted);
  EXPECT_TRUE(found == wanted) << found.size() << " of " << wanted.size();
  EXPECT_LE(lines(file()).size(), found.size() + 1) << "one line at most was cut";
}

TEST_F(AuditSpace, AFileThatCannotBeMadeIsNoReasonEither) {
  fill();
  // What is left of the last page's inode: a file takes no page before its first byte.
  ASSERT_TRUE(trail().write(grant(1)));
  free_space();
  trail().move_waiting();
  EXPECT_EQ(lines(file()).back(), to_json_line(grant(1)));
}

TEST_F(AuditSpace, KeepsHalfOfWhatMayWaitForGrants) {
  fill();
  const AuditTrail audit = trail();
  AuditEvent refusal = a_refusal();
  refusal.given.pins = a_huge_event(1000).given.pins;
  Status refused;
  for (int i = 0; i < 1000 && refused; ++i) refused = audit.write(refusal);
  EXPECT_THAT(error_of(refused),
              testing::EndsWith("cannot keep an audit line in \"audit.waiting\": too many wait for "
                                "space already"));
  EXPECT_LE(test::read_file(waiting()).size(), kMaxForeignWaiting);
  EXPECT_TRUE(audit.write(grant(1)));
  Status granted;
  for (int i = 0; i < 1000 && granted; ++i) granted = audit.write(a_huge_event(1000));
  EXPECT_FALSE(granted);
  EXPECT_LE(test::read_file(waiting()).size(), kMaxWaiting);
}

TEST_F(AuditSpace, MovesWhatFitsAndLeavesTheRest) {
  fill();
  constexpr int kEvents = 1500;
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(trail().write(grant(i)));
  free_space();
  check(::truncate(file().c_str(), 0), "truncate");
  fill();
  struct stat filler {};
  check(::stat((log_ + "/filler").c_str(), &filler), "stat");
  check(::truncate((log_ + "/filler").c_str(), filler.st_size - (off_t{400} << 10)), "truncate");
  const size_t before = lines(waiting()).size();
  trail().move_waiting();
  const size_t left = lines(waiting()).size();
  EXPECT_LT(left, before);
  EXPECT_GT(left, 0U);
  free_space();
  trail().move_waiting();
  EXPECT_THAT(test::files_below(directory_.path("state")), IsEmpty());
  std::vector<std::string> found;
  for (auto& line : lines(file()))
    if (JsonDocument::parse(line, "line", ErrorCode::kInternal)) found.push_back(std::move(line));
  EXPECT_EQ(found.size(), before);
}

// Who is stopped while it holds the lock must not stop the others.
TEST_F(AuditSpace, IsNotHeldUpByWhoHoldsTheLock) {
  fill();
  ASSERT_TRUE(trail().write(grant(1)));
  const Fd holder(check(::open(waiting().c_str(), O_RDWR | O_CLOEXEC), "open"));
  check(::flock(holder.get(), LOCK_EX), "flock");
  EXPECT_EQ(error_of(trail().write(grant(2))), "written");
  EXPECT_EQ(lines(waiting()).size(), 2U);
  free_space();
  EXPECT_TRUE(trail().write(grant(3)));
}

TEST_F(AuditSpace, ALinkInPlaceOfTheWaitingLinesIsNotFollowed) {
  fill();
  directory_.make_directory("state", 0700);
  check(::symlink("../outside", waiting().c_str()), "symlink");
  EXPECT_THAT(
      error_of(trail().write(grant(1))),
      testing::EndsWith("cannot open \"audit.waiting\": Too many levels of symbolic links"));
}

}  // namespace
}  // namespace pinscope::record
