// One installation of the programs under test: policies, records, compiled policies and audit trail
// in a directory of its own, and the hook's command line that uses them.
#pragma once

#include <string>
#include <vector>

#include "tests/support/container/bundle.h"
#include "tests/support/machine/temp_directory.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

// What tests look at in a line of the audit trail.
struct AuditLine {
  std::string outcome;
  std::string code;
  std::string error;
  std::string stage;
  std::string container;
  std::string text;  // the whole line
};

// The lines of an audit trail; none where there is no such file.
std::vector<AuditLine> read_audit(const std::string& path);

class Installation {
 public:
  Installation();

  // Writes `name` in the policy directory; the next start of a hook takes it up.
  void write_policy(const std::string& text, const std::string& name = "test.yaml");
  void remove_policy(const std::string& name = "test.yaml");
  // Puts the policies in force now, as a hook would, so that hooks only read.
  CommandResult compile();
  // Waits until an edit shows: one in the same tick of the clock as the look at it would be
  // compiled once more at the next start, and tests count what is reported. The kernel gives no
  // event.
  static void settle();

  [[nodiscard]] std::string policy_directory() const { return directory_.path("policy.d"); }
  [[nodiscard]] std::string state_directory() const { return directory_.path("state"); }
  [[nodiscard]] std::string cache_directory() const { return directory_.path("cache"); }
  [[nodiscard]] std::string audit_path() const { return directory_.path("log/audit.jsonl"); }
  [[nodiscard]] const TempDirectory& directory() const { return directory_; }

  // argv of the hook for a stage.
  [[nodiscard]] std::vector<std::string> hook_argv(const std::string& stage) const;
  // The hook as an entry of config.json.
  [[nodiscard]] BundleHook hook(const std::string& stage) const;
  // Runs the hook with this state on stdin.
  CommandResult run_hook(const std::string& stage, const std::string& state);
  // Adds the hook to the bundle at createRuntime and poststop.
  void hook_into(BundleSpec& spec) const;

  // Further options of the hook, such as --engine; and a program with arguments in front of it.
  // With PINSCOPE_OLD_KERNEL in the environment, that is one that tells the hook what Linux 6.1
  // would.
  std::vector<std::string> options;
  std::vector<std::string> wrapper;

  // Runs pinscope with this installation's directories where the command takes them.
  CommandResult run_gc();

  [[nodiscard]] std::vector<AuditLine> audit() const;
  // The last line of the audit trail; an empty one if there is none.
  [[nodiscard]] AuditLine last_audit() const;
  // Names in the directory of the records, temporary files included.
  [[nodiscard]] std::vector<std::string> records() const;
  [[nodiscard]] std::string record(const std::string& id) const;

 private:
  TempDirectory directory_;
};

// A whole policy with one `spec`, which is indented by two blanks here: "grants:\n  - pin: …".
std::string policy_text(const std::string& spec, const std::string& name = "test");

}  // namespace pinscope::test
