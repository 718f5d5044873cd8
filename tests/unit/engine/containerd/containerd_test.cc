// containerd: a drop-in or a block, whatever its version and the layout of its root file.
#include "plugin/engine/containerd/config.h"
#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kContainerd = model::Engine::kContainerd;
constexpr const char* kRoot = "/etc/containerd/config.toml";
constexpr const char* kDropIn = "/etc/containerd/conf.d/99-pinscope.toml";
constexpr const char* kVersion2 =
    "# kept\nversion = 2\n\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = "
    "\"pause:1\"\n"
    "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n    default_runtime_name = \"runc\"\n"
    "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
    "      runtime_type = \"io.containerd.runc.v2\"\n      base_runtime_spec = \"/etc/spec.json\"\n"
    "      pod_annotations = [\"*\"]\n"
    "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
    "        SystemdCgroup = true\n        BinaryName = \"/usr/bin/runc\"\n";

Options of_version(const std::string& version, std::optional<bool> set_default = std::nullopt) {
  auto options = options_for(kContainerd);
  options.containerd_version = version;
  options.set_default = set_default;
  return options;
}

TEST(WireContainerd, AddsADropInWithTheRootFilesVersionAndRuncsSettings) {
  const Machine machine({{kRoot, kVersion2}});
  const auto before = machine.snapshot();
  const auto plan = machine.install(kContainerd, of_version("2.1.9"));
  EXPECT_EQ(
      machine.read(kDropIn),
      "# Made by `pinscope engine install --engine containerd`; `pinscope engine remove --engine "
      "containerd` takes it away.\n# Its version is the one of the file that imports it.\n"
      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope]\n"
      "runtime_type = \"io.containerd.runc.v2\"\nbase_runtime_spec = \"/etc/spec.json\"\n"
      "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope.options]\n"
      "BinaryName = \"/usr/bin/pinscope-runtime-containerd\"\nSystemdCgroup = true\n");
  EXPECT_THAT(machine.read(kRoot),
              HasSubstr("# kept\nversion = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]  # "
                        "pinscope\n\n[plugins"));
  EXPECT_EQ(plan.checked_file, kRoot);
  EXPECT_THAT(plan.next,
              ElementsAre(HasSubstr("systemctl restart containerd"), HasSubstr("RuntimeClass")));
  EXPECT_TRUE(machine.report(kContainerd).effective());
  EXPECT_THAT(machine.install(kContainerd, of_version("2.1.9")).changes, IsEmpty());
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.snapshot(), before);
}

// Its imports do not merge: a drop-in would take all other settings of the plugin away.
TEST(WireContainerd, AddsABlockToTheRootFileBefore20) {
  const Machine machine({{kRoot, kVersion2}});
  const auto before = machine.snapshot();
  machine.install(kContainerd, of_version("1.7.24"));
  EXPECT_FALSE(machine.has(kDropIn));
  EXPECT_EQ(machine.read(kRoot),
            std::string(kVersion2) +
                "# pinscope: begin; made by `pinscope engine install`\n"
                "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope]\n"
                "runtime_type = \"io.containerd.runc.v2\"\nbase_runtime_spec = \"/etc/spec.json\"\n"
                "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope.options]\n"
                "BinaryName = \"/usr/bin/pinscope-runtime-containerd\"\nSystemdCgroup = true\n"
                "# pinscope: end\n");
  EXPECT_TRUE(machine.report(kContainerd).effective());
  EXPECT_THAT(machine.install(kContainerd, of_version("1.7.24")).changes, IsEmpty());
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireContainerd, TakesTheSafeWayIfTheVersionIsNotKnown) {
  const Machine machine({{kRoot, kVersion2}});
  machine.install(kContainerd, of_version(""));
  EXPECT_FALSE(machine.has(kDropIn));
  EXPECT_TRUE(machine.report(kContainerd).effective());
}

TEST(WireContainerd, NamesTheBuiltInRuncWhere1xWouldForgetIt) {
  const Machine machine({{kRoot, "version = 2"}});
  machine.install(kContainerd, of_version("1.7.24"));
  EXPECT_THAT(machine.read(kRoot),
              HasSubstr("version = 2\n# pinscope: begin; made by `pinscope engine install`\n"
                        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
                        "runtime_type = \"io.containerd.runc.v2\"\n"));
}

