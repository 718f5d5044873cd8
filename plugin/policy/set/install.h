// Makes the compiled set from the policy files: the only way a new set comes into force. Needs
// YAML, so the hook runs it as another program.
#pragma once

#include <optional>
#include <string>

#include "plugin/policy/language/load.h"

namespace pinscope::policy {

// What it means that there are no policy files while policies are in force.
enum class Empty {
  kAsFound,  // an edit if it is the same directory, emptied; else a directory that is not there
  kIsMeant,  // somebody said so
};

// What install() would make of the files: load_path(), and an error where there are none any more
// though nobody took them away: a directory that is gone, or another one, such as the mount point
// of a file system that is not mounted. `trust`, `shown` and `tests` are load_path()'s.
Loaded load_for_install(const std::string& policy_path, const std::string& cache_directory,
                        Trust trust = Trust::kRequired,
                        const std::optional<std::string>& shown = std::nullopt,
                        Tests tests = Tests::kSkipped);

// A warning if the policy files have changed but cannot replace the set in force, because the cache
// is on a read-only file system. load_for_install() gives it as well.
std::optional<Diagnostic> not_taken_up(const std::string& policy_path,
                                       const std::string& cache_directory);

// Loads `policy_path`; if it has no errors, compiles it and puts it in force under
// `cache_directory` atomically, else leaves the set in force alone and remembers the refused files
// and their errors, so that they are not tried again until they change. Where there are no policy
// files, nothing is kept. One installer at a time.
Result<Loaded> install(const std::string& policy_path, const std::string& cache_directory,
                       Empty empty = Empty::kAsFound);

}  // namespace pinscope::policy
