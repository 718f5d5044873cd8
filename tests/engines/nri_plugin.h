// The fixture of tests with pinscoped as an NRI plugin: an engine that is played, a real container
// of its, and a policy for pods of the namespace "web".
#pragma once

#include <map>
#include <string>

#include "tests/engines/played_engine.h"
#include "tests/support/container/view_test.h"

namespace pinscope::test {

class NriPlugin : public ViewTest {
 protected:
  // What containerd writes into the configuration of a pod's container.
  static std::map<std::string, std::string> annotations_of(const PlayedContainer& container) {
    return {{"io.kubernetes.cri.container-type", "container"},
            {"io.kubernetes.cri.sandbox-namespace", container.kubernetes_namespace},
            {"io.kubernetes.cri.sandbox-name", container.pod},
            {"io.kubernetes.cri.container-name", container.name}};
  }

  void SetUp() override {
    ViewTest::SetUp();
    pins_.map("/sys/fs/bpf/flows");
    installation_.write_policy(
        policy_text("select: {kubernetes: {namespace: web}}\n"
                    "grants:\n"
                    "  - {pin: /sys/fs/bpf/flows}\n"));
    played_.id = container_.id();
    container_.spec.annotations = annotations_of(played_);
  }
  // Its policy shows the container what is in the map, of which one entry is made, and not the map.
  void show_values() {
    set_value("/sys/fs/bpf/flows", 1, 42);
    installation_.write_policy(
        policy_text("select: {kubernetes: {namespace: web}}\nview: {values: only}\n"
                    "grants: [{pin: /sys/fs/bpf/flows, mode: \"0444\"}]\n"));
  }
  std::string configuration(const std::string& more = "") {
    return PlayedEngine::configuration(installation_, more);
  }

  PlayedContainer played_;
  PlayedEngine engine_;
};

}  // namespace pinscope::test