TEST(WireContainerd, MakesARootFileWhereThereIsNone) {
  for (const char* version : {"1.6.20", "2.0.0", "2.2.1"}) {
    SCOPED_TRACE(version);
    const Machine machine({});
    const auto before = machine.snapshot();
    machine.install(kContainerd, of_version(version));
    EXPECT_THAT(machine.read(kRoot),
                HasSubstr(version[0] == '1' ? "\nversion = 2\n"
                                            : "\nversion = 3\nimports = "
                                              "[\"/etc/containerd/conf.d/*.toml\"]\n"));
    EXPECT_TRUE(machine.report(kContainerd).effective());
    EXPECT_THAT(machine.install(kContainerd, of_version(version)).changes, IsEmpty());
    machine.remove_wiring(kContainerd);
    EXPECT_EQ(machine.snapshot(), before);
  }
  const Machine machine({});
  EXPECT_EQ(
      machine.refusal(kContainerd, of_version("")),
      "cannot wire containerd: there is no \"/etc/containerd/config.toml\" and containerd's "
      "version is not known (say it with --containerd-version, as `containerd --version` prints "
      "it)");
}

TEST(WireContainerd, UsesADirectoryThatIsImportedAlready) {
  const Machine machine(
      {{kRoot, "version = 3\nimports = [\n  \"/etc/containerd/site.d/*.toml\",\n]\n"},
       {"/etc/containerd/site.d/10.toml",
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes."
        "runc]\nruntime_type = 'io.containerd.runc.v2'\n[plugins.'io.containerd.cri."
        "v1.runtime'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"}});
  const auto before = machine.snapshot();
  machine.install(kContainerd, of_version("2.1.0"));
  EXPECT_EQ(machine.read(kRoot),
            "version = 3\nimports = [\n  \"/etc/containerd/site.d/*.toml\",\n]\n");
  EXPECT_THAT(machine.read("/etc/containerd/site.d/99-pinscope.toml"),
              HasSubstr("[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.pinscope."
                        "options]\nBinaryName = \"/usr/bin/pinscope-runtime-containerd\"\n"
                        "SystemdCgroup = false\n"));
  EXPECT_TRUE(machine.report(kContainerd).effective());
  EXPECT_THAT(machine.install(kContainerd, of_version("2.1.0")).changes, IsEmpty());
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireContainerd, AddsToImportsThatAreThere) {
  const Machine machine({{kRoot, "imports = ['/etc/x.toml'] # x\nversion = 3\n"}});
  const auto before = machine.snapshot();
  machine.install(kContainerd, of_version("2.1.0"));
  EXPECT_EQ(machine.read(kRoot),
            "imports = [\"/etc/containerd/conf.d/*.toml\", '/etc/x.toml'] # x\nversion = 3\n");
  machine.write(kRoot, machine.read(kRoot) + "oom_score = 1\n");
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.read(kRoot), "imports = ['/etc/x.toml'] # x\nversion = 3\noom_score = 1\n");
}

TEST(WireContainerd, TakesOnlyItsPartOutOfAFileThatOthersHaveEditedSince) {
  for (const char* version : {"1.7.24", "2.1.9"}) {
    SCOPED_TRACE(version);
    const Machine machine({{kRoot, kVersion2}});
    machine.install(kContainerd, of_version(version, true));
    machine.write(kRoot, machine.read(kRoot) + "# theirs\n");
    EXPECT_TRUE(machine.report(kContainerd).effective());
    machine.remove_wiring(kContainerd);
    EXPECT_EQ(machine.read(kRoot), std::string(kVersion2) + "# theirs\n");
    EXPECT_FALSE(machine.has("/etc/pinscope"));
    EXPECT_FALSE(machine.has(kDropIn));
  }
}

TEST(WireContainerd, MakesItselfTheDefaultRuntime) {
  const Machine machine({{kRoot, kVersion2}});
  const auto before = machine.snapshot();
  machine.install(kContainerd, of_version("1.7.24", true));
  EXPECT_THAT(machine.read(kRoot),
              HasSubstr("    default_runtime_name = \"pinscope\"  # pinscope: was \"runc\"\n"));
  EXPECT_THAT(machine.install(kContainerd, of_version("1.7.24", true)).changes, IsEmpty());
  EXPECT_THAT(machine.install(kContainerd, of_version("1.7.24")).changes, IsEmpty());
  EXPECT_THAT(findings_of(machine.report(kContainerd)), IsEmpty());
  machine.install(kContainerd, of_version("1.7.24", false));
  EXPECT_THAT(machine.read(kRoot), HasSubstr("default_runtime_name = \"runc\"\n"));
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.snapshot(), before);
  machine.install(kContainerd, of_version("2.1.9", true));
  EXPECT_THAT(machine.read(kDropIn),
              HasSubstr("[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                        "default_runtime_name = \"pinscope\"\n"));
  EXPECT_THAT(machine.install(kContainerd, of_version("2.1.9")).changes, IsEmpty());
  EXPECT_THAT(findings_of(machine.report(kContainerd)), IsEmpty());
  machine.remove_wiring(kContainerd);
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireContainerd, SetsADefaultRuntimeInEveryLayoutOfTheRootFile) {
  const std::string table = "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n";
  for (const std::string& text : std::vector<std::string>{
           "version = 2\n", "version = 2\n" + table + "snapshotter = \"x\"\n",
           "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
           "runtime_type = \"io.containerd.runc.v2\"\n",
           "version = 2\n" + table + "default_runtime_name = 'runc'"}) {
    SCOPED_TRACE(text);
    const Machine machine({{kRoot, text}});
    machine.install(kContainerd, of_version("1.7.24", true));
    EXPECT_THAT(findings_of(machine.report(kContainerd)), IsEmpty()) << machine.read(kRoot);
    machine.write(kRoot, machine.read(kRoot) + "# theirs\n");
    machine.remove_wiring(kContainerd);
    const auto left = Toml::parse(machine.read(kRoot), kRoot);
    const auto before = Toml::parse(text, kRoot);
    ASSERT_TRUE(left && before);
    EXPECT_TRUE(left->equals_without(*before, {})) << machine.read(kRoot);
  }
}

