// What is read of a volume in each state that the kubelet, or a person, may leave it in.
#include "plugin/node/volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace pinscope::node {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class VolumeTest : public testing::Test {
 protected:
  VolumeTest() { fs::create_directories(path_); }
  ~VolumeTest() override { fs::remove_all(path_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  void link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, path_ / name);
  }

  // "a.yaml=text b.yaml=text"; "nothing" if there is no version; otherwise the error.
  [[nodiscard]] std::string read() const {
    const auto volume = Volume::open(path_);
    if (!volume) return volume.error().sentence();
    const auto texts = volume->read();
    if (!texts) return texts.error().sentence();
    if (!*texts) return "nothing";
    std::string all;
    for (const auto& [file, text] : **texts) all += (all.empty() ? "" : " ") + file + "=" + text;
    return all;
  }

  const fs::path path_ = testing::TempDir() + "pinscope-volume-" + std::to_string(getpid());
};

TEST_F(VolumeTest, HasNothingBeforeItsFirstVersion) {
  EXPECT_EQ(read(), "nothing");
  write("..2026_11_25_01/a.yaml", "1");
  EXPECT_EQ(read(), "nothing");
  link("..2026_11_25_01", "..data_tmp");
  EXPECT_EQ(read(), "nothing");
}

TEST_F(VolumeTest, IsReadThroughItsDataLinkAlone) {
  write("..2026_11_25_01/b.yml", "1");
  write("..2026_11_25_01/a.yaml", "1");
  write("..2026_11_25_01/notes.txt", "1");
  write("..2026_11_25_02/a.yaml", "2");
  link("..2026_11_25_01", "..data");
  // What one sees may still be of another version.
  link("..2026_11_25_02/a.yaml", "a.yaml");
  link("..data/gone.yaml", "gone.yaml");
  EXPECT_EQ(read(), "a.yaml=1 b.yml=1");
}

TEST_F(VolumeTest, TellsAnEmptySetFromNone) {
  write("..2026_11_25_01/none", "");
  link("..2026_11_25_01", "..data");
  EXPECT_EQ(read(), "");
}

// How the kubelet shows an optional ConfigMap that was deleted, or never made.
TEST_F(VolumeTest, HasNothingInAVersionWithoutFiles) {
  fs::create_directory(path_ / "..2026_11_25_01");
  link("..2026_11_25_01", "..data");
  EXPECT_EQ(read(), "nothing");
}

TEST_F(VolumeTest, MayBeAPlainDirectory) {
  write("a.yaml", "1");
  write(".hidden.yaml", "2");
  EXPECT_EQ(read(), "a.yaml=1");
}

TEST_F(VolumeTest, FollowsNoLinkInAVersion) {
  write("..2026_11_25_01/b.yaml", "1");
  link("/etc/passwd", "..2026_11_25_01/a.yaml");
  link("..2026_11_25_01", "..data");
  EXPECT_THAT(read(), HasSubstr("a.yaml\": Too many levels of symbolic links"));
}

TEST_F(VolumeTest, RefusesWhatIsNoFileAndWhatIsTooMuch) {
  ASSERT_EQ(::mkfifo((path_ / "a.yaml").c_str(), 0600), 0);
  EXPECT_EQ(read(), "cannot read \"a.yaml\": it is not a regular file");
  fs::remove(path_ / "a.yaml");
  write("a.yaml", std::string((size_t{4} << 20) + 1, '#'));
  EXPECT_THAT(read(), HasSubstr("a.yaml"));
  EXPECT_THAT(read(), HasSubstr("cannot "));
  fs::remove(path_ / "a.yaml");
  for (int i = 0; i <= 1024; ++i) write(std::to_string(i) + ".yaml", "");
  EXPECT_EQ(read(), "cannot read the policies: there are more than 1024");
}

}  // namespace
}  // namespace pinscope::node
