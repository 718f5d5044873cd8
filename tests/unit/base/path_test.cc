// Paths are lists of components; nothing is resolved.
#include "plugin/base/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string error_of(const Result<Components>& result) {
  return result ? "no error" : result.error().sentence();
}

TEST(Path, SplitsIntoComponentsAndBack) {
  EXPECT_THAT(*parse_absolute("/sys/fs/bpf"), ElementsAre("sys", "fs", "bpf"));
  EXPECT_THAT(*parse_absolute("/"), IsEmpty());
  EXPECT_THAT(*parse_relative("a/b"), ElementsAre("a", "b"));
  EXPECT_EQ(to_absolute({"sys", "fs"}), "/sys/fs");
  EXPECT_EQ(to_absolute({}), "/");
  EXPECT_THAT(*parse_absolute("/a/..b/.c/d..."), ElementsAre("a", "..b", ".c", "d..."));
}

TEST(Path, RefusesWhatIsNoPlainPath) {
  EXPECT_EQ(error_of(parse_absolute("a/b")), "cannot use path \"a/b\": it is not absolute");
  EXPECT_EQ(error_of(parse_absolute("")), "cannot use path \"\": it is not absolute");
  EXPECT_EQ(error_of(parse_relative("/a")), "cannot use path \"/a\": it is not relative");
  EXPECT_EQ(error_of(parse_relative("")), "cannot use path \"\": it is empty");
  const std::string empty = "it has an empty component (a doubled or trailing slash)";
  EXPECT_EQ(error_of(parse_absolute("/a//b")), "cannot use path \"/a//b\": " + empty);
  EXPECT_EQ(error_of(parse_absolute("/a/")), "cannot use path \"/a/\": " + empty);
  EXPECT_EQ(error_of(parse_absolute("//")), "cannot use path \"//\": " + empty);
  EXPECT_EQ(error_of(parse_absolute("/a/../b")),
            "cannot use path \"/a/../b\": the component \"..\" is not allowed");
  EXPECT_EQ(error_of(parse_relative(".")),
            "cannot use path \".\": the component \".\" is not allowed");
  EXPECT_EQ(error_of(parse_absolute("/a\nb")),
            "cannot use path \"/a\\nb\": it contains a control character");
  EXPECT_EQ(error_of(parse_absolute(std::string("/a\0b", 4))),
            "cannot use path \"/a\\x00b\": it contains a control character");
}

TEST(Path, BoundsComponentsAndTheWhole) {
  EXPECT_TRUE(parse_absolute("/" + std::string(255, 'a')));
  EXPECT_EQ(
      error_of(parse_absolute("/" + std::string(256, 'a'))),
      "cannot use path \"/" + std::string(199, 'a') + "\": a component is longer than 255 bytes");
  std::string longest;
  while (longest.size() < 4094) longest += "/a";
  longest += "a";
  EXPECT_EQ(longest.size(), 4095U);
  EXPECT_TRUE(parse_absolute(longest));
  EXPECT_FALSE(parse_absolute(longest + "a"));
}

TEST(Path, JoinsAsTheSpecificationReadsRootPath) {
  EXPECT_EQ(join("/b", "rootfs"), "/b/rootfs");
  EXPECT_EQ(join("/b/", "rootfs"), "/b/rootfs");
  EXPECT_EQ(join("/", "rootfs"), "/rootfs");
  EXPECT_EQ(join("/b", "/srv/x"), "/srv/x");
}

TEST(Path, KnowsParentAndName) {
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("/"), "/");
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("b"), "b");
  EXPECT_EQ(base_name("/a/"), "");
}

}  // namespace
}  // namespace pinscope