TEST(WireContainerd, RefusesToReplaceAnotherDefaultRuntime) {
  const Machine machine({{kRoot,
                          "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\".containerd]\n"
                          "default_runtime_name = \"nvidia\"\n"}});
  EXPECT_EQ(
      machine.refusal(kContainerd, of_version("2.1", true)),
      "cannot wire containerd: its default runtime is \"nvidia\" (pinscope would run runc in its "
      "place; --force makes pinscope the default anyway)");
}

TEST(WireContainerd, RefusesAnImportThatHidesTheRootFile) {
  const Machine machine({{kRoot, "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n"},
                         {"/etc/containerd/conf.d/99-nvidia.toml",
                          "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n"}});
  EXPECT_EQ(
      machine.refusal(kContainerd, of_version("1.7.24")),
      "cannot wire containerd: containerd before 2.0 takes the whole section of its CRI plugin "
      "from \"/etc/containerd/conf.d/99-nvidia.toml\" and nothing of it from "
      "\"/etc/containerd/config.toml\" (install with --containerd-config "
      "/etc/containerd/conf.d/99-nvidia.toml)");
  auto options = of_version("1.7.24");
  options.containerd_config = "/etc/containerd/conf.d/99-nvidia.toml";
  machine.install(kContainerd, options);
  EXPECT_THAT(machine.read(options.containerd_config), HasSubstr("runtimes.pinscope"));
}

TEST(WireContainerd, RefusesAFileWithoutCri) {
  const Machine docker({{kRoot, "disabled_plugins = [\"cri\"]\n"}});
  EXPECT_THAT(docker.refusal(kContainerd, of_version("1.7.24")),
              HasSubstr("\"/etc/containerd/config.toml\" switches its CRI plugin off (Docker's "
                        "containerd: wire Docker instead"));
  const Machine old({{kRoot, "[plugins.cri]\n"}});
  EXPECT_EQ(old.refusal(kContainerd, of_version("1.7.24")),
            "cannot wire containerd: \"/etc/containerd/config.toml\" is of version 1 or says none "
            "(`containerd config migrate` prints it in a later version)");
}

