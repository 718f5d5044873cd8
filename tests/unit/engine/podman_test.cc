// Podman: hook files and a drop-in, and what keeps Podman from using them.
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kPodman = model::Engine::kPodman;
constexpr const char* kDropIn = "/etc/containers/containers.conf.d/99-pinscope.conf";
constexpr const char* kOwn = "/etc/pinscope/hooks.d/podman";

TEST(WirePodman, WritesOneHookFileAndADropIn) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  EXPECT_EQ(machine.read(std::string(kOwn) + "/pinscope-precreate.json"),
            R"({
  "version": "1.0.0",
  "hook": {
    "path": "/usr/bin/pinscope-hook",
    "args": [
      "pinscope-hook",
      "--engine",
      "podman",
      "precreate"
    ],
    "env": [
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    ],
    "timeout": 60
  },
  "when": {
    "always": true
  },
  "stages": [
    "precreate"
  ]
}
)");
  // The hook adds itself for the other stages, to containers that need it.
  EXPECT_FALSE(machine.has(std::string(kOwn) + "/pinscope-createRuntime.json"));
  EXPECT_THAT(machine.read(kDropIn),
              HasSubstr("[engine]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\", "
                        "\"/etc/pinscope/hooks.d/podman\"]\n"));
  // A shared directory would break `podman build` and CRI-O, and confuse the engines.
  EXPECT_FALSE(machine.has("/usr/share/containers/oci"));
  EXPECT_TRUE(machine.report(kPodman).effective());
}

TEST(WirePodman, ChangesNothingTheSecondTime) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  const auto before = machine.snapshot();
  EXPECT_THAT(machine.install(kPodman, options_for(kPodman)).changes, IsEmpty());
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WirePodman, IsUndoneWithoutATrace) {
  const Machine machine({{"/etc/containers/containers.conf.d/10-site.conf", "[containers]\n"},
                         {"/etc/pinscope/policy.d/a.yaml", ""}});
  const auto before = machine.snapshot();
  machine.install(kPodman, options_for(kPodman));
  EXPECT_NE(machine.snapshot(), before);
  machine.remove_wiring(kPodman);
  EXPECT_EQ(machine.snapshot(), before);
  EXPECT_THAT(machine.remove_wiring(kPodman).changes, IsEmpty());
}

TEST(WirePodman, TakesTheDropInAwayBeforeTheHooks) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  const auto plan = plan_remove(kPodman, machine.tree(), {});
  ASSERT_TRUE(plan);
  ASSERT_FALSE(plan->changes.empty());
  EXPECT_EQ(headline(plan->changes.front()), std::string("remove ") + kDropIn);
}

TEST(WirePodman, HandsTheDirectoriesToTheHook) {
  const Machine machine({});
  auto options = options_for(kPodman);
  options.hook_arguments = {"--policy", "/opt/policies"};
  machine.install(kPodman, options);
  EXPECT_THAT(machine.read(std::string(kOwn) + "/pinscope-precreate.json"),
              HasSubstr("\"podman\",\n      \"--policy\",\n      \"/opt/policies\",\n      "
                        "\"precreate\""));
  // Other options the next time: the files change.
  machine.install(kPodman, options_for(kPodman));
  EXPECT_THAT(machine.read(std::string(kOwn) + "/pinscope-precreate.json"),
              Not(HasSubstr("--policy")));
  EXPECT_TRUE(machine.report(kPodman).effective());
}

TEST(WirePodman, KeepsTheDirectoriesThatAreConfigured) {
  const Machine machine(
      {{"/usr/share/containers/containers.conf", "[engine]\nhooks_dir = [\"/vendor\"]\n"},
       {"/etc/containers/containers.conf", "[engine]\nhooks_dir = [\"/site\", \"/more\"]\n"},
       {"/etc/containers/containers.conf.d/10.conf",
        "[engine]\nhooks_dir = [\"/last\", "
        "{append = true}]\n"},
       {"/etc/containers/containers.conf.d/notes.txt", "not TOML"}});
  machine.install(kPodman, options_for(kPodman));
  EXPECT_THAT(machine.read(kDropIn), HasSubstr("hooks_dir = [\"/site\", \"/more\", \"/last\", "
                                               "\"/etc/pinscope/hooks.d/podman\"]"));
  EXPECT_TRUE(machine.report(kPodman).effective());
}

TEST(WirePodman, NoticesADirectoryThatWasConfiguredLater) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  machine.write("/etc/containers/containers.conf", "[engine]\nhooks_dir = [\"/site\"]\n");
  EXPECT_THAT(findings_of(machine.report(kPodman)),
              ElementsAre("warn: Podman does not read /site, which is configured: " +
                          std::string(kDropIn) + " was made before"));
  machine.install(kPodman, options_for(kPodman));
  EXPECT_THAT(findings_of(machine.report(kPodman)), IsEmpty());
}

