// The fixture of tests of pinscope-runtime: an installation, three maps on the host, and containers
// that a real runtime starts through the shim.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/container/runtime_test.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

inline constexpr const char* kShim = PINSCOPE_BIN_DIR "/pinscope-runtime";

class ShimTest : public RuntimeTest {
 protected:
  // No kernel gives this one for bpf(2).
  static constexpr uint32_t kSeccompErrno = 83;  // ELIBEXEC
  static constexpr const char* kRefusedBySeccomp = "ELIBEXEC";

  void SetUp() override {
    RuntimeTest::SetUp();
    if (IsSkipped()) return;
    for (const char* path : {"/sys/fs/bpf/flows", "/sys/fs/bpf/counters", "/sys/fs/bpf/secret"}) {
      pins_.map(path);
      set_value(path, 1, 42);
    }
  }

  // The shim's command line up to the runtime's own arguments.
  std::vector<std::string> shim(const std::string& runtime = GetParam()) const {
    return {kShim,
            "--pinscope-policy",
            installation_.policy_directory(),
            "--pinscope-state-dir",
            installation_.state_directory(),
            "--pinscope-cache-dir=" + installation_.cache_directory(),
            "--pinscope-audit",
            installation_.audit_path(),
            "--pinscope-runtime",
            program_path(runtime)};
  }

  static std::string program_path(const std::string& runtime);

  // A profile in the way of Docker's: what is not named is refused, and bpf is not named.
  static void with_default_profile(BundleSpec& spec);

  static CommandResult run(RuntimeContainer& container, std::vector<std::string> commands) {
    return container.probe(std::move(commands)).run();
  }

  // The shim with these arguments of the runtime's, in the container's bundle.
  CommandResult call(const std::vector<std::string>& arguments,
                     const RuntimeContainer& container) const;

  static std::string config_of(const RuntimeContainer& container);

  HostPins pins_;
  Installation installation_;
};

}  // namespace pinscope::test
