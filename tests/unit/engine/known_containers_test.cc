#include "plugin/engine/known_containers.h"

#include <gtest/gtest.h>

namespace pinscope::engine {
namespace {

using model::Engine;

TEST(KnownContainers, AreReadAsPodmanInspectsThem) {
  const auto read = read_inspect(
      R"([{"Id": "3f2a", "Name": "web", "OCIConfigPath": "/var/c/3f2a/userdata/config.json",
           "State": {"Status": "running"}, "Other": 1}])",
      Engine::kPodman);
  ASSERT_TRUE(read) << read.error().sentence();
  ASSERT_EQ(read->size(), 1U);
  const auto& container = read->front();
  EXPECT_EQ(container.id, "3f2a");
  EXPECT_EQ(container.name, "web");
  EXPECT_EQ(container.bundle, "/var/c/3f2a/userdata");
  EXPECT_EQ(container.state, "running");
  EXPECT_EQ(container.engine, Engine::kPodman);
}

TEST(KnownContainers, AreReadAsDockerInspectsThem) {
  const auto read = read_inspect(R"([{"Id": "3f2a", "Name": "/web"}])", Engine::kDocker);
  ASSERT_TRUE(read) << read.error().sentence();
  EXPECT_EQ(read->front().name, "web");
  EXPECT_EQ(read->front().bundle, "");
}

TEST(KnownContainers, AreReadAsTheCriListsThem) {
  const auto read = read_cri(
      R"({"containers": [{"id": "a1", "metadata": {"name": "app", "attempt": 0},
          "state": "CONTAINER_RUNNING"}, {"id": "b2"}]})");
  ASSERT_TRUE(read) << read.error().sentence();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().name, "app");
  EXPECT_EQ(read->back().name, "");
  const auto none = read_cri("{}");
  EXPECT_TRUE(none && none->empty());
}

TEST(KnownContainers, AreNotReadFromWhatIsNoAnswer) {
  for (const char* text : {"", "[", "{}", "null", "[1]", "[{}]", R"([{"Id": 1}])",
                           R"([{"Id": "a/b"}])", R"([{"Id": ".."}])", R"([{"Id": "a", "Id": "b"}])",
                           R"([{"Id": "a", "State": "running"}])"}) {
    EXPECT_FALSE(read_inspect(text, Engine::kPodman)) << text;
  }
  for (const char* text : {"", "[]", R"({"containers": {}})", R"({"containers": [{"id": ""}]})"})
    EXPECT_FALSE(read_cri(text)) << text;
}

TEST(KnownContainers, AreReadByIdAndName) {
  const auto read = read_names("3f2a web\n77 a,b\n", Engine::kPodman);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->front().id, "3f2a");
  EXPECT_EQ(read->front().name, "web");
  EXPECT_EQ(read->back().name, "a,b");
  EXPECT_FALSE(read_names("3f2a\n", Engine::kPodman));
  EXPECT_FALSE(read_names("a/b web\n", Engine::kPodman));
}

}  // namespace
}  // namespace pinscope::engine
