// From the tree of a YAML document of kind PolicyTest to a test: keys, types, words, and
// expectations that could never hold.
#pragma once

#include <optional>

#include "plugin/policy/language/fields.h"
#include "plugin/policy/language/reporter.h"
#include "plugin/policy/language/tree.h"
#include "plugin/policy/testing/policy_test.h"

namespace pinscope::policy {

// Reports everything that is wrong. A test of which something was reported must not be run.
std::optional<PolicyTest> read_policy_test(const Node& root, Reporter& reporter);

// Part of it, in read_subject.cc: the keys that say who a container is, which are those of
// `select`. `keys` has them.
void read_container(const Mapping& keys, TestSubject& subject, Reporter& reporter);

}  // namespace pinscope::policy
