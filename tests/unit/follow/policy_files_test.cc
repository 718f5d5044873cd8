// How a change of policy files is noticed, whoever makes it in which way.
#include "plugin/follow/policy_files.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace pinscope::follow {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class PolicyFilesTest : public testing::Test {
 protected:
  PolicyFilesTest() {
    std::string name = fs::temp_directory_path() / "pinscope-policies.XXXXXX";
    root_ = ::mkdtemp(name.data());
    fs::create_directory(root_ / "policy.d");
    write(kFile, "one");
    files_.emplace(PolicyFiles::open(root_ / "policy.d").value());
  }
  ~PolicyFilesTest() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name) << text;
  }
  // Whether there is an event, which waits to be read.
  [[nodiscard]] bool is_woken() const {
    struct pollfd fd = {files_->fd(), POLLIN, 0};
    return ::poll(&fd, 1, 0) == 1;
  }
  // Whether there is a change, once nothing has happened for a moment.
  bool is_told() {
    if (files_->take(now_)) ADD_FAILURE() << "told at once";
    now_ += milliseconds(500);
    return files_->take(now_);
  }

  static constexpr const char* kFile = "policy.d/web.yaml";
  fs::path root_;
  std::optional<PolicyFiles> files_;
  PolicyFiles::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(PolicyFilesTest, TellsNothingWhereNothingHappens) {
  EXPECT_FALSE(is_woken());
  files_->look_again(now_);
  EXPECT_FALSE(is_told());
}

TEST_F(PolicyFilesTest, TellsOfAFileThatIsWrittenInPlace) {
  write(kFile, "two");
  EXPECT_TRUE(is_woken());
  EXPECT_TRUE(is_told());
  EXPECT_FALSE(is_told());
  files_->look_again(now_);
  EXPECT_FALSE(is_told()) << "twice";
}

TEST_F(PolicyFilesTest, TellsOfFilesThatComeAndGo) {
  write("policy.d/new.yaml", "new");
  EXPECT_TRUE(is_told());
  fs::remove(root_ / kFile);
  EXPECT_TRUE(is_told());
  fs::rename(root_ / "policy.d/new.yaml", root_ / kFile);
  EXPECT_TRUE(is_told());
}

TEST_F(PolicyFilesTest, TellsOfAFileBehindALinkWhenItLooks) {
  write("elsewhere.yaml", "one");
  fs::remove(root_ / kFile);
  fs::create_symlink(root_ / "elsewhere.yaml", root_ / kFile);
  EXPECT_TRUE(is_told());
  write("elsewhere.yaml", "longer");
  EXPECT_FALSE(is_woken());
  files_->look_again(now_);
  EXPECT_TRUE(is_told());
}

TEST_F(PolicyFilesTest, TellsOfADirectoryThatWasReplacedWhenItLooks) {
  fs::rename(root_ / "policy.d", root_ / "old.d");
  fs::create_directory(root_ / "policy.d");
  files_->look_again(now_);
  EXPECT_TRUE(is_told());
  write(kFile, "new");
  EXPECT_TRUE(is_woken());
  EXPECT_TRUE(is_told());
}

// Whoever writes without end is not waited for.
TEST_F(PolicyFilesTest, TellsOfChangesThatDoNotEnd) {
  int told = 0;
  for (int i = 0; i < 60; ++i) {
    write(kFile, std::to_string(i));
    told += files_->take(now_) ? 1 : 0;
    now_ += milliseconds(50);
  }
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace pinscope::follow
