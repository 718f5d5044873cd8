// Directories of policy files: which are read, in which order, and whom is trusted. Files are made
// below /run or the build directory, whichever root alone may write; without root only the refusals
// can be tested.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "plugin/policy/language/combined.h"
#include "plugin/policy/language/load.h"

namespace pinscope::policy {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string policy_text(const std::string& name) {
  return "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: " + name +
         "}\nspec: {select: {}, deny: [{pin: /sys/fs/bpf/x}]}\n";
}

class LoadPath : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (::geteuid() == 0 ? "/run" : "/tmp") + std::string("/pinscope-test.XXXXXX");
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    ASSERT_EQ(::chmod(name.c_str(), 0755), 0);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    ASSERT_EQ(::chmod((directory_ / name).c_str(), 0644), 0);
  }

  static std::vector<std::string> names(const Loaded& loaded) {
    std::vector<std::string> found;
    for (const auto& policy : loaded.policies) found.push_back(policy.name);
    return found;
  }
  static std::vector<std::string> errors(const Loaded& loaded) {
    std::vector<std::string> found;
    for (const auto& diagnostic : loaded.diagnostics) found.push_back(to_string(diagnostic));
    return found;
  }

  fs::path directory_;
};

#define SKIP_WITHOUT_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a file that is trusted"

TEST_F(LoadPath, NamesThePlacesOfWhatAFileWasCombinedOf) {
  write("kubernetes.yaml", combine({{"a.yaml", policy_text("a")}, {"b.yaml", policy_text("b")}}));
  const auto loaded = load_path(directory_, Trust::kIgnored);
  ASSERT_EQ(loaded.policies.size(), 2U);
  EXPECT_EQ(to_string(loaded.policies[1].place), "kubernetes.yaml/b.yaml:1:1");
  EXPECT_EQ(to_string(loaded.policies[1].denials[0].place), "kubernetes.yaml/b.yaml:4:27");
  ASSERT_EQ(loaded.files.size(), 1U);
  EXPECT_EQ(loaded.files[0].name, "kubernetes.yaml");
}

TEST_F(LoadPath, ReadsTestsOnlyForWhoAsksForThem) {
  write("p.yaml", policy_text("p") + "---\napiVersion: pinscope/v1\nkind: PolicyTest\n");
  const auto loaded = load_path(directory_, Trust::kIgnored);
  EXPECT_THAT(names(loaded), ElementsAre("p"));
  EXPECT_THAT(loaded.test_diagnostics, IsEmpty());
  EXPECT_EQ(
      load_path(directory_, Trust::kIgnored, std::nullopt, Tests::kRead).test_diagnostics.size(),
      2U);
}

TEST_F(LoadPath, ReadsYamlFilesInTheOrderOfTheirNames) {
  write("b.yml", policy_text("second"));
  write("a.yaml", policy_text("first"));
  write("c.yaml", policy_text("third"));
  write("README", "no policy");
  write("d.yaml.bak", "no policy");
  write(".hidden.yaml", "no policy");
  write("empty.yaml", "# nothing yet\n");
  const Loaded loaded = load_path(directory_, Trust::kIgnored);
  EXPECT_THAT(errors(loaded), IsEmpty());
  EXPECT_THAT(names(loaded), ElementsAre("first", "second", "third"));
  ASSERT_EQ(loaded.files.size(), 4U);
  EXPECT_EQ(loaded.files[0].name, "a.yaml");
  EXPECT_EQ(loaded.files[3].name, "empty.yaml");
}

// A full disk leaves one, and it must not take away the policies that were in it.
TEST_F(LoadPath, RefusesAFileThatIsEmpty) {
  write("a.yaml", policy_text("p"));
  for (const char* nothing : {"", "\n", " \r\n\t\n"}) {
    write("b.yaml", nothing);
    EXPECT_THAT(
        errors(load_path(directory_, Trust::kIgnored)),
        ElementsAre(HasSubstr("b.yaml:1:1: error: the file is empty; remove it, or say with "
                              "a comment that it holds no policy")));
  }
}

TEST_F(LoadPath, StampsWhatStatSays) {
  write("a.yaml", policy_text("p"));
  const Loaded loaded = load_path(directory_, Trust::kIgnored);
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "a.yaml").c_str(), &status), 0);
  ASSERT_EQ(loaded.files.size(), 1U);
  EXPECT_EQ(loaded.files[0].size, static_cast<uint64_t>(status.st_size));
  EXPECT_EQ(loaded.files[0].inode, status.st_ino);
  EXPECT_EQ(loaded.files[0].mtime_ns, static_cast<uint64_t>(status.st_mtim.tv_sec) * 1000000000 +
                                          static_cast<uint64_t>(status.st_mtim.tv_nsec));
  EXPECT_NE(loaded.files[0].ctime_ns, 0U);
}

TEST_F(LoadPath, ADirectoryThatIsNotThereIsAnEmptySet) {
  const Loaded loaded = load_path(directory_ / "missing.d");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.files, IsEmpty());
}

TEST_F(LoadPath, AFileThatIsNotThereIsAnError) {
  const std::string path = directory_ / "missing.yaml";
  EXPECT_THAT(errors(load_path(path)), ElementsAre(path + ":1:1: error: cannot read \"" + path +
                                                   "\": No such file or directory"));
}

