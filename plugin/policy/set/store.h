// Where the compiled set lives, and how it follows the policy files: the last good set stays in
// force until a new one was accepted as a whole.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/hook_entry.h"
#include "plugin/model/record.h"
#include "plugin/policy/set/compiled.h"

namespace pinscope::policy {

struct StoreOptions {
  std::string policy_path = "/etc/pinscope/policy.d";
  std::string cache_directory = "/var/lib/pinscope";
  // The program that compiles (`PROGRAM compile --policy PATH --cache-dir DIR`); run only when the
  // files have changed since they were last looked at. Empty: `pinscope` beside the running
  // program.
  std::string compiler;
  // The time for the compiler and for waiting for another process's compiler, together. If it is
  // over, a set in force stays in force.
  std::chrono::milliseconds longest_refresh = model::kLongestPolicyRefresh;
  // The part of that time for waiting for another process's compiler, if a set is in force.
  std::chrono::milliseconds longest_wait{5000};
};

// The set in force, and whether the files have moved on without being accepted.
class PolicyStore {
 public:
  // Opens the set for options.policy_path, compiling first if the files changed. Where no set is in
  // force, an absent or empty policy directory gives an empty one. Where one is, it stays so while
  // the directory is gone; install.h says when none at all is believed. kPolicyUnavailable: files
  // are there, none was ever accepted.
  static Result<PolicyStore> open(const StoreOptions& options);

  PolicyStore(PolicyStore&&) noexcept;
  PolicyStore& operator=(PolicyStore&&) noexcept;
  ~PolicyStore();

  [[nodiscard]] bool empty() const;  // no policy at all: nothing can be selected
  [[nodiscard]] const CompiledSet& set() const;
  // The first error of the newest edit, where it was refused and an older set is in force.
  [[nodiscard]] const std::optional<std::string>& rejected() const;
  // Whether open() ran the compiler, and with which outcome: for the audit trail.
  enum class Refresh { kNone, kAccepted, kRejected };
  [[nodiscard]] Refresh refresh() const;
  // What that put in force, without a digest; nothing if it did not.
  [[nodiscard]] const std::optional<model::AcceptedPolicies>& accepted() const;

 private:
  struct State;
  explicit PolicyStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pinscope::policy
