// The shim runs what the engine would have run: found at installation, looked after by status.
#include "plugin/engine/wiring/low_level_runtime.h"

#include "plugin/model/low_level_runtime.h"
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto kContainerd = model::Engine::kContainerd;
constexpr auto kDocker = model::Engine::kDocker;
constexpr const char* kRoot = "/etc/containerd/config.toml";
constexpr const char* kTold = "/etc/pinscope/runtime-containerd.json";
constexpr const char* kOnlyOurs = "ok: only containers of the runtime \"pinscope\" meet Pinscope";

Options of_version(const std::string& version) {
  auto options = options_for(kContainerd);
  options.containerd_version = version;
  return options;
}

// A root file of version 3 whose runtime `name` runs `program`, and which is the default.
std::string root_file(const std::string& name, const std::string& program,
                      const std::string& more = "") {
  const std::string table = "[plugins.\"io.containerd.cri.v1.runtime\".containerd";
  return "version = 3\n" + table + "]\ndefault_runtime_name = \"" + name + "\"\n" + table +
         ".runtimes." + name + "]\nruntime_type = \"io.containerd.runc.v2\"\n" + more + table +
         ".runtimes." + name + ".options]\nBinaryName = \"" + program +
         "\"\nSystemdCgroup = true\n";
}

TEST(LowLevelRuntime, IsTheOneThatContainerdWouldHaveRun) {
  for (const std::string& program :
       {std::string("/opt/vendor/bin/runc"), std::string("/usr/bin/crun"), std::string("crun")}) {
    SCOPED_TRACE(program);
    const std::string path = program.starts_with('/') ? program : "/usr/bin/" + program;
    for (const char* name : {"runc", "crun"}) {
      const Machine machine({{kRoot, root_file(name, program)}});
      machine.write(path, "#!/bin/true\n", 0755);
      const auto before = machine.snapshot();
      auto options = of_version("2.1");
      options.set_default = true;
      machine.install(kContainerd, options);
      EXPECT_EQ(machine.read(kTold), "{\"runtime\":\"" + path + "\"}\n");
      EXPECT_THAT(findings_of(machine.report(kContainerd)), IsEmpty());
      EXPECT_THAT(machine.install(kContainerd, of_version("2.1")).changes, IsEmpty());
      machine.remove_wiring(kContainerd);
      EXPECT_EQ(machine.snapshot(), before);
    }
  }
}

TEST(LowLevelRuntime, IsTheSameInABlock) {
  std::string text = root_file("crun", "/usr/bin/crun");
  for (size_t at = 0; (at = text.find("cri.v1.runtime", at)) != std::string::npos;)
    text.replace(at, 14, "grpc.v1.cri");
  text.replace(text.find("version = 3"), 11, "version = 2");
  const Machine machine({{kRoot, text}});
  machine.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  auto options = of_version("1.7.24");
  options.set_default = true;
  machine.install(kContainerd, options);
  EXPECT_EQ(machine.read(kTold), "{\"runtime\":\"/usr/bin/crun\"}\n");
  EXPECT_THAT(machine.install(kContainerd, of_version("1.7.24")).changes, IsEmpty());
  EXPECT_THAT(findings_of(machine.report(kContainerd)), IsEmpty());
}