TEST(WireContainerd, RefusesARuntimeOfSomebodyElse) {
  const Machine machine(
      {{kRoot,
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope]\n"}});
  EXPECT_EQ(machine.refusal(kContainerd, of_version("1.7.24")),
            "cannot edit \"/etc/containerd/config.toml\": it has a runtime \"pinscope\" of its own "
            "already");
}

TEST(WireContainerd, RefusesTomlThatItCannotAddTo) {
  const Machine machine({{kRoot, "version = 2\nplugins = {}\n"}});
  EXPECT_EQ(
      machine.refusal(kContainerd, of_version("1.7.24")),
      "cannot edit \"/etc/containerd/config.toml\": its layout leaves no place for another line "
      "(add it yourself)");
  const Machine broken({{kRoot, "version = 2\n[plugins\n"}});
  EXPECT_THAT(broken.refusal(kContainerd, of_version("1.7.24")),
              HasSubstr("cannot read \"/etc/containerd/config.toml\": line 2, column"));
}

TEST(WireContainerd, UsesTheDropInDirectoryOfK3s) {
  const std::string directory = "/var/lib/rancher/k3s/agent/etc/containerd";
  const Machine machine({{directory + "/config.toml", "version = 3\nimports = [\"" + directory +
                                                          "/config-v3.toml.d/*.toml\"]\n"}});
  const auto before = machine.snapshot();
  const auto plan = machine.install(kContainerd, of_version(""));
  EXPECT_TRUE(machine.has(directory + "/config-v3.toml.d/99-pinscope.toml"));
  EXPECT_THAT(plan.next.front(), HasSubstr("systemctl restart k3s"));
  EXPECT_EQ(plan.checked_file, "");
  EXPECT_TRUE(machine.report(kContainerd).effective());
  EXPECT_THAT(machine.remove_wiring(kContainerd).next.back(), HasSubstr("k3s"));
  EXPECT_EQ(machine.snapshot(), before);
}

TEST(WireContainerd, RefusesToEditWhatK3sWritesAnew) {
  const std::string directory = "/var/lib/rancher/k3s/agent/etc/containerd";
  const Machine old({{directory + "/config.toml", "version = 2\n"}});
  EXPECT_EQ(
      old.refusal(kContainerd, of_version("")),
      "cannot wire containerd: \"" + directory +
          "/config.toml\" is written anew at each start, and containerd before 2.0 cannot merge "
          "a drop-in (put the runtime into \"" +
          directory + "/config.toml.tmpl\"; docs/engines/containerd.md has the text)");
  const Machine no_import({{directory + "/config.toml", "version = 3\n"}});
  EXPECT_THAT(no_import.refusal(kContainerd, of_version("")),
              HasSubstr("does not import \"" + directory +
                        "/config-v3.toml.d/*.toml\" (add that "
                        "import to \"" +
                        directory + "/config-v3.toml.tmpl\""));
  const Machine both({{directory + "/config.toml", "version = 3\n"}, {kRoot, "version = 3\n"}});
  EXPECT_EQ(both.refusal(kContainerd, of_version("")),
            "cannot wire containerd: this machine has more than one (say which with "
            "--containerd-config: /etc/containerd/config.toml or " +
                directory + "/config.toml)");
}

TEST(WireContainerd, EditsTheTemplateOfMicrok8s) {
  const std::string path = "/var/snap/microk8s/current/args/containerd-template.toml";
  const Machine machine({{path,
                          "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                          "snapshotter = \"${SNAPSHOTTER}\"\n"}});
  const auto plan = machine.install(kContainerd, of_version("1.7.24"));
  EXPECT_THAT(machine.read(path), HasSubstr("runtimes.pinscope.options"));
  EXPECT_EQ(plan.next.front(), "snap restart microk8s.daemon-containerd");
}

TEST(WireContainerd, CannotTellItsRuntimeWherePoliciesAre) {
  const Machine machine({{kRoot, "version = 3\n"}});
  auto options = of_version("2.1");
  options.hook_arguments = {"--policy", "/x"};
  EXPECT_EQ(machine.refusal(kContainerd, options),
            "cannot wire containerd: it gives its runtime no arguments such as --policy (keep "
            "policies, records and the audit trail in their default places)");
}

// Another directory is mounted than at the installation.
TEST(WireContainerd, ForgetsNoFileThatItDoesNotSee) {
  const Machine machine(
      {{kRoot, "version = 3\n"}, {"/srv/containerd/config.toml", "version = 3\n"}});
  machine.install(kContainerd, of_version("2.1"));
  const std::string receipt = machine.read(receipt_path(kContainerd));
  machine.remove("/etc/containerd");
  const auto removed = plan_remove(kContainerd, machine.tree(), {});
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().sentence(),
              HasSubstr("cannot find \"/etc/containerd/config.toml\": there is no "
                        "\"/etc/containerd\" below " +
                        machine.root()));
  EXPECT_EQ(machine.read(receipt_path(kContainerd)), receipt);
  machine.make_directory("/etc/containerd/conf.d");
  machine.remove_wiring(kContainerd);
  EXPECT_FALSE(machine.has(receipt_path(kContainerd)));
}

TEST(WireContainerd, NoticesWhatKeepsItFromWorking) {
  const Machine machine({{kRoot, "version = 3\n"}});
  machine.install(kContainerd, of_version("2.1"));
  EXPECT_THAT(findings_of(machine.report(kContainerd)),
              ElementsAre("ok: only containers of the runtime \"pinscope\" meet Pinscope"));
  machine.remove("/usr/bin/pinscope-runtime");
  EXPECT_THAT(
      findings_of(machine.report(kContainerd)),
      testing::Contains("fail: cannot use program \"/usr/bin/pinscope-runtime-containerd\": "
                        "it is not there"));
  machine.write(kRoot, "version = 2\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n");
  EXPECT_THAT(
      findings_of(machine.report(kContainerd)),
      testing::Contains("fail: /etc/containerd/conf.d/99-pinscope.toml is of version 3, "
                        "/etc/containerd/config.toml of version 2: containerd does not start"));
  machine.write(kRoot, "version = 3\n");
  EXPECT_THAT(findings_of(machine.report(kContainerd)),
              testing::Contains("fail: /etc/containerd/config.toml does not import "
                                "/etc/containerd/conf.d/99-pinscope.toml"));
}

}  // namespace
}  // namespace pinscope::engine
