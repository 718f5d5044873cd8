// Configuration that is broken, or made to mislead: an error that names the file, and no change.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::HasSubstr;

constexpr auto kPodman = model::Engine::kPodman;
constexpr auto kDocker = model::Engine::kDocker;
constexpr const char* kDaemon = "/etc/docker/daemon.json";

TEST(HostileConfiguration, NeverWritesOverAFileThatIsNotItsOwn) {
  const Machine machine({{"/etc/containers/containers.conf.d/99-pinscope.conf", "# theirs\n"}});
  EXPECT_EQ(
      machine.refusal(kPodman, options_for(kPodman)),
      "cannot write \"/etc/containers/containers.conf.d/99-pinscope.conf\": there is a file of "
      "that name that pinscope did not make (move it away)");
  auto options = options_for(kPodman);
  options.force = true;
  EXPECT_THAT(machine.refusal(kPodman, options), HasSubstr("did not make"));
  const Machine backup({{kDaemon, "{}"}, {"/etc/docker/daemon.json.pinscope-backup", "theirs"}});
  EXPECT_THAT(backup.refusal(kDocker, options_for(kDocker)), HasSubstr("pinscope-backup"));
}

TEST(HostileConfiguration, FollowsASymbolicLinkForReadingAndNeverWritesThroughIt) {
  const Machine machine({{"/srv/daemon.json", "{}"}, {"/etc/docker/"}});
  machine.link(kDaemon, "/srv/daemon.json");
  const auto before = machine.snapshot();
  const auto plan = plan_install(kDocker, machine.tree(), options_for(kDocker));
  ASSERT_TRUE(plan);
  const auto done = make_changes(machine.tree(), plan->changes, {});
  ASSERT_FALSE(done);
  EXPECT_EQ(
      done.error().sentence(),
      "cannot write \"/etc/docker/daemon.json\": it is a symbolic link (whoever made it so must "
      "change it)");
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(HostileConfiguration, RefusesWhatOthersMayChange) {
  const Machine machine({{kDaemon, "{}"}});
  machine.set_mode(kDaemon, 0666);
  EXPECT_EQ(machine.refusal(kDocker, options_for(kDocker)),
            "cannot trust \"/etc/docker/daemon.json\": others may write it (mode 0666) (root "
            "alone must be able to change what engines run)");
  machine.set_mode(kDaemon, 0644);
  machine.set_mode("/etc/docker", 0777);
  EXPECT_THAT(machine.refusal(kDocker, options_for(kDocker)),
              HasSubstr("cannot trust \"/etc/docker\""));
}

TEST(HostileConfiguration, RefusesWhatAnotherUserOwns) {
  const Machine machine({{kDaemon, "{}"}});
  const auto tree = Tree::open(machine.root(), ::geteuid() + 1);
  ASSERT_TRUE(tree);
  const auto plan = plan_install(kDocker, *tree, options_for(kDocker));
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().sentence(),
              HasSubstr("cannot trust \"/\": it is owned by uid " + std::to_string(::geteuid())));
}

TEST(HostileConfiguration, RefusesWhatIsNoFile) {
  const Machine machine({{"/etc/docker/daemon.json/"}});
  EXPECT_EQ(machine.refusal(kDocker, options_for(kDocker)),
            "cannot read \"/etc/docker/daemon.json\": it is not a regular file");
  const Machine pipe({{"/etc/docker/"}});
  ASSERT_EQ(::mkfifo((pipe.root() + kDaemon).c_str(), 0644), 0);
  EXPECT_THAT(pipe.tree().read(kDaemon).error().sentence(), HasSubstr("not a regular file"));
}

TEST(HostileConfiguration, RefusesAHugeFile) {
  const Machine machine({});
  machine.write(kDaemon, std::string(Tree::kFileLimit + 1, ' '));
  EXPECT_THAT(machine.refusal(kDocker, options_for(kDocker)), HasSubstr("daemon.json"));
}

TEST(HostileConfiguration, RefusesDeepNesting) {
  const Machine machine({});
  machine.write(kDaemon, std::string(100000, '[') + std::string(100000, ']'));
  EXPECT_THAT(machine.refusal(kDocker, options_for(kDocker)), HasSubstr("daemon.json"));
  machine.write("/etc/containers/containers.conf", "a = " + std::string(100000, '['));
  EXPECT_THAT(machine.refusal(kPodman, options_for(kPodman)),
              HasSubstr("cannot read \"/etc/containers/containers.conf\": line 1"));
}

TEST(HostileConfiguration, RefusesAListThatIsNone) {
  const Machine machine({{"/etc/containers/containers.conf", "[engine]\nhooks_dir = \"/x\"\n"}});
  EXPECT_EQ(machine.refusal(kPodman, options_for(kPodman)),
            "cannot read \"/etc/containers/containers.conf\": hooks_dir is not an array");
}

TEST(HostileConfiguration, KeepsImportsThatGoRoundInCirclesFinite) {
  const Machine machine(
      {{"/etc/containerd/config.toml", "version = 3\nimports = [\"/etc/containerd/*.toml\"]\n"},
       {"/etc/containerd/b.toml", "version = 3\nimports = [\"config.toml\", \"b.toml\"]\n"}});
  machine.install(model::Engine::kContainerd, options_for(model::Engine::kContainerd));
  EXPECT_TRUE(machine.report(model::Engine::kContainerd).effective());
}

TEST(HostileConfiguration, RefusesAReceiptThatItDidNotWrite) {
  const Machine machine({{"/etc/pinscope/engine/podman.json", "{\"version\": 2}"}});
  EXPECT_THAT(machine.refusal(kPodman, options_for(kPodman)),
              HasSubstr("version 2 is not known: another version of pinscope wrote it"));
  EXPECT_FALSE(machine.report(kPodman).effective());
}

}  // namespace
}  // namespace pinscope::engine
