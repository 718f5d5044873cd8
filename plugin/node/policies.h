// The cluster's policies on this host: all of them in one file of the policy directory, so that one
// rename changes the whole set. The hook compares that directory with what it has compiled at every
// start, and would compile a set of which half is written: with one file there is no such moment.
// Files of others in the directory are read and never touched.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/policy/language/load.h"

namespace pinscope::node {

struct HostPolicies {
  std::string directory;
  std::string cache_directory;
};

inline constexpr const char* kClusterFile = "kubernetes.yaml";

struct InForce {
  std::string count;    // "3 policies in force"
  std::string changes;  // "\"a.yaml\" is new, \"b.yaml\" has changed"; empty if nothing was changed
};

// Checks `texts` together with the host's own policies, and only if the whole has no error writes
// the file and compiles. Otherwise everything stays as it was, and the error names each mistake by
// file and line. Nothing is written or compiled that is there already. No texts: no file.
Result<InForce> activate(const HostPolicies& host, const std::vector<policy::Text>& texts);

// Removes the file and compiles the policies that are left.
Status withdraw(const HostPolicies& host);

// If the policy directory is empty: removes it, its compiled set, and the directories above it and
// of the cache that are empty. Called when the hook is gone.
Status forget(const HostPolicies& host);

}  // namespace pinscope::node