TEST_F(LoadPath, ReadsOneFile) {
  write("a.yaml", policy_text("p"));
  EXPECT_THAT(names(load_path(directory_ / "a.yaml", Trust::kIgnored)), ElementsAre("p"));
}

TEST_F(LoadPath, RefusesTwoPoliciesWithOneNameInTwoFiles) {
  write("a.yaml", policy_text("p"));
  write("b.yaml", policy_text("p"));
  const Loaded loaded = load_path(directory_, Trust::kIgnored);
  EXPECT_THAT(errors(loaded),
              ElementsAre("b.yaml:3:18: error: two policies are called \"p\"; the other one is at "
                          "a.yaml:3:18\n  metadata: {name: p}\n                   ^"));
  EXPECT_THAT(loaded.policies, IsEmpty());
}

TEST_F(LoadPath, TrustsFilesOfRoot) {
  SKIP_WITHOUT_ROOT();
  write("a.yaml", policy_text("p"));
  const Loaded loaded = load_path(directory_);
  EXPECT_THAT(errors(loaded), IsEmpty());
  EXPECT_THAT(names(loaded), ElementsAre("p"));
}

TEST_F(LoadPath, RefusesAFileThatOthersMayWriteAndStampsItNevertheless) {
  SKIP_WITHOUT_ROOT();
  write("a.yaml", policy_text("p"));
  write("b.yaml", policy_text("q"));
  ASSERT_EQ(::chmod((directory_ / "a.yaml").c_str(), 0664), 0);
  const Loaded loaded = load_path(directory_);
  EXPECT_THAT(errors(loaded),
              ElementsAre("a.yaml:1:1: error: policy-untrusted: cannot trust \"" +
                          (directory_ / "a.yaml").string() +
                          "\": others may write it (mode 0664) (it must be owned by root and "
                          "writable by root alone)"));
  EXPECT_THAT(loaded.policies, IsEmpty());
  ASSERT_EQ(loaded.files.size(), 2U);
  EXPECT_NE(loaded.files[0].inode, 0U);
}

TEST_F(LoadPath, RefusesAFileThatRootDoesNotOwn) {
  SKIP_WITHOUT_ROOT();
  write("a.yaml", policy_text("p"));
  ASSERT_EQ(::chown((directory_ / "a.yaml").c_str(), 1000, 0), 0);
  EXPECT_THAT(errors(load_path(directory_)),
              ElementsAre(HasSubstr("policy-untrusted: cannot trust")));
}

TEST_F(LoadPath, RefusesADirectoryThatOthersMayWrite) {
  SKIP_WITHOUT_ROOT();
  write("a.yaml", policy_text("p"));
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  const Loaded loaded = load_path(directory_);
  EXPECT_THAT(errors(loaded), ElementsAre(HasSubstr("policy-untrusted: cannot trust \"" +
                                                    directory_.string() + "\"")));
  EXPECT_THAT(loaded.policies, IsEmpty());
}

TEST_F(LoadPath, RefusesADirectoryBelowOneThatOthersMayWrite) {
  SKIP_WITHOUT_ROOT();
  fs::create_directory(directory_ / "below");
  write("below/a.yaml", policy_text("p"));
  ASSERT_EQ(::chmod(directory_.c_str(), 01777), 0);
  EXPECT_FALSE(load_path(directory_ / "below").ok());
}

TEST_F(LoadPath, RefusesALinkToAFileThatIsNotTrusted) {
  SKIP_WITHOUT_ROOT();
  char elsewhere[] = "/tmp/pinscope-test.XXXXXX";
  const int fd = ::mkstemp(elsewhere);
  ASSERT_GE(fd, 0);
  ::close(fd);
  fs::create_symlink(elsewhere, directory_ / "a.yaml");
  const Loaded loaded = load_path(directory_);
  fs::remove(elsewhere);
  EXPECT_THAT(errors(loaded), ElementsAre(HasSubstr("cannot trust \"/tmp\"")));
}

TEST_F(LoadPath, RefusesAPipeWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo((directory_ / "a.yaml").c_str(), 0644), 0);
  EXPECT_THAT(errors(load_path(directory_, Trust::kIgnored)),
              ElementsAre(HasSubstr("it is not a regular file")));
}

TEST_F(LoadPath, RefusesADanglingLink) {
  fs::create_symlink("nowhere", directory_ / "a.yaml");
  EXPECT_THAT(errors(load_path(directory_, Trust::kIgnored)),
              ElementsAre(HasSubstr("No such file or directory")));
}

TEST_F(LoadPath, RefusesAHugeFileWithoutReadingIt) {
  write("a.yaml", "");
  ASSERT_EQ(::truncate((directory_ / "a.yaml").c_str(), off_t{100} << 20), 0);
  EXPECT_THAT(errors(load_path(directory_, Trust::kIgnored)),
              ElementsAre("a.yaml:1:1: error: policy-invalid: cannot read \"" +
                          (directory_ / "a.yaml").string() +
                          "\": it has 104857600 bytes, and a policy file may have 16777216 (split "
                          "the file)"));
}

}  // namespace
}  // namespace pinscope::policy
