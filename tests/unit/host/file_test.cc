// Files on the host: what needs no root. trusted_file_test.cc has the rest.
#include "plugin/host/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

namespace pinscope {
namespace {

using testing::ElementsAre;

class File : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/pinscope-file.XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    fd_ = Fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      all.push_back(entry.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }

  std::string directory_;
  Fd fd_;
};

TEST_F(File, OpensCloseOnExec) {
  const auto file = open_at(AT_FDCWD, "/dev/null", O_RDONLY);
  ASSERT_TRUE(file);
  EXPECT_NE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(File, NamesThePathThatDoesNotOpen) {
  const auto file = open_at(AT_FDCWD, "/no/such", O_RDONLY);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sentence(), "cannot open \"/no/such\": No such file or directory");
  EXPECT_EQ(file.error().errnum(), ENOENT);
}

TEST_F(File, KnowsADirectoryByItsPathWithoutLinks) {
  std::filesystem::create_directories(path("real/deep"));
  std::filesystem::create_directory_symlink("real", path("link"));
  const auto resolved = open_real_directory(path("link/deep"), O_PATH);
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->path, std::filesystem::canonical(path("real/deep")));
  EXPECT_TRUE(open_at(resolved->fd.get(), "..", O_RDONLY));
  std::ofstream(path("file")) << "x";
  EXPECT_EQ(open_real_directory(path("file"), O_PATH).error().errnum(), ENOTDIR);
  EXPECT_EQ(open_real_directory(path("gone"), O_PATH).error().errnum(), ENOENT);
}

TEST_F(File, ReadsUpToALimit) {
  std::ofstream(path("a")) << std::string(40000, 'x');
  const auto read = [&](size_t limit) {
    const auto file = open_at(fd_.get(), "a", O_RDONLY);
    return read_all(file->get(), limit, "a");
  };
  EXPECT_EQ(read(40000)->size(), 40000U);
  EXPECT_EQ(read(100000)->size(), 40000U);
  ASSERT_FALSE(read(39999));
  EXPECT_EQ(read(39999).error().code(), ErrorCode::kSystem);
  EXPECT_EQ(read(39999).error().sentence(), "cannot read \"a\": it is larger than 39999 bytes");
}

TEST_F(File, ReadsFromAPipeInPieces) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  std::thread writing([&] {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(::write(writer.get(), "0123456789", 10), 10);
    writer.reset();
  });
  const auto text = read_all(reader.get(), 4096, "the pipe");
  writing.join();
  EXPECT_EQ(text->size(), 1000U);
}

TEST_F(File, SaysWhatItCouldNotRead) {
  const auto text = read_all(fd_.get(), 10, "the directory");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().sentence(), "cannot read \"the directory\": Is a directory");
}

TEST_F(File, WritesAtomicallyWithTheModeAndNoLeftover) {
  ASSERT_TRUE(write_atomically(fd_.get(), "a", "one", 0640));
  ASSERT_TRUE(write_atomically(fd_.get(), "a", "two", 0600));
  EXPECT_EQ(content("a"), "two");
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(File, ReplacesALinkAndNotWhatItPointsTo) {
  std::ofstream(path("target")) << "untouched";
  ASSERT_EQ(::symlink("target", path("a").c_str()), 0);
  ASSERT_TRUE(write_atomically(fd_.get(), "a", "new", 0600, true));
  EXPECT_EQ(content("target"), "untouched");
  EXPECT_EQ(content("a"), "new");
}

TEST_F(File, CreatesOnlyWhatIsNotThere) {
  ASSERT_TRUE(create_and_hold(fd_.get(), "a", "one", 0600));
  const auto again = create_and_hold(fd_.get(), "a", "two", 0600);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().errnum(), EEXIST);
  EXPECT_EQ(again.error().sentence(), "cannot create \"a\": File exists");
  EXPECT_EQ(content("a"), "one");
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(File, WritesANameOfTheGreatestLength) {
  const std::string longest(255, 'n');
  ASSERT_TRUE(write_atomically(fd_.get(), longest, "x", 0600));
  EXPECT_THAT(names(), ElementsAre(longest));
}

TEST_F(File, RemovesTheTemporaryFileOnFailure) {
  ASSERT_EQ(::mkdir(path("taken").c_str(), 0700), 0);
  const auto status = write_atomically(fd_.get(), "taken", "x", 0600);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().sentence(), "cannot replace \"taken\": Is a directory");
  EXPECT_THAT(names(), ElementsAre("taken"));
}

// In another PID namespace our thread's number is somebody else's, who may be writing.
TEST_F(File, LeavesATemporaryFileWithItsOwnNumberAlone) {
  const std::string temporary = "." + std::to_string(::gettid()) + ".tmp";
  std::ofstream(path(temporary)) << "another's";
  ASSERT_TRUE(write_atomically(fd_.get(), "a", "new", 0600));
  EXPECT_EQ(content("a"), "new");
  EXPECT_EQ(content(temporary), "another's");
}

TEST_F(File, KnowsTheNamesOfTemporaryFiles) {
  for (const char* name : {".4711-1234567890123456789.tmp", ".4711.tmp"})
    EXPECT_TRUE(is_temporary_name(name)) << name;
  for (const char* name : {"4711.tmp", ".4711", ".tmp", "..tmp", ".x.tmp", ".-1.tmp", ".1.json",
                           ".1-.tmp", ".1-x.tmp", ".-.tmp", ".x-1.tmp", ""})
    EXPECT_FALSE(is_temporary_name(name)) << name;
}

TEST_F(File, MakesAllDirectoriesOfAPath) {
  ASSERT_TRUE(make_directory(path("a/b/c"), 0700));
  struct stat status {};
  ASSERT_EQ(::stat(path("a/b/c").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  ASSERT_EQ(::chmod(path("a/b/c").c_str(), 0750), 0);
  ASSERT_TRUE(make_directory(path("a/b/c"), 0700));
  ASSERT_EQ(::stat(path("a/b/c").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0750U);
}

TEST_F(File, DoesNotMakeADirectoryBelowAFile) {
  std::ofstream(path("file")) << "x";
  const auto made = make_directory(path("file/a"), 0700);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().sentence(), "cannot open \"" + path("file/a") + "\": Not a directory");
}

}  // namespace
}  // namespace pinscope
