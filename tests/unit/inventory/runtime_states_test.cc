#include "plugin/inventory/runtime_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace pinscope::inventory {
namespace {

using model::Engine;
using testing::HasSubstr;

class RuntimeStatesOf : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/pinscope-states-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(root_ + std::filesystem::path(path).parent_path().string());
    std::ofstream(root_ + path) << text;
  }

  std::string root_;
};

TEST(BundleOfState, IsThatOfEachRuntime) {
  EXPECT_EQ(bundle_of_state(R"({"config": {"labels": ["bundle=/b"]}})", "s").value(), "/b");
  EXPECT_EQ(bundle_of_state(R"({"pid": 1, "bundle": "/b"})", "s").value(), "/b");
}

// runc writes a container's annotations into the same list, before its own label.
TEST(BundleOfState, IsNotAnAnnotationOfTheContainers) {
  EXPECT_EQ(
      bundle_of_state(R"({"config": {"labels": ["bundle=/evil", "bundle=/b"]}})", "s").value(),
      "/b");
}

TEST(BundleOfState, IsRefusedWhereItIsNone) {
  for (const char* text :
       {"", "[]", "{}", R"({"bundle": "b"})", R"({"bundle": 1})", R"({"config": []})",
        R"({"config": {"labels": "bundle=/b"}})", R"({"config": {"labels": [1]}})",
        R"({"config": {"labels": ["bundle="]}})", R"({"bundle": "/a", "bundle": "/b"})",
        R"({"bundle": "/a\u0000b"})"})
    EXPECT_FALSE(bundle_of_state(text, "s")) << text;
}

TEST_F(RuntimeStatesOf, EachEngineAreFoundWhereItKeepsThem) {
  write("/run/runc/web-1/state.json", R"({"config": {"labels": ["bundle=/b/1"]}})");
  write("/run/crun/web-2/status", R"({"bundle": "/b/2"})");
  write("/run/containerd/runc/k8s.io/web-3/state.json",
        R"({"config": {"labels": ["bundle=/b/3"]}})");
  write("/run/docker/runtime-runc/moby/web-4/state.json",
        R"({"config": {"labels": ["bundle=/b/4"]}})");
  write("/run/containerd/runc/moby/web-5/state.json", R"({"config": {"labels": ["bundle=/b/5"]}})");
  write("/run/crun/other/status", R"({"bundle": "/b/6"})");
  write("/run/docker/plugins/moby/web-7/status", R"({"bundle": "/b/7"})");
  const auto all = runtime_states("web-", root_);
  EXPECT_TRUE(all.unreadable.empty());
  std::vector<std::pair<std::string, Engine>> found;
  for (const auto& state : all.states) found.emplace_back(state.bundle, state.engine);
  EXPECT_THAT(found, testing::UnorderedElementsAre(testing::Pair("/b/1", Engine::kUnknown),
                                                   testing::Pair("/b/2", Engine::kUnknown),
                                                   testing::Pair("/b/3", Engine::kContainerd),
                                                   testing::Pair("/b/4", Engine::kDocker),
                                                   testing::Pair("/b/5", Engine::kDocker)));
}

TEST_F(RuntimeStatesOf, ADirectoryThatIsNoneAreNone) {
  write("/run/runc/empty/other", "");
  write("/run/runc/file", "");
  std::filesystem::create_directory_symlink("/etc", root_ + "/run/runc/link");
  const auto all = runtime_states("", root_);
  EXPECT_TRUE(all.states.empty());
  EXPECT_TRUE(all.unreadable.empty());
}

// A link would be followed to a file of somebody else's choice, and a FIFO would wait for ever.
TEST_F(RuntimeStatesOf, AHostileFileAreAnErrorThatNamesIt) {
  write("/run/runc/bad/state.json", "rubbish");
  write("/run/runc/link/other", R"({"bundle": "/b"})");
  std::filesystem::create_symlink(root_ + "/run/runc/link/other",
                                  root_ + "/run/runc/link/state.json");
  std::filesystem::create_directories(root_ + "/run/runc/fifo");
  ASSERT_EQ(::mkfifo((root_ + "/run/runc/fifo/state.json").c_str(), 0600), 0);
  const auto all = runtime_states("", root_);
  EXPECT_TRUE(all.states.empty());
  ASSERT_EQ(all.unreadable.size(), 3U);
  EXPECT_THAT(all.unreadable[0].sentence(), HasSubstr("/run/runc/bad"));
  EXPECT_THAT(all.unreadable[1].sentence(), HasSubstr("/run/runc/fifo"));
  EXPECT_THAT(all.unreadable[2].sentence(), HasSubstr("/run/runc/link"));
}

}  // namespace
}  // namespace pinscope::inventory
