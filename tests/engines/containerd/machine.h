// A node with one release of containerd that serves pods, and what tests of it share.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/cri/client.h"
#include "tests/support/machine/engine_machine.h"

namespace pinscope::test {

// A release of containerd by the suite that has it.
struct ContainerdRelease {
  const char* suite;
  const char* version;  // how test names call it: "1_7"
};
constexpr ContainerdRelease kContainerd16 = {"bookworm", "1_6"};
constexpr ContainerdRelease kContainerd17 = {"trixie", "1_7"};
constexpr ContainerdRelease kContainerd21 = {"forky", "2_1"};

class ContainerdMachine {
 public:
  // The engine does not run yet: what a test writes to /etc first, it reads.
  explicit ContainerdMachine(const ContainerdRelease& release);
  ~ContainerdMachine();
  ContainerdMachine(const ContainerdMachine&) = delete;
  ContainerdMachine& operator=(const ContainerdMachine&) = delete;

  EngineMachine& machine() { return machine_; }

  // Adds to /etc/containerd/config.toml, which has what the release's package has, and the image of
  // tests as the pause image. CRI's section has another name in each version of the format:
  // "@CRI@" stands for it.
  void configure(std::string_view toml);

  // Both wait until the engine serves pods, with the image of tests imported.
  void start();
  void restart();
  void stop();
  // SIGKILL; its containers live on.
  void kill();

  [[nodiscard]] CriClient& cri() { return *cri_; }
  // A container of the image of tests whose process is the probe with these commands.
  static CriContainerSpec probe(std::vector<std::string> commands);
  static CriContainerSpec sleeper();

  // ctr in the namespace of CRI's containers, or another.
  CommandResult ctr(std::vector<std::string> arguments, const std::string& in = "k8s.io");
  // The config.json of a container that is there.
  [[nodiscard]] std::string config_json(const std::string& container) const;
  // Stops and removes every pod, as a node that is drained.
  void remove_pods();

 private:
  void wait_until_ready();

  EngineMachine machine_;
  std::unique_ptr<CriClient> cri_;
  pid_t server_ = -1;
};

}  // namespace pinscope::test