TEST(LowLevelRuntime, IsInTheDirectoryOfADistribution) {
  const std::string k3s = "/var/lib/rancher/k3s/";
  const std::string root = k3s + "agent/etc/containerd/config.toml";
  const std::string text =
      "version = 3\nimports = [\"" + k3s + "agent/etc/containerd/config-v3.toml.d/*.toml\"]\n";
  const Machine machine({{root, text}});
  machine.remove("/usr/bin/runc");
  EXPECT_EQ(machine.refusal(kContainerd, of_version("")),
            "cannot run what the engine runs for the runtime \"runc\": there is no program "
            "\"runc\" in " +
                k3s +
                "data/current/bin or the usual directories (write {\"runtime\": \"/where/it/is\"} "
                "to /etc/pinscope/runtime.json)");
  machine.write(k3s + "data/0123/bin/runc", "#!/bin/true\n", 0755);
  machine.link(k3s + "data/current", k3s + "data/0123");
  machine.install(kContainerd, of_version(""));
  EXPECT_EQ(machine.read(kTold), "{\"runtime\":\"" + k3s + "data/current/bin/runc\"}\n");
  EXPECT_THAT(findings_of(machine.report(kContainerd)), ElementsAre(kOnlyOurs));
  // Even where another runc is found first.
  machine.write("/usr/bin/runc", "#!/bin/true\n", 0755);
  EXPECT_THAT(machine.install(kContainerd, of_version("")).changes, IsEmpty());
  machine.remove(k3s + "data/current");
  EXPECT_THAT(findings_of(machine.report(kContainerd)),
              Contains(HasSubstr("no container of the runtime \"pinscope\" starts")));
}

TEST(LowLevelRuntime, IsInTheDataDirectoryThatTheRootFileIsIn) {
  const std::string root = "/srv/k3s/agent/etc/containerd/config.toml";
  const Machine machine(
      {{root,
        "version = 3\nimports = [\"/srv/k3s/agent/etc/containerd/config-v3.toml.d/*.toml\"]"
        "\n"}});
  machine.write("/srv/k3s/data/current/bin/runc", "#!/bin/true\n", 0755);
  auto options = of_version("");
  options.containerd_config = root;
  machine.install(kContainerd, options);
  EXPECT_EQ(machine.read(kTold), "{\"runtime\":\"/srv/k3s/data/current/bin/runc\"}\n");
  EXPECT_THAT(findings_of(machine.report(kContainerd)), ElementsAre(kOnlyOurs));
}

TEST(LowLevelRuntime, IsWhatTheAdministratorSays) {
  const Machine machine({{kRoot, root_file("runc", "/opt/gone/runc")},
                         {model::kRuntimeFile, "{\"runtime\": \"/usr/bin/runc\"}\n"}});
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_FALSE(machine.has(kTold));
  EXPECT_THAT(findings_of(machine.report(kContainerd)), ElementsAre(kOnlyOurs));
  machine.write(model::kRuntimeFile, "{\"runtime\": \"/usr/bin/none\"}\n");
  EXPECT_FALSE(machine.report(kContainerd).effective());
  machine.remove(model::kRuntimeFile);
  EXPECT_THAT(machine.refusal(kContainerd, of_version("2.1")),
              HasSubstr("cannot use program \"/opt/gone/runc\": it is not there (write {"));
}

// A pod of a node's agent has no mount of the directories that programs are in.
TEST(LowLevelRuntime, IsTakenUnseenWhereNoDirectoryOfProgramsIsInSight) {
  const std::string k3s = "/var/lib/rancher/k3s/";
  const auto told = [&](const std::string& root, const std::string& text) {
    const Machine machine({{root, text}});
    machine.remove("/usr");
    auto options = of_version("2.1");
    options.shim = "/opt/pinscope/bin/pinscope-runtime-containerd";
    machine.write(options.shim, "#!/bin/true\n", 0755);
    machine.install(kContainerd, options);
    return machine.has(kTold) ? machine.read(kTold) : "";
  };
  EXPECT_EQ(told(kRoot, root_file("runc", "/usr/sbin/runc")), "{\"runtime\":\"/usr/sbin/runc\"}\n");
  EXPECT_EQ(told(kRoot, root_file("runc", "/opt/vendor/runc")),
            "{\"runtime\":\"/opt/vendor/runc\"}\n");
  EXPECT_EQ(told(kRoot, "version = 3\n"), "");
  EXPECT_EQ(told(k3s + "agent/etc/containerd/config.toml",
                 "version = 3\nimports = [\"" + k3s +
                     "agent/etc/containerd/config-v3.toml.d/*.toml\"]\n"),
            "{\"runtime\":\"" + k3s + "data/current/bin/runc\"}\n");
}

