// CRI-O: hook files and a drop-in of its own, apart from Podman's.
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kCrio = model::Engine::kCrio;
constexpr auto kPodman = model::Engine::kPodman;
constexpr const char* kDropIn = "/etc/crio/crio.conf.d/99-pinscope.conf";

TEST(WireCrio, KeepsTheDirectoriesOfFilesWithAnyName) {
  const Machine machine(
      {{"/etc/crio/crio.conf",
        "[crio.runtime]\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\n"},
       {"/etc/crio/crio.conf.d/00-default", "[crio.runtime]\nhooks_dir = [\"/site\"]\n"}});
  const auto before = machine.snapshot();
  const auto plan = machine.install(kCrio, options_for(kCrio));
  EXPECT_THAT(machine.read(kDropIn), HasSubstr("[crio.runtime]\nhooks_dir = [\"/site\", "
                                               "\"/etc/pinscope/hooks.d/crio\"]\n"));
  EXPECT_THAT(plan.next, ElementsAre("systemctl restart crio (containers go on running)"));
  EXPECT_TRUE(machine.report(kCrio).effective());
  machine.remove_wiring(kCrio);
  EXPECT_EQ(machine.snapshot(), before);
}

// CRI-O does not start if a hook file names a stage that it does not know.
TEST(WireCrio, HasNoHookForAStageThatCrioDoesNotKnow) {
  const Machine machine({});
  machine.install(kCrio, options_for(kCrio));
  EXPECT_TRUE(machine.has("/etc/pinscope/hooks.d/crio/pinscope-createRuntime.json"));
  EXPECT_TRUE(machine.has("/etc/pinscope/hooks.d/crio/pinscope-poststop.json"));
  EXPECT_FALSE(machine.has("/etc/pinscope/hooks.d/crio/pinscope-precreate.json"));
}

// Which engine runs a hook decides whose annotations are trusted.
TEST(WireCrio, NeverReadsPodmansHooksNorPodmanItsOwn) {
  const Machine machine({{"/etc/hostname", ""}});
  const auto before = machine.snapshot();
  machine.install(kPodman, options_for(kPodman));
  machine.install(kCrio, options_for(kCrio));
  EXPECT_THAT(machine.read(kDropIn), Not(HasSubstr("podman")));
  EXPECT_THAT(machine.read("/etc/containers/containers.conf.d/99-pinscope.conf"),
              Not(HasSubstr("hooks.d/crio")));
  EXPECT_FALSE(machine.has("/usr/share/containers/oci/hooks.d"));
  EXPECT_TRUE(machine.report(kPodman).effective());
  EXPECT_TRUE(machine.report(kCrio).effective());
  machine.remove_wiring(kPodman);
  EXPECT_TRUE(machine.report(kCrio).effective());
  machine.remove_wiring(kCrio);
  EXPECT_EQ(machine.snapshot(), before);
}

// CRI-O takes such a list in the place of what its files say.
TEST(WireCrio, KnowsWhatItsCommandLineSaysOfHooks) {
  const Machine machine({});
  machine.write("/usr/bin/crio", "#!/bin/true\n", 0755);
  const auto write_unit = [&](const std::string& options) {
    machine.write("/usr/lib/systemd/system/crio.service",
                  "[Service]\nEnvironmentFile=-/etc/default/crio\n"
                  "ExecStart=/usr/bin/crio $CRIO_OPTIONS\n");
    machine.write("/etc/default/crio", "CRIO_OPTIONS=\"" + options + "\"\n");
  };
  write_unit("--hooks-dir /a,/b");
  EXPECT_EQ(machine.refusal(kCrio, options_for(kCrio)),
            "cannot wire CRI-O: CRI-O is started with --hooks-dir /a (crio.service) and reads no "
            "other directory (add --hooks-dir /etc/pinscope/hooks.d/crio there, restart it and try "
            "again)");
  write_unit("--hooks-dir /a,/etc/pinscope/hooks.d/crio");
  machine.install(kCrio, options_for(kCrio));
  EXPECT_TRUE(machine.report(kCrio).effective());
  play_process(machine, 5, "/usr/bin/crio", {"--config-dir=/srv/crio.d"});
  EXPECT_THAT(findings_of(machine.report(kCrio)),
              ElementsAre("fail: CRI-O is started with --config-dir /srv/crio.d (process 5), and "
                          "does not read /etc/pinscope/hooks.d/crio"));
}

