// What --dry-run prints for each engine, compared with files in expected/. PINSCOPE_REGENERATE=1
// rewrites them: review the difference.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/engine/machine.h"

namespace pinscope::engine {
namespace {

void compare(const std::string& name, const std::string& text) {
  const std::string path =
      std::string(PINSCOPE_SOURCE_DIRECTORY) + "/tests/unit/engine/expected/" + name;
  if (std::getenv("PINSCOPE_REGENERATE") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream expected;
  expected << stream.rdbuf();
  EXPECT_EQ(text, expected.str()) << path;
}

std::string dry_run(const Machine& machine, model::Engine engine, const Options& options) {
  const auto before = machine.snapshot();
  const auto plan = plan_install(engine, machine.tree(), options);
  EXPECT_TRUE(plan) << plan.error().sentence();
  EXPECT_EQ(machine.snapshot(), before);
  return plan ? describe(plan->changes) : "";
}

TEST(DryRun, ShowsTheFilesForPodman) {
  const Machine machine({{"/etc/pinscope/policy.d/"}, {"/etc/containers/"}});
  compare("podman.txt",
          dry_run(machine, model::Engine::kPodman, options_for(model::Engine::kPodman)));
}

TEST(DryRun, ShowsTheFilesForCrio) {
  const Machine machine({{"/etc/pinscope/policy.d/"}, {"/etc/crio/crio.conf.d/"}});
  compare("crio.txt", dry_run(machine, model::Engine::kCrio, options_for(model::Engine::kCrio)));
}

TEST(DryRun, ShowsTheDropInAndTheImportForContainerd) {
  const Machine machine(
      {{"/etc/pinscope/policy.d/"},
       {"/etc/containerd/config.toml",
        "# Site\nversion = 3\nroot = '/srv/containerd'\n\n[grpc]\n  gid = 0\n  uid = 0\n"}});
  auto options = options_for(model::Engine::kContainerd);
  options.set_default = true;
  compare("containerd2.txt", dry_run(machine, model::Engine::kContainerd, options));
}

TEST(DryRun, ShowsTheBlockForContainerd1) {
  const Machine machine(
      {{"/etc/pinscope/policy.d/"},
       {"/etc/containerd/config.toml",
        "version = 2\n\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
        "  default_runtime_name = \"runc\"\n  snapshotter = \"overlayfs\"\n  discard = 1\n  a = 2\n"
        "  b = 3\n  c = 4\n  d = 5\n"
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
        "  runtime_type = \"io.containerd.runc.v2\"\n"}});
  auto options = options_for(model::Engine::kContainerd);
  options.containerd_version = "1.7.24";
  options.set_default = true;
  compare("containerd1.txt", dry_run(machine, model::Engine::kContainerd, options));
}

TEST(DryRun, ShowsTheEditForDocker) {
  const Machine machine(
      {{"/etc/pinscope/policy.d/"},
       {"/etc/docker/daemon.json", "{\n  \"debug\": true,\n  \"log-driver\": \"journald\"\n}\n"}});
  compare("docker.txt",
          dry_run(machine, model::Engine::kDocker, options_for(model::Engine::kDocker)));
}

TEST(DryRun, EscapesWhatCouldDisturbATerminal) {
  const Machine machine({{"/etc/docker/daemon.json", "{\n  \"a\": 1,\n\t\"b\": \"\x7f\"\n}\n"}});
  const auto text = dry_run(machine, model::Engine::kDocker, options_for(model::Engine::kDocker));
  EXPECT_THAT(text, testing::HasSubstr("\t\"b\": \"\\x7f\""));
}

}  // namespace
}  // namespace pinscope::engine
