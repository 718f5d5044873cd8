// The fixture of tests with BPF tokens: a container in a user namespace, with CAP_BPF there and a
// cgroup namespace of its own, under a policy that delegates.
#pragma once

#include <string>

#include "plugin/kernel/bpf/delegation.h"
#include "tests/support/container/view_test.h"
#include "tests/support/report/kernel_answer.h"

namespace pinscope::test {

class TokenTest : public ViewTest {
 protected:
  void SetUp() override {
    ViewTest::SetUp();
    if (IsSkipped()) return;
    const auto probe = kernel::probe_delegation();
    if (probe.answer != model::Probe::kYes) {
      record_refusal(probe.detail);
      GTEST_SKIP() << probe.detail;
    }
    furnish(container_);
  }

  static void furnish(RuntimeContainer& container) {
    container.spec.with_user_namespace();
    container.spec.namespaces["cgroup"] = "";
    container.spec.capabilities.push_back("CAP_BPF");
  }

  // A policy that delegates the usual rights, less what `delegate` says instead: more keys of it.
  void delegate(const std::string& more = "", const std::string& rest = "") {
    installation_.write_policy(policy_text(
        "select: {}\ndelegate:\n  commands: [map_create, prog_load, btf_load]\n  maps: [hash, "
        "array, "
        "ringbuf]\n  programs: [socket_filter, cgroup_skb]\n  attach: [cgroup_inet_ingress, "
        "cgroup_inet_egress]\n  programsReach: whole-machine\n" +
        more + rest));
  }

  // Without prog_load, read grants hold.
  void delegate_maps(const std::string& rest) {
    installation_.write_policy(
        policy_text("select: {}\ndelegate:\n  commands: [map_create]\n  maps: [hash]\n" + rest));
  }
};

}  // namespace pinscope::test