TEST(WireCrio, TellsOfAProcessThatIsOlderThanTheWiring) {
  const Machine machine({});
  machine.write("/usr/bin/crio", "#!/bin/true\n", 0755);
  machine.install(kCrio, options_for(kCrio));
  play_process(machine, 5, "/usr/bin/crio", {});
  EXPECT_TRUE(machine.report(kCrio).effective());
  play_process(machine, 6, "/usr/bin/crio", {}, true);
  const auto report = machine.report(kCrio);
  ASSERT_FALSE(report.effective());
  EXPECT_THAT(findings_of(report),
              ElementsAre("fail: process 6 runs since before the wiring: containers that it starts "
                          "pass Pinscope by"));
  EXPECT_EQ(report.findings.front().action, "systemctl restart crio (containers go on running)");
}

// cri-o: internal/criocli/criocli.go, pkg/config/config.go.
TEST(WireCrio, KnowsWhatElseSaysWhereItReads) {
  const Machine machine({});
  machine.install(kCrio, options_for(kCrio));
  const auto with_unit = [&](const std::string& lines) {
    machine.write("/usr/lib/systemd/system/crio.service", "[Service]\n" + lines);
    const auto findings = findings_of(machine.report(kCrio));
    return findings.empty() ? std::string() : findings.front();
  };
  const std::string start = "ExecStart=/usr/bin/crio\n";
  const std::string unread = " (crio.service), and does not read /etc/pinscope/hooks.d/crio";
  EXPECT_EQ(with_unit("ExecStart=/usr/bin/crio -d /srv/crio.d\n"),
            "fail: CRI-O is started with --config-dir /srv/crio.d" + unread);
  EXPECT_EQ(with_unit("Environment=CONTAINER_CONFIG_DIR=/srv/crio.d\n" + start),
            "fail: CRI-O is started with CONTAINER_CONFIG_DIR /srv/crio.d" + unread);
  EXPECT_EQ(with_unit("Environment=CONTAINER_HOOKS_DIR=/a,/b\n" + start),
            "fail: CRI-O is started with CONTAINER_HOOKS_DIR /a" + unread);
  EXPECT_EQ(with_unit("Environment=CONTAINER_HOOKS_DIR=/a\nExecStart=/usr/bin/crio --hooks-dir "
                      "/etc/pinscope/hooks.d/crio\n"),
            "");
  EXPECT_EQ(with_unit("Environment=CONTAINER_CONFIG=/srv/crio.conf\n" + start),
            "warn: cannot tell what CRI-O reads: it is started with CONTAINER_CONFIG "
            "/srv/crio.conf (crio.service)");
  EXPECT_FALSE(machine.report(kCrio).effective());
  EXPECT_EQ(with_unit("ExecStart=/usr/bin/crio --config /etc/crio/crio.conf\n"), "");
}

TEST(WireCrio, ReadsDirectoriesBelowThatOfItsDropIns) {
  const std::string list = "[crio.runtime]\nhooks_dir = [\"/site\"]\n";
  const Machine machine({{"/etc/crio/crio.conf.d/10-site/x.conf", list}});
  machine.install(kCrio, options_for(kCrio));
  EXPECT_THAT(machine.read("/etc/crio/crio.conf.d/99-pinscope.conf"), HasSubstr("\"/site\""));
  EXPECT_TRUE(machine.report(kCrio).effective());
  machine.write("/etc/crio/crio.conf.d/zz/deep/x", list);
  EXPECT_THAT(findings_of(machine.report(kCrio)).front(),
              HasSubstr("/etc/crio/crio.conf.d/zz/deep/x sets hooks_dir"));
}

}  // namespace
}  // namespace pinscope::engine
