// Who can give a pin's name to another object: names of a directory stand for a bpffs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plugin/base/fd.h"
#include "plugin/cli/suggest/trust.h"

namespace pinscope::cli {
namespace {

using Kind = PinTrust::Kind;

class Trust : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes files of root";
    char path[] = "/tmp/pinscope-trust-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    directory_ = path;
    ASSERT_EQ(::mkdir((directory_ + "/bpf").c_str(), 0700), 0);
    std::ofstream(directory_ + "/bpf/flows") << "";
    root_ = Fd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  void mode(const std::string& path, mode_t mode) const {
    ASSERT_EQ(::chmod((directory_ + path).c_str(), mode), 0);
  }
  void give(const std::string& path) const {
    ASSERT_EQ(::chown((directory_ + path).c_str(), 1000, 1000), 0);
  }
  [[nodiscard]] PinTrust trust() const { return look_at_trust(root_.get(), "/bpf/flows"); }
  std::string directory_;
  Fd root_;
};

TEST_F(Trust, IsRootsWhereOnlyRootWrites) {
  EXPECT_EQ(trust().kind, Kind::kRootAlone);
}

TEST_F(Trust, OfAStickyDirectoryLastsAsLongAsThePin) {
  mode("/bpf", 01777);
  EXPECT_EQ(trust().kind, Kind::kWhileItIsThere);
  EXPECT_EQ(trust().why, "others than root may write \"/bpf\" (mode 1777)");
}

TEST_F(Trust, DoesNotReachAPinOfOthers) {
  mode("/bpf", 01777);
  give("/bpf/flows");
  EXPECT_EQ(trust().kind, Kind::kOthers);
  EXPECT_EQ(trust().why, "\"/bpf/flows\" belongs to uid 1000");
}

TEST_F(Trust, DoesNotReachADirectoryOfOthers) {
  give("/bpf");
  EXPECT_EQ(trust().kind, Kind::kOthers);
}

TEST_F(Trust, DoesNotReachADirectoryThatOthersWrite) {
  mode("/bpf", 0770);
  EXPECT_EQ(trust().kind, Kind::kOthers);
  mode("/bpf", 0700);
  mode("", 0707);
  EXPECT_EQ(trust().kind, Kind::kOthers);
}

TEST_F(Trust, DoesNotReachALinkOrWhatIsNotThere) {
  ASSERT_EQ(::symlink("flows", (directory_ + "/bpf/link").c_str()), 0);
  EXPECT_EQ(look_at_trust(root_.get(), "/bpf/link").kind, Kind::kOthers);
  EXPECT_EQ(look_at_trust(root_.get(), "/bpf/none").kind, Kind::kOthers);
}

// Whoever may link what is not theirs chooses the name that is granted.
TEST_F(Trust, DoesNotReachAHardLinkWhereOthersCanMakeOne) {
  ASSERT_EQ(::link((directory_ + "/bpf/flows").c_str(), (directory_ + "/bpf/p0").c_str()), 0);
  EXPECT_EQ(trust().kind, Kind::kRootAlone);
  mode("/bpf", 01777);
  EXPECT_EQ(trust().kind, Kind::kOthers);
}

}  // namespace
}  // namespace pinscope::cli
