#include "plugin/engine/wiring/tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;

std::string text_of(const Result<std::optional<File>>& file) {
  if (!file) return file.error().sentence();
  return *file ? (*file)->text : "(none)";
}

TEST(Tree, ReadsAbsolutePathsBelowItsRoot) {
  const Machine machine({{"/etc/a", "1"}, {"/etc/b/"}});
  EXPECT_EQ(text_of(machine.tree().read("/etc/a")), "1");
  EXPECT_EQ(text_of(machine.tree().read("/etc//./b/../a")), "1");
  EXPECT_EQ(text_of(machine.tree().read("/etc/c")), "(none)");
  EXPECT_EQ(text_of(machine.tree().read("/no/such")), "(none)");
  EXPECT_EQ(text_of(machine.tree().read("etc/a")),
            "cannot trust \"etc/a\": it is not an absolute path");
}

// "/host" of a container that installs on its node: links mean what they mean there.
TEST(Tree, FollowsLinksBelowItsRootAndNeverOutOfIt) {
  const Machine machine({{"/srv/real/a", "inside"}});
  machine.link("/etc", "/srv/real");
  machine.link("/up", "../../../../srv/real");
  machine.link("/srv/real/relative", "../real/a");
  EXPECT_EQ(text_of(machine.tree().read("/etc/a")), "inside");
  EXPECT_EQ(text_of(machine.tree().read("/up/a")), "inside");
  EXPECT_EQ(text_of(machine.tree().read("/../../srv/real/a")), "inside");
  EXPECT_EQ(text_of(machine.tree().read("/etc/relative")), "inside");
  machine.link("/out", "/etc/passwd");
  EXPECT_EQ(text_of(machine.tree().read("/out")), "(none)");
}

TEST(Tree, GivesUpOnLinksThatGoRoundInCircles) {
  const Machine machine({});
  machine.link("/a", "/b");
  machine.link("/b", "a");
  EXPECT_EQ(text_of(machine.tree().read("/a")),
            "cannot open \"/a\": Too many levels of symbolic links");
  EXPECT_FALSE(machine.tree().exists("/a"));
}

TEST(Tree, ListsRegularFilesByName) {
  const Machine machine({{"/d/b", ""}, {"/d/a", ""}, {"/d/sub/"}, {"/d/B", ""}});
  machine.link("/d/link", "a");
  machine.link("/d/dangling", "nowhere");
  EXPECT_THAT(*machine.tree().list("/d"), ElementsAre("B", "a", "b", "link"));
  EXPECT_TRUE(machine.tree().list("/none")->empty());
}

TEST(Tree, WritesThroughLinksOfDirectoriesWithTheModeAsked) {
  const Machine machine({{"/srv/etc/"}});
  machine.link("/etc", "/srv/etc");
  ASSERT_TRUE(machine.tree().make_directory("/etc/new"));
  ASSERT_TRUE(
      machine.tree().write("/etc/new/file", {.text = "x", .mode = 0600, .gid = ::getegid()}));
  EXPECT_EQ(machine.read("/srv/etc/new/file"), "x");
  struct stat status {};
  ASSERT_EQ(::stat((machine.root() + "/srv/etc/new/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_TRUE(machine.tree().remove_directory("/etc/new"));
  EXPECT_TRUE(machine.has("/srv/etc/new"));
  EXPECT_TRUE(machine.tree().remove_file("/etc/new/file"));
  EXPECT_TRUE(machine.tree().remove_directory("/etc/new"));
  EXPECT_FALSE(machine.has("/srv/etc/new"));
}

TEST(Tree, NeedsARootThatIsThere) {
  EXPECT_EQ(Tree::open("relative").error().sentence(),
            "cannot use \"relative\" as the root: it is not an absolute path");
  EXPECT_EQ(Tree::open("/no/such/root").error().sentence(),
            "cannot open \"/no/such/root\": No such file or directory");
}

}  // namespace
}  // namespace pinscope::engine