// A name has to be looked for, and what others could change is not taken.
TEST(LowLevelRuntime, IsNotGuessedWhereNoDirectoryOfProgramsIsInSight) {
  const Machine machine({{kRoot, root_file("runc", "crun")}});
  machine.remove("/usr");
  auto options = of_version("2.1");
  options.shim = "/opt/pinscope/bin/pinscope-runtime-containerd";
  machine.write(options.shim, "#!/bin/true\n", 0755);
  EXPECT_THAT(machine.refusal(kContainerd, options),
              HasSubstr("\"crun\" is no path, and " + machine.root() +
                        " does not show the directories of programs (write {"));
  machine.make_directory("/opt/vendor", 0777);
  machine.write(kRoot, root_file("runc", "/opt/vendor/runc"));
  EXPECT_THAT(machine.refusal(kContainerd, options), HasSubstr("cannot trust \"/opt/vendor\""));
}

TEST(LowLevelRuntime, IsLookedAtAgainByStatus) {
  const Machine machine({{kRoot, root_file("runc", "/usr/bin/runc")}});
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_FALSE(machine.has(kTold));
  machine.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  std::string text = machine.read(kRoot);
  text.replace(text.find("/usr/bin/runc"), 13, "/usr/bin/crun");
  machine.write(kRoot, text);
  const auto report = machine.report(kContainerd);
  EXPECT_THAT(findings_of(report),
              Contains("warn: the shim runs /usr/bin/runc, for the runtime \"runc\" the engine "
                       "itself runs /usr/bin/crun"));
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_EQ(machine.read(kTold), "{\"runtime\":\"/usr/bin/crun\"}\n");
  EXPECT_THAT(findings_of(machine.report(kContainerd)), ElementsAre(kOnlyOurs));
}

// gVisor where runc's shim is told to run it: a view would show it nothing.
TEST(LowLevelRuntime, IsNeverOneWithAKernelOfItsOwn) {
  const Machine machine({{kRoot, root_file("runsc", "/usr/bin/runsc")}});
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_FALSE(machine.has(kTold));
  auto options = of_version("2.1");
  options.set_default = true;
  EXPECT_THAT(machine.refusal(kContainerd, options), HasSubstr("its default runtime is \"runsc\""));
}

TEST(LowLevelRuntime, IsTheOneThatDockerWouldHaveRun) {
  const Machine machine(
      {{"/etc/docker/daemon.json",
        R"({"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun", )"
        R"("runtimeArgs": ["--debug"]}}})"}});
  machine.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  const auto before = machine.snapshot();
  auto options = options_for(kDocker);
  machine.install(kDocker, options);
  const std::string told = R"(["--pinscope-runtime", "/usr/bin/crun", "--debug"])";
  EXPECT_THAT(machine.read("/etc/docker/daemon.json"), HasSubstr(told));
  options.set_default = true;
  machine.install(kDocker, options);
  EXPECT_THAT(machine.read("/etc/docker/daemon.json"), HasSubstr(told));
  EXPECT_THAT(findings_of(machine.report(kDocker)), IsEmpty());
  EXPECT_THAT(machine.install(kDocker, options_for(kDocker)).changes, IsEmpty());
  machine.remove_wiring(kDocker);
  EXPECT_EQ(machine.snapshot(), before);
}

