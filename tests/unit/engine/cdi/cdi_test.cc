// Our CDI specification: its text, and that only files of ours are replaced or removed.
#include "plugin/engine/cdi/cdi.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace pinscope::engine {
namespace {

const CdiWiring kWiring = {"/usr/bin/pinscope-hook", {"--engine", "docker"}};

TEST(CdiSpec, IsThisText) {
  EXPECT_EQ(cdi_spec({"flow-readers"}, kWiring), R"({
  "cdiVersion": "0.3.0",
  "kind": "pinscope.dev/view",
  "devices": [
    {
      "name": "flow-readers",
      "containerEdits": {
        "hooks": [
          {
            "hookName": "createRuntime",
            "path": "/usr/bin/pinscope-hook",
            "args": [
              "pinscope-hook",
              "--require-policy",
              "flow-readers",
              "--engine",
              "docker",
              "createRuntime"
            ],
            "env": [
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
            ],
            "timeout": 60
          },
          {
            "hookName": "poststop",
            "path": "/usr/bin/pinscope-hook",
            "args": [
              "pinscope-hook",
              "--engine",
              "docker",
              "poststop"
            ],
            "env": [
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
            ],
            "timeout": 60
          }
        ]
      }
    }
  ]
}
)");
}

TEST(CdiSpec, IsOfTheLowestVersion) {
  EXPECT_THAT(cdi_spec({"9lives", "a"}, kWiring), testing::HasSubstr("\"0.5.0\""));
  EXPECT_THAT(cdi_spec({"a", "b9"}, kWiring), testing::HasSubstr("\"0.3.0\""));
}

class CdiFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/pinscope-cdi.XXXXXX";
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path() const { return directory_ + "/pinscope.json"; }
  void put(const std::string& text) const { std::ofstream(path()) << text; }
  [[nodiscard]] std::string content() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string directory_;
};

TEST_F(CdiFiles, AreWrittenOnceAndThenUnchanged) {
  const std::string text = cdi_spec({"a"}, kWiring);
  EXPECT_EQ(write_cdi_file(directory_, text).value_or(false), true);
  EXPECT_EQ(write_cdi_file(directory_, text).value_or(true), false);
  EXPECT_EQ(content(), text);
  const std::string other = cdi_spec({"a", "b"}, kWiring);
  EXPECT_EQ(write_cdi_file(directory_, other).value_or(false), true);
  EXPECT_EQ(content(), other);
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0644U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(CdiFiles, MakeTheirDirectory) {
  EXPECT_TRUE(write_cdi_file(directory_ + "/a/cdi", cdi_spec({"a"}, kWiring)));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/a/cdi/pinscope.json"));
}

TEST_F(CdiFiles, SayWhichPoliciesTheyOfferAndWithWhichHook) {
  put(cdi_spec({"a", "b"}, kWiring));
  const auto file = read_cdi_file(directory_);
  ASSERT_TRUE(file && *file);
  ASSERT_EQ((*file)->devices.size(), 2U);
  EXPECT_EQ((*file)->devices[1].policy, "b");
  EXPECT_EQ((*file)->devices[1].hook, "/usr/bin/pinscope-hook");
}

TEST_F(CdiFiles, TellADeviceThatRequiresAnotherPolicy) {
  std::string text = cdi_spec({"a"}, kWiring);
  text.replace(text.find("\"a\",\n              \"--engine"), 3, "\"x\"");
  put(text);
  const auto file = read_cdi_file(directory_);
  ASSERT_TRUE(file && *file);
  EXPECT_EQ((*file)->devices[0].hook, "");
}

TEST_F(CdiFiles, AreRemovedAndThenNotThere) {
  put(cdi_spec({"a"}, kWiring));
  EXPECT_EQ(remove_cdi_file(directory_).value_or(false), true);
  EXPECT_EQ(remove_cdi_file(directory_).value_or(true), false);
  EXPECT_EQ(remove_cdi_file(directory_ + "/nowhere").value_or(true), false);
}

TEST_F(CdiFiles, ThatAreNotOursStayAsTheyAre) {
  constexpr const char* kHint =
      " (it is not a file that pinscope wrote: move it away, or choose another --spec-dir)";
  const std::pair<std::string, std::string> foreign[] = {
      {R"({"cdiVersion":"0.5.0","kind":"vendor.example/gpu","devices":[]})",
       "cannot read \"" + path() +
           "\": /: the kind is \"vendor.example/gpu\", not \"pinscope.dev/view\"" + kHint},
      {"{", "cannot read \"" + path() + "\": "},
      {"", "cannot read \"" + path() + "\": "},
      {"[]", "cannot read \"" + path() + "\": /: expected an object" + kHint},
  };
  for (const auto& [text, sentence] : foreign) {
    put(text);
    const auto written = write_cdi_file(directory_, cdi_spec({"a"}, kWiring));
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().sentence(), testing::StartsWith(sentence));
    EXPECT_THAT(written.error().sentence(), testing::EndsWith(kHint));
    EXPECT_FALSE(remove_cdi_file(directory_));
    EXPECT_EQ(content(), text);
  }
}

TEST_F(CdiFiles, AreNotReachedThroughALink) {
  const std::string target = directory_ + "/target";
  std::ofstream(target) << cdi_spec({"a"}, kWiring);
  ASSERT_EQ(::symlink(target.c_str(), path().c_str()), 0);
  EXPECT_FALSE(write_cdi_file(directory_, cdi_spec({"b"}, kWiring)));
  EXPECT_FALSE(remove_cdi_file(directory_));
  EXPECT_TRUE(std::filesystem::is_symlink(path()));
}

TEST_F(CdiFiles, AreNoDirectories) {
  std::filesystem::create_directory(path());
  EXPECT_FALSE(read_cdi_file(directory_));
  EXPECT_FALSE(write_cdi_file(directory_, cdi_spec({"b"}, kWiring)));
}

}  // namespace
}  // namespace pinscope::engine
