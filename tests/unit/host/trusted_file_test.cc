// Trusted opens: nobody but root can change the file, a directory above it, or a link on the way.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope {
namespace {

using test::check;
using test::TempDirectory;

constexpr uid_t kNobody = 65534;
constexpr const char* kWayOut = " (it must be owned by root and writable by root alone)";

class TrustedFile : public testing::Test {
 protected:
  // The error for opening `name`, or what the file holds.
  std::string open(const std::string& name) {
    const auto file = open_trusted_file(directory_.path(name), ErrorCode::kPolicyUntrusted);
    if (file) return *read_all(file->get(), 1000, name);
    code_ = file.error().code();
    return file.error().sentence();
  }
  std::string untrusted(const std::string& name, const std::string& reason) {
    return "cannot trust \"" + directory_.path(name) + "\": " + reason + kWayOut;
  }
  void link(const std::string& target, const std::string& name) {
    check(::symlink(target.c_str(), directory_.path(name).c_str()), "symlink " + name);
  }
  void own(const std::string& name, uid_t uid) {
    check(::lchown(directory_.path(name).c_str(), uid, 0), "chown " + name);
  }

  TempDirectory directory_;
  ErrorCode code_ = ErrorCode::kInternal;
};

TEST_F(TrustedFile, OpensWhatIsRoots) {
  directory_.write("a/b.yaml", "policy");
  EXPECT_EQ(open("a/b.yaml"), "policy");
  EXPECT_EQ(open("a//./b.yaml"), "policy");
}

TEST_F(TrustedFile, RefusesAFileOfAnotherOwner) {
  directory_.write("a.yaml", "policy");
  own("a.yaml", kNobody);
  EXPECT_EQ(open("a.yaml"), untrusted("a.yaml", "it is owned by uid 65534"));
  EXPECT_EQ(code_, ErrorCode::kPolicyUntrusted);
}

TEST_F(TrustedFile, RefusesAFileThatOthersMayWrite) {
  directory_.write("group.yaml", "policy", 0664);
  EXPECT_EQ(open("group.yaml"), untrusted("group.yaml", "others may write it (mode 0664)"));
  directory_.write("all.yaml", "policy", 0646);
  EXPECT_EQ(open("all.yaml"), untrusted("all.yaml", "others may write it (mode 0646)"));
}

TEST_F(TrustedFile, RefusesADirectoryAboveThatOthersMayChange) {
  directory_.make_directory("open", 0777);
  directory_.write("open/a.yaml", "policy");
  EXPECT_EQ(open("open/a.yaml"), untrusted("open", "others may write it (mode 0777)"));
  directory_.make_directory("sticky", 01777);
  directory_.write("sticky/a.yaml", "policy");
  EXPECT_EQ(open("sticky/a.yaml"), untrusted("sticky", "others may write it (mode 1777)"));
  directory_.make_directory("foreign/deep");
  directory_.write("foreign/deep/a.yaml", "policy");
  own("foreign", kNobody);
  EXPECT_EQ(open("foreign/deep/a.yaml"), untrusted("foreign", "it is owned by uid 65534"));
}

TEST_F(TrustedFile, FollowsLinksThatAreRoots) {
  directory_.write("real/a.yaml", "policy");
  link("real", "relative");
  link(directory_.path("real"), "absolute");
  link("../real/a.yaml", "real/up.yaml");
  EXPECT_EQ(open("relative/a.yaml"), "policy");
  EXPECT_EQ(open("absolute/a.yaml"), "policy");
  EXPECT_EQ(open("real/up.yaml"), "policy");
}

TEST_F(TrustedFile, RefusesALinkOfAnotherOwner) {
  directory_.write("a.yaml", "policy");
  link("a.yaml", "b.yaml");
  own("b.yaml", kNobody);
  EXPECT_EQ(open("b.yaml"), untrusted("b.yaml", "it is a symbolic link of uid 65534"));
}

TEST_F(TrustedFile, ChecksWhatALinkLeadsTo) {
  directory_.make_directory("open", 0777);
  directory_.write("open/a.yaml", "policy");
  link("open/a.yaml", "b.yaml");
  EXPECT_EQ(open("b.yaml"), untrusted("open", "others may write it (mode 0777)"));
}

TEST_F(TrustedFile, StopsAtALoopOfLinks) {
  link("b", "a");
  link("a", "b");
  EXPECT_EQ(open("a"),
            "cannot open \"" + directory_.path("a") + "\": Too many levels of symbolic links");
}

TEST_F(TrustedFile, NamesWhatIsMissing) {
  link("nowhere", "dangling");
  EXPECT_EQ(open("no/such"),
            "cannot open \"" + directory_.path("no") + "\": No such file or directory");
  EXPECT_EQ(open("dangling"),
            "cannot open \"" + directory_.path("nowhere") + "\": No such file or directory");
}

TEST_F(TrustedFile, TakesRegularFilesOnlyAndDoesNotWaitForAFifo) {
  check(::mkfifo(directory_.path("fifo").c_str(), 0600), "mkfifo");
  EXPECT_EQ(open("fifo"),
            "cannot read \"" + directory_.path("fifo") + "\": it is not a regular file");
  directory_.make_directory("directory");
  EXPECT_EQ(open("directory"),
            "cannot read \"" + directory_.path("directory") + "\": it is not a regular file");
}

TEST_F(TrustedFile, RefusesARelativePath) {
  const auto file = open_trusted_file("a.yaml", ErrorCode::kRecord);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sentence(), "cannot trust \"a.yaml\": it is not an absolute path");
}

TEST_F(TrustedFile, OpensDirectoriesByTheSameRule) {
  directory_.make_directory("good");
  directory_.make_directory("bad", 0770);
  directory_.write("file", "x");
  EXPECT_TRUE(open_trusted_directory(directory_.path("good"), ErrorCode::kRecord));
  EXPECT_TRUE(open_trusted_directory("/", ErrorCode::kRecord));
  const auto bad = open_trusted_directory(directory_.path("bad"), ErrorCode::kRecord);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().sentence(), untrusted("bad", "others may write it (mode 0770)"));
  const auto file = open_trusted_directory(directory_.path("file"), ErrorCode::kRecord);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sentence(),
            "cannot open \"" + directory_.path("file") + "\": Not a directory");
}

}  // namespace
}  // namespace pinscope
