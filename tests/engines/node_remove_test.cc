// `pinscope node remove`: what goes with the agent of a node, in which order, and what stays.
#include <filesystem>

#include "tests/support/machine/node.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class NodeRemoval : public testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& path) const { return node_.root() + path; }

  Node node_;
};

TEST_F(NodeRemoval, RemovesTheWiringThenThePoliciesThenThePrograms) {
  node_.installation().write_policy(granting("flows", "mine"), "mine.yaml");
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  const auto result = node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); },
                                {"--engine", "crio", "--remove-on-exit"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_LT(result.err.find("remove /etc/crio/crio.conf.d/99-pinscope.conf"),
            result.err.find("pinscope node: removed"));
  EXPECT_FALSE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf")));
  EXPECT_FALSE(fs::exists(file("/etc/pinscope/hooks.d/crio")));
  EXPECT_FALSE(fs::exists(node_.prefix()));
  EXPECT_FALSE(fs::exists(node_.cluster_file()));
  EXPECT_EQ(node_.in_force(), 1U);
}

// An agent with other options has wired it, such as that of an earlier release of the manifest.
TEST_F(NodeRemoval, RemovesTheWiringOfAnEngineThatIsNotNamed) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  const auto removed = run(node_.command("remove", {"--engine", "podman"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_FALSE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf"))) << removed;
  EXPECT_FALSE(fs::exists(node_.prefix()));
}

// An administrator's own installation has nothing to do with the agent's programs.
TEST_F(NodeRemoval, LeavesAWiringThatNamesOtherPrograms) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  fs::create_directories(file("/usr/bin"));
  fs::copy_file(kPinscope, file("/usr/bin/pinscope-hook"));
  const auto own = run({kPinscope, "engine", "install", "--engine", "crio", "--root", node_.root(),
                        "--hook", "/usr/bin/pinscope-hook"});
  ASSERT_EQ(own.status, 0) << own;
  const auto removed = run(node_.command("remove", {"--engine", "podman"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_TRUE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf"))) << removed;
}

// As k3s's directory, mounted when the wiring was made and not by the overlay that removes it.
TEST_F(NodeRemoval, KeepsProgramsAndReceiptWhereItDoesNotSeeWhatItHasWired) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); }, {"--engine", "crio"});
  fs::rename(file("/etc/crio"), file("/elsewhere"));
  auto removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 1) << removed;
  EXPECT_THAT(removed.err, HasSubstr("pinscope: cannot find "
                                     "\"/etc/crio/crio.conf.d/99-pinscope.conf\": there is no "
                                     "\"/etc/crio/crio.conf.d\" below " +
                                     node_.root() + " (mount it there, "));
  EXPECT_TRUE(fs::exists(node_.prefix() + "/bin/pinscope-hook"));
  EXPECT_TRUE(fs::exists(file("/etc/pinscope/engine/crio.json")));
  fs::rename(file("/elsewhere"), file("/etc/crio"));
  removed = run(node_.command("remove", {"--engine", "crio"}));
  EXPECT_EQ(removed.status, 0) << removed;
  EXPECT_FALSE(fs::exists(file("/etc/crio/crio.conf.d/99-pinscope.conf")));
  EXPECT_FALSE(fs::exists(node_.prefix()));
}

TEST_F(NodeRemoval, LeavesNoDirectoryCacheOrLockBehind) {
  node_.volume().update({{"a.yaml", granting("flows", "a")}});
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); });
  fs::create_directories(node_.installation().state_directory() + "/containers");
  const auto removed = run(node_.command("remove"));
  EXPECT_EQ(removed.status, 0) << removed;
  for (const std::string& path :
       {node_.prefix(), node_.installation().policy_directory(),
        node_.installation().cache_directory(), node_.installation().state_directory()})
    EXPECT_FALSE(fs::exists(path)) << path;
  // A node whose own policies stay keeps what its own hooks need.
  fs::create_directory(node_.installation().policy_directory());
  node_.installation().write_policy(granting("flows", "mine"), "mine.yaml");
  node_.run([&] { ASSERT_TRUE(node_.takes("name: a")); });
  run(node_.command("remove"));
  EXPECT_EQ(node_.in_force(), 1U);
}

}  // namespace
}  // namespace pinscope::test
