// What status says of containerd where others have had a hand in its configuration, and how an
// installation and its removal get on there.
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kContainerd = model::Engine::kContainerd;
constexpr const char* kRoot = "/etc/containerd/config.toml";

Options of_version(const std::string& version, std::optional<bool> set_default = std::nullopt) {
  auto options = options_for(kContainerd);
  options.containerd_version = version;
  options.set_default = set_default;
  return options;
}

TEST(WireContainerd, TellsThatALaterFileTookTheDefault) {
  const std::string later = "/etc/containerd/conf.d/zz-nvidia.toml";
  const Machine machine({{kRoot, "version = 3\n"}});
  machine.install(kContainerd, of_version("2.1.9", true));
  machine.write(later,
                "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd]\n"
                "default_runtime_name = \"nvidia\"\n");
  EXPECT_FALSE(machine.report(kContainerd).effective());
  EXPECT_THAT(findings_of(machine.report(kContainerd)),
              ElementsAre("fail: " + later +
                          " makes \"nvidia\" the default runtime: containers that name no runtime "
                          "pass Pinscope by, although --set-default was asked for"));
  auto options = of_version("2.1.9");
  options.force = true;
  EXPECT_EQ(machine.refusal(kContainerd, options),
            "cannot wire containerd: \"" + later +
                "\" makes \"nvidia\" the default runtime and is read after "
                "\"/etc/containerd/conf.d/99-pinscope.toml\" (take default_runtime_name out there, "
                "or rename the file)");
  // Before ours, it has no say.
  machine.remove(later);
  machine.write("/etc/containerd/conf.d/99-nvidia.toml",
                "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd]\n"
                "default_runtime_name = \"nvidia\"\n");
  EXPECT_TRUE(machine.report(kContainerd).effective());
}

// nvidia-ctk writes the root file anew: the same tables in another layout, and no comments.
TEST(WireContainerd, KnowsItsPartInAFileThatAnotherToolWroteAnew) {
  for (const bool keeps_our_default : {true, false}) {
    const Machine machine({{kRoot, "version = 2\n"}});
    machine.install(kContainerd, of_version("1.7.24", true));
    const std::string table = "[plugins.'io.containerd.grpc.v1.cri'.containerd";
    const std::string others =
        table + ".runtimes]\n\n      " + table + ".runtimes.nvidia]\n" +
        "        runtime_type = 'io.containerd.runc.v2'\n\n        " + table +
        ".runtimes.nvidia.options]\n          BinaryName = '/usr/bin/nvidia-container-runtime'\n\n";
    const std::string head = "version = 2\n\n" + table + "]\n    default_runtime_name = ";
    machine.write("/usr/bin/nvidia-container-runtime", "#!/bin/true\n", 0755);
    machine.write(kRoot, head + (keeps_our_default ? "'pinscope'" : "'nvidia'") + "\n\n    " +
                             others + "      " + table + ".runtimes.pinscope]\n" +
                             "        runtime_type = 'io.containerd.runc.v2'\n\n        " + table +
                             ".runtimes.pinscope.options]\n" +
                             "          BinaryName = '/usr/bin/pinscope-runtime-containerd'\n\n" +
                             "      " + table + ".runtimes.runc]\n" +
                             "        runtime_type = 'io.containerd.runc.v2'\n");
    EXPECT_EQ(machine.report(kContainerd).effective(), keeps_our_default);
    machine.install(kContainerd, of_version("1.7.24"));
    EXPECT_TRUE(machine.report(kContainerd).effective()) << machine.read(kRoot);
    EXPECT_EQ(machine.has("/etc/pinscope/runtime-containerd.json"), !keeps_our_default);
    EXPECT_THAT(machine.install(kContainerd, of_version("1.7.24")).changes, IsEmpty());
    machine.remove_wiring(kContainerd);
    const auto left = machine.read(kRoot);
    EXPECT_THAT(left, testing::Not(HasSubstr("pinscope")));
    EXPECT_THAT(left, HasSubstr(others));
    EXPECT_EQ(left.find("default_runtime_name") == std::string::npos, keeps_our_default);
  }
}

