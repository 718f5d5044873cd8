// The hook called without a runtime: a container process of our own, one granted map, and the state
// that a runtime would write as a text that tests change.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/container_process.h"
#include "tests/support/machine/snapshot.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

class DirectHook : public testing::Test {
 protected:
  DirectHook();

  [[nodiscard]] std::string bundle() const { return installation_.directory().path("bundle"); }
  // {"ociVersion": …, "id": "direct", "status": "creating", "pid": …, "bundle": …}; `more` follows.
  [[nodiscard]] std::string state(const std::string& more = "",
                                  const std::string& status = "creating") const;
  // The same with other text for one value: ("pid", "0").
  [[nodiscard]] std::string state_with(const std::string& key, const std::string& value) const;

  CommandResult create(const std::string& state) {
    return installation_.run_hook("createRuntime", state);
  }

  // The view is in place, and is then forgotten with poststop for the next call.
  void expect_view(const CommandResult& result);
  // Status 1, this sentence on stderr and in the audit trail, and nothing left.
  void expect_refused(const CommandResult& result, const std::string& sentence);
  void expect_nothing_left();

  HostPins pins_;
  Installation installation_;
  std::string rootfs_;
  std::unique_ptr<ContainerProcess> process_;
  std::vector<std::string> mounts_before_;
};

}  // namespace pinscope::test
