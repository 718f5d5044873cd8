// What tests of pods with pinscoped as an NRI plugin share: a node whose containerd has NRI
// switched on, the plugin's life, and a runtime handler with the shim beside it.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/engines/containerd/pinscope_test.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {

// What an error of the engine says; empty if there was none.
template <typename Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const CriError& error) {
    return error.what();
  }
  return "";
}

class NriPod : public PinscopeContainerdTest {
 protected:
  // containerd 1.7 has NRI switched off unless it is told to.
  void SetUp() override {
    PinscopeContainerdTest::SetUp();
    if (IsSkipped()) return;
    node().configure(R"(
[plugins."io.containerd.nri.v1.nri"]
disable = false
[@CRI@.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["*", "*/*"]
container_annotations = ["*", "*/*"]
[@CRI@.containerd.runtimes.pinscope]
runtime_type = "io.containerd.runc.v2"
[@CRI@.containerd.runtimes.pinscope.options]
BinaryName = "/usr/bin/pinscope-runtime-containerd"
)");
  }

  // How often the plugin was taken on by an engine.
  [[nodiscard]] int registrations() {
    if (!node().machine().exists("/var/log/pinscoped.log")) return 0;
    const std::string log = node().machine().read("/var/log/pinscoped.log");
    int count = 0;
    for (size_t at = 0; (at = log.find("serving containerd", at)) != std::string::npos; ++at)
      ++count;
    return count;
  }
  void wait_for_registration(int number) {
    ASSERT_TRUE(wait_until([&] { return registrations() >= number; }))
        << node().machine().log("pinscoped") << node().machine().log("containerd");
  }
  void start_plugin(std::vector<std::string> options = {}) {
    const int before = registrations();
    options.insert(options.begin(), {"pinscoped", "--nri"});
    plugin_ = node().machine().start("pinscoped", options);
    wait_for_registration(before + 1);
  }
  void kill_plugin() { node().machine().kill(plugin_); }
  // SIGSTOP, SIGCONT: a plugin that hangs, and goes on.
  void signal_plugin(int signal) { ASSERT_EQ(::kill(plugin_, signal), 0); }
  // As its page says; "" for no configuration.
  void pre_install_plugin(const std::string& configuration = "") {
    const auto linked = node().machine().run(
        {"sh", "-c",
         "mkdir -p /opt/nri/plugins && ln -s /usr/bin/pinscoped /opt/nri/plugins/50-pinscope"});
    ASSERT_EQ(linked.status, 0) << linked;
    if (!configuration.empty())
      node().machine().write("/etc/nri/conf.d/50-pinscope.conf", configuration);
  }
  // All that the engine has said.
  [[nodiscard]] std::string engine_log() {
    return node().machine().read("/var/log/containerd.log");
  }

  // Before NRI 0.10 no plugin can change the seccomp profile, and the default one refuses bpf(2):
  // docs/engines/containerd.md. The view is the same with another profile.
  static CriContainerSpec unconfined(CriContainerSpec spec) {
    spec.seccomp = CriContainerSpec::Seccomp::kUnconfined;
    return spec;
  }
  // Gives its id.
  std::string start_sleeper(const Pod& pod) {
    std::string id = node().cri().create(pod, unconfined(ContainerdMachine::sleeper()));
    node().cri().start(id);
    return id;
  }
  std::string ask(const Pod& pod, CriContainerSpec spec) { return node().cri().run(pod, spec); }
  std::string ask(const Pod& pod) {
    return ask(pod, unconfined(ContainerdMachine::probe(questions())));
  }
  [[nodiscard]] int granted() {
    int count = 0;
    for (const auto& line : audit()) count += line.find(R"("outcome":"granted")") != line.npos;
    return count;
  }

 private:
  pid_t plugin_ = -1;
};

}  // namespace pinscope::test
