// Runs the program that compiles policies, as a child that shares nothing with us: not our
// environment, directory, descriptors or signals. Used by store.cc alone.
#pragma once

#include <chrono>

#include "plugin/base/result.h"
#include "plugin/policy/set/store.h"

namespace pinscope::policy {

// Waits until `deadline`, then kills it. The error says why it did not end with status 0; what it
// found wrong with the policies is in what it wrote.
[[gnu::cold]] Status run_compiler(const StoreOptions& options,
                                  std::chrono::steady_clock::time_point deadline);

}  // namespace pinscope::policy