TEST(WireContainerd, TellsThatItsRuntimeRunsAnotherProgram) {
  const Machine machine({{kRoot, "version = 3\n"}});
  machine.install(kContainerd, of_version("2.1"));
  machine.write("/etc/containerd/conf.d/zz.toml",
                "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes."
                "pinscope.options]\nBinaryName = \"/usr/bin/runc\"\n");
  EXPECT_EQ(findings_of(machine.report(kContainerd)).front(),
            "fail: the runtime \"pinscope\" runs /usr/bin/runc, which is not Pinscope's "
            "(/etc/containerd/conf.d/zz.toml)");
}

TEST(WireContainerd, TellsOfAProcessThatIsOlderOrReadsAnotherFile) {
  const Machine machine({{kRoot, "version = 3\n"}});
  machine.write("/usr/bin/containerd", "#!/bin/true\n", 0755);
  machine.install(kContainerd, of_version("2.1"));
  // The one that dockerd starts for itself is none of ours.
  play_process(machine, 4, "/usr/bin/containerd",
               {"--config", "/var/run/docker/containerd/containerd.toml"}, true);
  EXPECT_TRUE(machine.report(kContainerd).effective());
  play_process(machine, 5, "/usr/bin/containerd", {}, true);
  const auto report = machine.report(kContainerd);
  ASSERT_FALSE(report.effective());
  EXPECT_EQ(findings_of(report).front(),
            "fail: process 5 runs since before the wiring: containers that it starts pass Pinscope "
            "by");
  EXPECT_EQ(report.findings.front().action,
            "systemctl restart containerd (containers go on running)");
  play_process(machine, 6, "/usr/bin/containerd", {"-c", "/srv/c.toml"});
  machine.remove("/proc/5");
  EXPECT_EQ(findings_of(machine.report(kContainerd)).front(),
            "fail: containerd reads /srv/c.toml (process 6), not /etc/containerd/config.toml");
  const Machine other({{"/srv/c.toml", "version = 3\n"}});
  other.write("/usr/bin/containerd", "#!/bin/true\n", 0755);
  play_process(other, 6, "/usr/bin/containerd", {"-c", "/srv/c.toml"});
  EXPECT_EQ(other.refusal(kContainerd, of_version("2.1")),
            "cannot wire containerd: it reads /srv/c.toml (process 6), which no unit says (say "
            "which file it is to be, with --containerd-config)");
  auto told = of_version("2.1");
  told.containerd_config = "/srv/c.toml";
  EXPECT_EQ(other.install(kContainerd, told).checked_file, "/srv/c.toml");
  EXPECT_TRUE(other.report(kContainerd).effective());
  // What the unit says outranks what runs.
  other.write("/usr/lib/systemd/system/containerd.service",
              "[Service]\nExecStart=/usr/bin/containerd -config /srv/d.toml\n");
  EXPECT_EQ(findings_of(other.report(kContainerd)).front(),
            "fail: containerd reads /srv/d.toml (containerd.service), not /srv/c.toml");
}

TEST(WireContainerd, FollowsPatternsInEveryComponent) {
  const Machine machine({{kRoot,
                          "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\", "
                          "\"/srv/*/containerd/[a-z]*.toml\"]\n"},
                         {"/srv/site/containerd/last.toml",
                          "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd."
                          "runtimes.pinscope.options]\nBinaryName = \"/usr/bin/runc\"\n"}});
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_THAT(findings_of(machine.report(kContainerd)).front(),
              HasSubstr("which is not Pinscope's (/srv/site/containerd/last.toml)"));
}

TEST(WireContainerd, CopiesKeysThatNeedQuotes) {
  const std::string table = "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc";
  const Machine machine(
      {{kRoot, "version = 3\n" + table + "]\nruntime_type = \"io.containerd.runc.v2\"\n" + table +
                   ".options]\n\"odd key\" = 1\n'a\"b' = [\"x\"]\n"}});
  machine.install(kContainerd, of_version("2.1"));
  const auto text = machine.read("/etc/containerd/conf.d/99-pinscope.toml");
  EXPECT_THAT(text, HasSubstr("\n\"odd key\" = 1\n"));
  EXPECT_THAT(text, HasSubstr("\n\"a\\\"b\" = "));
  EXPECT_TRUE(machine.report(kContainerd).effective());
}

}  // namespace
}  // namespace pinscope::engine