TEST(WirePodman, RefusesAListThatIsSetAgainBehindItsOwn) {
  const Machine machine(
      {{"/etc/containers/containers.conf.d/zz.conf", "[engine]\nhooks_dir = [\"/site\"]\n"}});
  EXPECT_EQ(
      machine.refusal(kPodman, options_for(kPodman)),
      "cannot wire Podman: \"/etc/containers/containers.conf.d/zz.conf\" sets hooks_dir and is "
      "read after \"" +
          std::string(kDropIn) +
          "\" (add \"/etc/pinscope/hooks.d/podman\" to its list, or rename it)");
  machine.write("/etc/containers/containers.conf.d/zz.conf",
                "[engine]\nhooks_dir = [\"/site\", \"/etc/pinscope/hooks.d/podman\"]\n");
  machine.install(kPodman, options_for(kPodman));
  EXPECT_TRUE(machine.report(kPodman).effective());
  machine.write("/etc/containers/containers.conf.d/zz.conf", "[engine]\nhooks_dir = []\n");
  EXPECT_THAT(findings_of(machine.report(kPodman)),
              ElementsAre("fail: Podman does not read /etc/pinscope/hooks.d/podman: "
                          "/etc/containers/containers.conf.d/zz.conf sets hooks_dir"));
}

TEST(WirePodman, SaysThatAMissingProgramIsPassedOverSilently) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  machine.remove("/usr/bin/pinscope-hook");
  EXPECT_FALSE(machine.report(kPodman).effective());
  EXPECT_THAT(findings_of(machine.report(kPodman)),
              ElementsAre("fail: cannot use program \"/usr/bin/pinscope-hook\": it is not there; "
                          "Podman passes over such hooks without a word"));
}

TEST(WirePodman, RefusesAProgramThatIsMissingOrThatOthersMayChange) {
  const Machine machine({});
  auto options = options_for(kPodman);
  options.hook = "/opt/pinscope-hook";
  EXPECT_EQ(machine.refusal(kPodman, options),
            "cannot use program \"/opt/pinscope-hook\": it is not there (install it there, or say "
            "with --hook where it is)");
  machine.set_mode("/usr/bin/pinscope-hook", 0777);
  EXPECT_EQ(machine.refusal(kPodman, options_for(kPodman)),
            "cannot trust \"/usr/bin/pinscope-hook\": others may write it (mode 0777) (root "
            "alone must be able to change what engines run)");
  machine.set_mode("/usr/bin/pinscope-hook", 0644);
  EXPECT_EQ(machine.refusal(kPodman, options_for(kPodman)),
            "cannot use program \"/usr/bin/pinscope-hook\": it is not executable");
  machine.set_mode("/usr/bin/pinscope-hook", 0755);
  machine.set_mode("/usr", 0775);
  EXPECT_THAT(machine.refusal(kPodman, options_for(kPodman)), HasSubstr("cannot trust \"/usr\""));
}

TEST(WirePodman, NoticesAFileOfItsNameInALaterDirectory) {
  const Machine machine({{"/site/pinscope-precreate.json", "{}"}});
  machine.install(kPodman, options_for(kPodman));
  machine.write("/etc/containers/containers.conf.d/zz.conf",
                "[engine]\nhooks_dir = [\"/etc/pinscope/hooks.d/podman\", \"/site\"]\n");
  EXPECT_THAT(findings_of(machine.report(kPodman)),
              ElementsAre("fail: /site/pinscope-precreate.json takes the place of Pinscope's "
                          "hook"));
}

TEST(WirePodman, NoticesFilesThatAreGoneOrChanged) {
  const Machine machine({});
  machine.install(kPodman, options_for(kPodman));
  machine.remove(std::string(kOwn) + "/pinscope-precreate.json");
  machine.write(kDropIn, machine.read(kDropIn) + "# mine\n");
  EXPECT_THAT(findings_of(machine.report(kPodman)),
              ElementsAre("fail: /etc/pinscope/hooks.d/podman/pinscope-precreate.json is gone",
                          "warn: " + std::string(kDropIn) + " was changed by somebody"));
  EXPECT_EQ(machine.refusal(kPodman, options_for(kPodman)),
            "cannot write \"" + std::string(kDropIn) +
                "\": it was changed after pinscope made it (look at it, then use --force)");
  auto options = options_for(kPodman);
  options.force = true;
  machine.install(kPodman, options);
  EXPECT_THAT(findings_of(machine.report(kPodman)), IsEmpty());
}

// What a container's own program is given is none of Podman's options, and only a service for its
// API is the machine's engine.
TEST(WirePodman, LooksAtTheOptionsOfItsServiceAlone) {
  const Machine machine({});
  machine.write("/usr/bin/podman", "#!/bin/true\n", 0755);
  machine.install(kPodman, options_for(kPodman));
  play_process(machine, 5, "/usr/bin/podman",
               {"--remote", "run", "alpine", "app", "--hooks-dir=/x", "system", "service"}, true);
  play_process(machine, 6, "/usr/bin/podman", {"--hooks-dir=/x", "run", "alpine"}, true);
  EXPECT_TRUE(machine.report(kPodman).effective());
  machine.write("/usr/lib/systemd/system/podman.service",
                "[Service]\nExecStart=/usr/bin/podman --log-level info system service "
                "--time=0 unix:///x --hooks-dir=/x\n");
  EXPECT_TRUE(machine.report(kPodman).effective());
  play_process(machine, 7, "/usr/bin/podman",
               {"--syslog", "--log-level", "info", "system", "service", "--hooks-dir", "/x"});
  EXPECT_EQ(findings_of(machine.report(kPodman)).front(),
            "fail: Podman is started with --hooks-dir /x (process 7), and does not read "
            "/etc/pinscope/hooks.d/podman");
}

}  // namespace
}  // namespace pinscope::engine
