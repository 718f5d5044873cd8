// What tests of a node with Pinscope on it share: the pins of the host, one policy for pods "web-*"
// of the namespace "web", and what Pinscope has to say afterwards.
#pragma once

#include <string>
#include <vector>

#include "tests/engines/containerd/containerd_test.h"
#include "tests/support/bpf/bpf_objects.h"

namespace pinscope::test {

class PinscopeContainerdTest : public ContainerdTest {
 protected:
  // Makes /sys/fs/bpf/flows with 42 at key 1, which kWebPolicy grants for reading, and
  // /sys/fs/bpf/keys, which nobody gets.
  void SetUp() override;

  static constexpr const char* kWebPolicy = R"(apiVersion: pinscope/v1
kind: Policy
metadata: {name: flow-readers}
spec:
  select:
    kubernetes: {namespace: web, pod: "web-*", container: app}
  grants:
    - {pin: /sys/fs/bpf/flows, as: flows, access: read}
)";
  void write_policy(const std::string& text) {
    node().machine().write("/etc/pinscope/policy.d/web.yaml", text);
  }

  // What the probe tries in a container, and what it says with the view of kWebPolicy, with the
  // engine's default seccomp profile and capabilities.
  static std::vector<std::string> questions();
  static const std::string kView;
  // And without a view, under a profile that refuses bpf(2).
  static const std::string kNoView;

  // Every key by which some engine establishes identity, as if it were said of a container that the
  // policy selects. What containerd writes itself, it writes over these.
  static const Words& lies();

  // Names of the records of containers that have a view.
  [[nodiscard]] std::vector<std::string> records();
  // Lines of the audit trail.
  [[nodiscard]] std::vector<std::string> audit();
  // `pinscope` in the machine.
  CommandResult pinscope(std::vector<std::string> arguments);

  HostPins pins;
};

}  // namespace pinscope::test
