#include "tests/engines/containerd/machine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

constexpr const char* kConfig = "/etc/containerd/config.toml";
constexpr const char* kSocket = "/run/containerd/containerd.sock";
constexpr const char* kLogs = "/var/log/pods";
constexpr std::string_view kCri = "@CRI@";
constexpr std::string_view kCriSection = "plugins.\"io.containerd.grpc.v1.cri\"";

std::string with_section(std::string_view toml) {
  std::string text(toml);
  for (size_t at = 0; (at = text.find(kCri, at)) != std::string::npos; at += kCriSection.size())
    text.replace(at, kCri.size(), kCriSection);
  return text;
}

}  // namespace

ContainerdMachine::ContainerdMachine(const ContainerdRelease& release) : machine_(release.suite) {
  std::filesystem::create_directories(machine_.outside(kLogs));
  // The package's own configuration, flat, so that a test can add tables to it.
  machine_.write(kConfig, with_section(R"(version = 2
imports = ["/etc/containerd/conf.d/*.toml"]

[@CRI@]
sandbox_image = ")" + std::string(EngineMachine::kImage) +
                                       R"("
# Root may lack CAP_SYS_RESOURCE here, which the score of a pause container needs.
restrict_oom_score_adj = true
# As of containerd 2.
enable_cdi = true
[@CRI@.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
)"));
}

ContainerdMachine::~ContainerdMachine() {
  // The client first: it holds a connection to the engine.
  cri_.reset();
}

void ContainerdMachine::configure(std::string_view toml) {
  machine_.write(kConfig, machine_.read(kConfig) + with_section(toml));
}

void ContainerdMachine::start() {
  server_ = machine_.start("containerd", {"containerd", "--log-level", "debug"});
  if (!cri_)
    cri_ = std::make_unique<CriClient>(machine_.outside(kSocket), kLogs, machine_.outside(kLogs));
  wait_until_ready();
  if (cri_->has_image(EngineMachine::kImage)) return;
  const auto imported = ctr({"images", "import", EngineMachine::kImageArchive});
  ASSERT_EQ(imported.status, 0) << imported;
  // CRI learns of it by an event.
  ASSERT_TRUE(wait_until([&] { return cri_->has_image(EngineMachine::kImage); }))
      << machine_.log("containerd");
}

void ContainerdMachine::wait_until_ready() {
  if (!wait_until([&] { return cri_->is_ready(); }, 20))
    throw std::runtime_error("containerd does not serve pods:\n" + machine_.log("containerd"));
}

void ContainerdMachine::stop() {
  machine_.stop(server_);
}

void ContainerdMachine::kill() {
  machine_.kill(server_);
}

void ContainerdMachine::restart() {
  stop();
  start();
}

CriContainerSpec ContainerdMachine::probe(std::vector<std::string> commands) {
  CriContainerSpec spec;
  spec.image = EngineMachine::kImage;
  spec.command = std::move(commands);
  spec.command.insert(spec.command.begin(), "/bin/probe");
  return spec;
}

CriContainerSpec ContainerdMachine::sleeper() {
  CriContainerSpec spec;
  spec.image = EngineMachine::kImage;
  return spec;
}

CommandResult ContainerdMachine::ctr(std::vector<std::string> arguments, const std::string& in) {
  arguments.insert(arguments.begin(), {"ctr", "--namespace", in});
  return machine_.run(std::move(arguments));
}

std::string ContainerdMachine::config_json(const std::string& container) const {
  return machine_.read("/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + container +
                       "/config.json");
}

void ContainerdMachine::remove_pods() {
  for (const auto& id : cri_->pods()) {
    const Pod pod{.id = id, .spec = {}};
    cri_->stop_pod(pod);
    cri_->remove_pod(pod);
  }
}

}  // namespace pinscope::test