// Whatever containerd's next release adds.
TEST(WireContainerdRuntime, HasEverySettingOfTheRuntimeThatItStandsBeside) {
  const std::string settings =
      "cgroup_writable = true\ncni_conf_dir = \"/srv/cni\"\ncontainer_annotations = [\"a\"]\n"
      "from_tomorrow = 3\nio_type = \"streaming\"\npod_annotations = [\"*\"]\n"
      "runtime_engine = \"x\"\nruntime_path = \"/opt/shim\"\nruntime_root = \"x\"\n"
      "sandboxer = \"shim\"\nsnapshotter = \"zfs\"\n";
  std::string text = root_file("vendor", "/usr/bin/runc", settings);
  text += "NoPivotRoot = true\nRoot = \"/run/vendor\"\n";
  const Machine machine({{kRoot, text}});
  machine.install(kContainerd, of_version("2.1"));
  const auto drop_in = machine.read("/etc/containerd/conf.d/99-pinscope.toml");
  EXPECT_THAT(drop_in,
              HasSubstr("runtime_type = \"io.containerd.runc.v2\"\ncgroup_writable = true\n"
                        "cni_conf_dir = \"/srv/cni\"\ncontainer_annotations = [ \"a\" ]\n"
                        "from_tomorrow = 3\nio_type = \"streaming\"\nruntime_path = \"/opt/shim\"\n"
                        "sandboxer = \"shim\"\nsnapshotter = \"zfs\"\n["));
  EXPECT_THAT(drop_in,
              HasSubstr("options]\nBinaryName = \"/usr/bin/pinscope-runtime-containerd\"\n"
                        "NoPivotRoot = true\nRoot = \"/run/vendor\"\nSystemdCgroup = true\n"));
  EXPECT_THAT(drop_in, Not(HasSubstr("runtime_root")));
}

// Somebody has put a shim of ours into the runtime that ours stands beside.
TEST(LowLevelRuntime, IsNeverTheShimItself) {
  for (const std::string program :
       {"/usr/bin/pinscope-runtime-containerd", "pinscope-runtime", "/usr/local/bin/runc"}) {
    SCOPED_TRACE(program);
    const Machine machine({{kRoot, root_file("pinned", program)}});
    if (program.ends_with("/runc")) machine.link(program, "../../bin/pinscope-runtime");
    machine.install(kContainerd, of_version("2.1"));
    EXPECT_FALSE(machine.has(kTold)) << machine.read(kTold);
    EXPECT_THAT(findings_of(machine.report(kContainerd)), ElementsAre(kOnlyOurs));
  }
}

TEST(LowLevelRuntime, IsNotTheShimThatAFileNames) {
  const Machine machine({{kRoot, "version = 3\n"}});
  machine.install(kContainerd, of_version("2.1"));
  machine.link("/opt/runc", "../usr/bin/pinscope-runtime");
  for (const std::string program : {"/usr/bin/pinscope-runtime-docker", "/opt/runc"}) {
    machine.write(kTold, "{\"runtime\": \"" + program + "\"}\n");
    EXPECT_THAT(findings_of(machine.report(kContainerd)),
                Contains("fail: the shim cannot run " + program +
                         ": it is pinscope-runtime itself: no container of the runtime "
                         "\"pinscope\" starts"));
  }
}

TEST(LowLevelRuntime, OfDockerIsWhatTheShimOfItsDefaultRuntimeIsTold) {
  const Machine machine({{"/etc/docker/daemon.json",
                          R"({"default-runtime": "pinned", "runtimes": {"pinned": {"path":
"/usr/bin/pinscope-runtime-docker", "runtimeArgs": ["--pinscope-runtime", "/usr/bin/crun"]}}})"}});
  machine.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(machine.read("/etc/docker/daemon.json"),
              Not(HasSubstr("\"--pinscope-runtime\", \"/usr/bin/pinscope")));
  EXPECT_TRUE(machine.report(kDocker).effective());
}

TEST(LowLevelRuntime, OfDockerIsNotTheOneOfAFileThatCameLater) {
  const Machine machine(
      {{"/etc/docker/daemon.json",
        R"({"default-runtime": "crun", "runtimes": {"crun": {"path": "crun"}}})"}});
  machine.write("/usr/bin/crun", "#!/bin/true\n", 0755);
  machine.install(kDocker, options_for(kDocker));
  machine.write(model::kRuntimeFile, "{\"runtime\": \"/usr/bin/runc\"}\n");
  EXPECT_THAT(findings_of(machine.report(kDocker)),
              Contains("warn: /etc/pinscope/runtime.json names /usr/bin/runc, and the shim is told "
                       "to run /usr/bin/crun by its arguments, which count before it"));
  machine.install(kDocker, options_for(kDocker));
  EXPECT_THAT(findings_of(machine.report(kDocker)), ElementsAre(kOnlyOurs));
}

}  // namespace
}  // namespace pinscope::engine
