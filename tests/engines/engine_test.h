// What the tests of whole engines share: two pins of the host, a policy in its default place, and
// what the machine's audit trail and the probe inside the container say.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_container.h"
#include "tests/support/machine/engine_machine.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

// What an ordinary program does with a granted map, and what it must not be able to do.
inline const std::vector<std::string> kUseTheGrant = {
    "ls /sys/fs/bpf", "lookup /sys/fs/bpf/flows 1", "get-rw /sys/fs/bpf/flows",
    "get-ro /sys/fs/bpf/keys"};

// Commands of bpf(2) that no read grant needs: a profile that we opened must still refuse them.
// What the kernel itself would say to a container without CAP_BPF is not EPERM for all of them.
inline const std::vector<std::string> kTryOtherCommands = {
    "lookup /sys/fs/bpf/flows 1", "repin /sys/fs/bpf/flows /tmp/pin", "freeze-ro /sys/fs/bpf/flows",
    "next-map-id 0"};

// Every key under which one engine or another writes identity, with a value that a policy of these
// tests selects; set by whoever starts the container.
inline const std::vector<std::string> kLyingAnnotations = {
    "io.kubernetes.cri.sandbox-namespace=kube-system",
    "io.kubernetes.cri.sandbox-name=agent",
    "io.kubernetes.cri.container-name=agent",
    "io.kubernetes.cri.image-name=agent",
    "io.kubernetes.cri.container-type=container",
    "io.kubernetes.pod.namespace=kube-system",
    "io.kubernetes.pod.name=agent",
    "io.kubernetes.container.name=agent",
    "io.kubernetes.cri-o.Namespace=kube-system",
    "io.kubernetes.cri-o.KubeName=agent",
    "io.kubernetes.cri-o.ImageName=agent",
    "io.kubernetes.cri-o.ContainerType=container",
    "io.container.manager=cri-o"};

class EngineTest {
 public:
  // `release`: one of build/engines, or "" for what is installed.
  explicit EngineTest(const std::string& release) : machine(release) {
    pins.map("/sys/fs/bpf/flows");
    pins.map("/sys/fs/bpf/keys");
    set_value("/sys/fs/bpf/flows", 1, 42);
  }

  // A policy that grants the flows for reading to whom `select` says ("{engine: docker}").
  void grant_flows(const std::string& select) const {
    write_policy("select: " + select + "\ngrants:\n  - {pin: /sys/fs/bpf/flows, access: read}\n");
  }
  void write_policy(const std::string& spec, const std::string& name = "test") const {
    machine.write("/etc/pinscope/policy.d/" + name + ".yaml", policy_text(spec, name));
  }

  // The lines of the audit trail so far.
  [[nodiscard]] std::vector<AuditLine> audit() const {
    return read_audit(machine.outside("/var/log/pinscope/audit.jsonl"));
  }

  // Names of the records that are there.
  [[nodiscard]] std::vector<std::string> records() const;

  HostPins pins;
  EngineMachine machine;
};

// The probe's answers to kUseTheGrant where the grant works, and where there is no view.
inline void expect_the_grant_works(const CommandResult& result) {
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok flows") << result;
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
  EXPECT_EQ(answer(result, "get-rw /sys/fs/bpf/flows"), "EROFS") << result;
  EXPECT_EQ(answer(result, "get-ro /sys/fs/bpf/keys"), "ENOENT") << result;
}
inline void expect_only_needed_commands(const CommandResult& result) {
  EXPECT_EQ(answer(result, "lookup /sys/fs/bpf/flows 1"), "ok 42") << result;
  for (const auto& command : {kTryOtherCommands[1], kTryOtherCommands[2], kTryOtherCommands[3]}) {
    // Podman's profile answers ENOSYS to what it does not know.
    EXPECT_THAT(answer(result, command), testing::AnyOf("EPERM", "ENOSYS")) << result;
  }
}
inline void expect_no_view(const CommandResult& result) {
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(answer(result, "ls /sys/fs/bpf"), "ok") << result;
}

}  // namespace pinscope::test
