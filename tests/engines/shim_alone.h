// pinscope-runtime in front of a program that says how it was started (recorder.c), instead of a
// runtime.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/engines/shim_test.h"

namespace pinscope::test {

class ShimAlone : public testing::Test {
 protected:
  ShimAlone() {
    directory_.make_directory("bundle");
    directory_.make_directory("bin");
    std::filesystem::copy_file(PINSCOPE_RECORDER, runtime());
    write_config(R"({"ociVersion":"1.0.2","root":{"path":"rootfs"}})");
  }

  std::string runtime(const std::string& name = "runc") const {
    return directory_.path("bin/" + name);
  }
  std::string bundle() const { return directory_.path("bundle"); }
  std::string config() const { return read_file(bundle() + "/config.json"); }
  void write_config(const std::string& text) { write_file(bundle() + "/config.json", text); }
  void select_everything() {
    installation_.write_policy(policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/a}]\n"));
  }

  std::vector<std::string> argv(const std::vector<std::string>& arguments,
                                const std::string& shim = kShim) const {
    std::vector<std::string> all = {shim,
                                    "--pinscope-policy=" + installation_.policy_directory(),
                                    "--pinscope-state-dir=" + installation_.state_directory(),
                                    "--pinscope-cache-dir=" + installation_.cache_directory(),
                                    "--pinscope-audit=" + installation_.audit_path(),
                                    "--pinscope-runtime=" + runtime()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  CommandResult call(const std::vector<std::string>& arguments) const {
    return Command(argv(arguments)).directory(bundle()).run();
  }

  // The call is refused with this on stderr and in the audit trail, and the bundle is as it was.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& reason,
                      const std::string& code) {
    const std::string before = config();
    const auto result = call(arguments);
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "pinscope-runtime: " + reason + "\n");
    const auto line = installation_.last_audit();
    EXPECT_EQ(line.outcome, "refused");
    EXPECT_EQ(line.stage, "shim");
    EXPECT_EQ(line.code, code);
    EXPECT_EQ(line.error, reason);
    EXPECT_EQ(config(), before);
    EXPECT_EQ(files(), std::vector<std::string>{"config.json"});
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(bundle()))
      names.push_back(entry.path().filename());
    return names;
  }

  TempDirectory directory_;
  Installation installation_;
};

}  // namespace pinscope::test
